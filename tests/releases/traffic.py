"""Responses, and all that may follow them: repeats, retractions, late ones, garbage."""

from __future__ import annotations

import random
import uuid
from typing import Final

from pipeline.wire.responses import encode_response
from tests.support.world import ANSWERS, DAY, GROUPS, response

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE

AGES: Final = (0, MINUTE, HOUR, 3 * HOUR, 26 * HOUR, 8 * DAY, 27 * DAY)
"""How long ago, in ms, a response was given that is not late: in and between all four windows."""

LATE: Final = 60 * DAY
"""Long after its pane has expired."""

KINDS: Final = ("new",) * 9 + ("again",) * 3 + ("flip",) * 3 + ("first", "other", "late", "bad")

BAD: Final = (None, b"", b"not avro", encode_response(response(agency="nobody")))

Fields = dict[str, object]


def traffic(draw: random.Random, number: int, now: int, given: list[Fields]) -> list[bytes | None]:
    """That many values of a partition in which `given` were sent before; new ones join them."""
    return [_value(draw, now, given) for _ in range(number)]


def _value(draw: random.Random, now: int, given: list[Fields]) -> bytes | None:
    kind = draw.choice(KINDS)
    if kind == "bad":
        return draw.choice(BAD)
    if given and kind in ("again", "flip", "other"):
        before = draw.choice(given)
        changes: dict[str, Fields] = {
            "again": {},
            "flip": {"retracted": not before["retracted"]},
            "other": {"location": f"office {draw.random()}"},
        }
        return encode_response(before | changes[kind])
    group = draw.choice(GROUPS)
    fields = response(
        event_id=str(uuid.UUID(int=draw.getrandbits(128), version=4)),
        occurred_at=now - (LATE if kind == "late" else draw.choice(AGES)),
        answers=draw.choice(ANSWERS[group.survey]),
        retracted=kind == "first",  # taken back before it came
        **group._asdict(),
    )
    given.append(fields)
    return encode_response(fields)
