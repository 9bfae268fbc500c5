"""The record with which an operator lifts a pause: one a partition of `cx.checkpoints`.

Its key is nobody's, so that no owner clears it up: compaction keeps the last one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

RESUME_KEY: Final = b"resume"


def encode_resume(generation: int, offset: int) -> bytes:
    """Lifts, in this generation of the responses topic, every pause at or below `offset`."""
    return json.dumps({"generation": generation, "offset": offset}).encode()


def resumed_to(records: Mapping[bytes, bytes], generation: int) -> int:
    """Up to which offset pauses are lifted, from the live records of a partition; 0: none is.

    A record that is none lifts nothing: a partition that stays paused is seen, and does no harm.
    """
    try:
        body = json.loads(records[RESUME_KEY])
        return int(body["offset"]) if body["generation"] == generation else 0
    except (KeyError, ValueError, TypeError):
        return 0
