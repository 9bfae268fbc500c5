"""Spans of time as people write them: `90`, `90s`, `5m`, `2h`, `28d`."""

from __future__ import annotations

import re
from typing import Final

from pipeline.errors import InputError

_UNITS: Final = {"": 1_000, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SPAN: Final = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([smhd]?)")


def parse_span(option: str, text: str) -> int:
    """Milliseconds. Raises InputError naming the option when the text is no span of time."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise InputError(f"{option} {text!r}: write seconds, or a span such as 90s, 5m, 2h or 28d")
    return int(float(match[1]) * _UNITS[match[2]])
