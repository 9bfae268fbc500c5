"""Logs of one partition, drawn by Hypothesis: everything that may follow anything."""

from __future__ import annotations

import uuid
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st

from pipeline.core.reasons import Reason
from pipeline.core.windows import HOUR, MINUTE
from tests.support.world import ANSWERS, DAY, GROUPS, START, Sent, response

Step = tuple[str, int, int, int]
"""What happens next, and three numbers that say to whom, how and when."""

_AGES: Final = (
    *(0, 0, 0, 1, MINUTE, 58 * MINUTE, HOUR - 1, HOUR, HOUR + 1, 2 * HOUR, 25 * HOUR, -5 * MINUTE),
    *(
        22 * DAY,
        27 * DAY,
        28 * DAY - 1,
        28 * DAY,
        29 * DAY - HOUR,
        29 * DAY - 1,
        29 * DAY,
        29 * DAY + HOUR,
        60 * DAY,
    ),
)
"""How long before its append a response was given, in ms; five minutes ahead is allowed."""

_JUMPS: Final = (
    *(1, MINUTE - 1, MINUTE, HOUR - 1, HOUR, 2 * HOUR + 1, DAY, 8 * DAY),
    *(28 * DAY, 29 * DAY, 40 * DAY),
)
"""How long nothing is appended, in ms."""

_BAD: Final[tuple[dict[str, object] | Reason, ...]] = (
    Reason.TRUNCATED,
    Reason.TOMBSTONE,
    response(agency="nobody"),
    response(event_id="nothing"),
    response(answers={"trust": 6}),
    response(occurred_at=0),
    response(occurred_at=START + 500 * DAY),
)

_KINDS: Final = (
    *("new", "new", "new", "new", "new", "first", "again", "flip", "flip", "other", "other"),
    *("bad", "jump", "jump", "gap"),
)
_small = st.integers(0, 40)
steps = st.lists(
    st.tuples(st.sampled_from(_KINDS), *(_small, _small, _small)),
    min_size=1,
    max_size=60,
)

many = settings(max_examples=max(250, settings().max_examples))
"""For laws over logs: what breaks them is rare, and an example takes a few milliseconds."""


def make_log(script: list[Step], start: int = 0) -> list[Sent]:
    """The log that a script of steps describes; append times never fall, offsets rise."""
    log: list[Sent] = []
    given: list[dict[str, object]] = []
    clock, offset = START, start
    for kind, who, how, when in script:
        if kind == "jump":
            clock += _JUMPS[how % len(_JUMPS)]
            continue
        if kind == "gap":
            offset += 1 + how
            continue
        record = _record(kind, who, how, clock - _AGES[when % len(_AGES)], given)
        log.append((offset, clock, record))
        offset += 1
        clock += how % 3
    return log


def _record(
    kind: str, who: int, how: int, occurred_at: int, given: list[dict[str, object]]
) -> dict[str, object] | Reason:
    if kind == "bad":
        return _BAD[how % len(_BAD)]
    if given and kind in ("again", "flip", "other"):
        before = given[-1 - who % len(given)]
        if kind == "again":
            return dict(before)
        if kind == "flip":
            return {**before, "retracted": not before["retracted"]}
        return {**before, "location": f"office {how % 2}", "occurred_at": occurred_at}
    group = GROUPS[who % len(GROUPS)]
    answers = ANSWERS[group.survey]
    record = response(
        event_id=str(uuid.UUID(int=len(given) + 1)),
        occurred_at=occurred_at,
        answers=answers[how % len(answers)],
        retracted=kind == "first",  # taken back before it came
        **group._asdict(),
    )
    given.append(record)
    return record
