"""What producers send: new responses, repeats, retractions before and after, conflicts, rubbish."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Final

from pipeline.core.reasons import Reason
from pipeline.core.updates import Group
from pipeline.core.windows import HOUR, MINUTE
from pipeline.wire.responses import encode_response
from tests.simulation.catalogues import ALIAS, CARD, CLINIC, VISIT
from tests.support import world

Fields = Mapping[str, object]

_Answers = dict[str, tuple[dict[str, int], ...]]
ANSWERS: Final[_Answers] = {
    VISIT: ({}, {"trust": 1}, {"trust": 4, "ease": 3}),
    CARD: ({"yes_no": 0}, {"yes_no": 1}, {}),
}
MORE_ANSWERS: Final[_Answers] = {
    VISIT: (*ANSWERS[VISIT], {"trust": 2, "satisfaction": 5}),
    CARD: ANSWERS[CARD],
    CLINIC: ({"trust": 1}, {}),
}
"""Some of them only under some catalogues."""

_AGES: Final = (
    *(0, 0, 0, 1, MINUTE, 58 * MINUTE, HOUR, 2 * HOUR, 25 * HOUR, -4 * MINUTE),
    *(22 * world.DAY, 28 * world.DAY, 29 * world.DAY - HOUR, 29 * world.DAY + HOUR, 60 * world.DAY),
)
"""How long before it is sent a response was given, in ms."""

KINDS: Final = (
    *("new", "new", "new", "new", "beside", "again", "flip", "flip", "first", "other", "bad"),
)
CLOSE: Final = ("close",)
"""One more in the hour of the last one."""
NOW: Final = ("now",)
"""One with which those of days ago are late."""
AGAIN: Final = ("again",)

_BAD: Final[tuple[tuple[bytes | None, Reason], ...]] = (
    (None, Reason.TOMBSTONE),
    (b"", Reason.EMPTY),
    (b"{}", Reason.NOT_AVRO),
    (b"\xc3\x01abc", Reason.TRUNCATED),
)
_INVALID: Final[tuple[dict[str, object], ...]] = (
    {"agency": "nobody"},
    {"event_id": "nothing"},
    {"answers": {"trust": 6}},
    {"occurred_at": 0},
)


class Traffic:
    """Draws one record after the other. Ids keep to their partition, as a producer's key does,
    until partitions are added."""

    def __init__(self, rng: random.Random, partitions: int, answers: _Answers) -> None:
        self._rng = rng
        self._answers = answers
        self._groups = [group for group in world.GROUPS if group.survey in answers]
        self._partitions = partitions
        self._given: list[tuple[int, dict[str, object]]] = []
        self._moved = 0  # of those given before partitions were added
        self._fresh = 0  # of those given since the world last slept

    def slept(self) -> None:
        """Days went by: ids of before may be forgotten, and are not used for something else."""
        self._fresh = len(self._given)

    def spread(self, partitions: int) -> None:
        """There are more partitions: keys move, and what is sent again may go to another one."""
        self._partitions = partitions
        self._moved = len(self._given)

    def next(
        self, now: int, kinds: Sequence[str] = KINDS
    ) -> tuple[int, bytes | None, Fields | Reason]:
        """(partition, bytes, what they mean) of a record sent at `now`."""
        rng = self._rng
        kind = rng.choice(kinds)
        if kind == "bad":
            return self._bad(now)
        if self._given and kind in ("again", "flip"):
            at = rng.randrange(max(0, len(self._given) - 8), len(self._given))
            partition, before = self._given[at]
            if at < self._moved and rng.random() < 0.5:
                partition = rng.randrange(self._partitions)
            record = {**before, "retracted": bool(before["retracted"]) ^ (kind == "flip")}
        elif self._given and kind in ("beside", "close"):
            partition, before = rng.choice(
                self._given[-8:] if kind == "beside" else self._given[-1:]
            )
            record = self._beside(before)
            self._given.append((partition, record))
        elif kind == "other" and len(self._given) > self._fresh:
            partition, before = rng.choice(self._given[self._fresh :])
            record = {**before, "location": f"office {rng.randrange(2)}"}
        else:
            partition = rng.randrange(self._partitions)
            record = self._new(now, retracted=kind == "first")
            if self._given and kind == "now":
                partition, record["occurred_at"] = self._given[-1][0], now
            self._given.append((partition, record))
        return partition, encode_response(record), record

    def _new(self, now: int, retracted: bool) -> dict[str, object]:
        rng = self._rng
        group: Group = rng.choice(self._groups)
        if CLINIC in self._answers and group.survey == VISIT and rng.random() < 0.2:
            group = group._replace(service=ALIAS)
        return world.response(
            event_id=self._id(),
            occurred_at=now - rng.choice(_AGES),
            answers=rng.choice(self._answers[group.survey]),
            retracted=retracted,
            **group._asdict(),
        )

    def _beside(self, before: Mapping[str, object]) -> dict[str, object]:
        """Another answer of the same group and time: by now it may be late."""
        answers = self._rng.choice(self._answers[str(before["survey"])])
        return {**before, "event_id": self._id(), "answers": answers, "retracted": False}

    def _id(self) -> str:
        return f"00000000-0000-4000-8000-{len(self._given):012x}"

    def _bad(self, now: int) -> tuple[int, bytes | None, Fields | Reason]:
        rng = self._rng
        partition = rng.randrange(self._partitions)
        if rng.random() < 0.5:
            return partition, *rng.choice(_BAD)
        record = {**self._new(now, False), **rng.choice(_INVALID)}
        return partition, encode_response(record), record
