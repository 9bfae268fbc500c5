"""What the sink has of the raw rows of one log, and says that it lacks; and which counts of late
hours may stand for that: a recount finds too little, and then lowers nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from copy import copy
from functools import cached_property
from typing import Any, Final

from pipeline.core.updates import Group
from pipeline.core.vocabulary import RESPONSE, SLOTS
from pipeline.sink.expired import NO_LACK
from pipeline.wire.scores import decode_score
from tests.simulation.store import KEYS
from tests.simulation.world import TOPICS, Sent, World
from tests.support.naive import HOUR_MS, Naive
from tests.support.runs import MASK

Counts = dict[str, list[int]]
"""By measure."""

AHEAD_MS: Final = 300_000
"""So long before it is given an answer may be appended."""


class Stored:
    """Raw rows of one log, against its truth: the judgement of what is not lost."""

    def __init__(
        self,
        world: World,
        sent: Sent,
        naive: Naive,
        is_lost: Callable[[int], bool],
        is_given_up: Callable[[int], bool],
    ) -> None:
        self._world = world
        self._sent = sent
        self._naive = naive
        self._is_given_up = is_given_up
        self._place = (sent.generation, sent.number)
        self._raw = {key[2] for key in world.store.tables["responses"] if key[:2] == self._place}
        self._sendable = {at for at, _, said in sent.log if not isinstance(said, str)}
        self._lacking = {at for at in self._sendable - self._raw if not is_lost(at)}
        rows = world.store.tables["unstored"].items()
        self._told_lacking = {
            key[2:]: hour * 1000 for key, (_, (hour,)) in rows if key[:2] == self._place
        }
        self._said = {at for span in self._told_lacking for at in range(*span)}
        self._torn_before = world.store.lacking().get(self._place, NO_LACK).hour

    def faults(self) -> Iterator[str]:
        """What is wrong with them, and with what is said to be lacking."""
        if extra := self._raw - self._sendable:
            yield f"raw rows {sorted(extra)} too many"
        if unsaid := self._lacking - self._said:
            yield f"raw rows {sorted(unsaid)} are lacking, and nothing says so"
        if untrue := self._said - {at for span in self._sent.unread for at in range(*span)}:
            yield f"raw rows {sorted(untrue)} were stored, and are said to be lacking"
        for one in self._naive.said:
            if one.offset in self._lacking and one.event[1] >= self._torn_before:
                yield f"an answer of {one.event[1]} is lacking after {self._torn_before}"
        for (_, end), hour in self._told_lacking.items():
            later = (at for offset, at, _ in self._sent.log if offset >= end)
            first = next(later, self._world.clock())
            if hour > ((first + AHEAD_MS) // HOUR_MS + 1) * HOUR_MS:
                yield f"hours before {hour} said to be torn, though read on at {first}"

    def is_torn(self, key: tuple[Any, ...]) -> bool:
        """Whether a row is a pane that may lack raw rows."""
        pane = len(key) == len(KEYS["score_panes"]) and isinstance(key[0], int)
        return pane and key[0] * 1000 < self._torn_before

    def may_stand(self, group: Group, hour: int, shown: Counts) -> bool:
        """Whether a late hour may show these counts: it lacks raw rows, and the last note found
        them or fewer than stood there; but nothing has lowered it."""
        if hour >= self._torn_before:
            return False
        late = [at + 1 for at, *place in self._naive.late if place == [group, hour]]
        whole = min(_total(self._naive.recounted(group, hour, below)) for below in late)
        if _total(shown) < min(whole, self._told(group, hour)):
            return False
        found = [one.recounted(group, hour, 1 << 48) for one in self._partial]
        return any(
            _answered(one) == _answered(shown) or _total(one) < _total(shown) for one in found
        )

    @cached_property
    def _partial(self) -> list[Naive]:
        """The judgement as far as it is stored, and as far as sinks know: one that was stopped may
        store what it had read after others have said that it lacks."""
        return [_without(self._naive, self._lacking), _without(self._naive, self._said)]

    def _told(self, group: Group, hour: int) -> int:
        """How many responses a score worker last told of an hour."""
        newest = 0, 0
        for partition in self._world.broker.topics[TOPICS.scores]:
            for record in partition.records:
                update = decode_score(record.value or b"")
                place = (update.version >> 48, update.partition)
                if (update.group, place) != (group, self._place):
                    continue
                at = [measure for measure, _ in update.measures].index(RESPONSE) * SLOTS
                for pane in update.panes:
                    if pane.hour == hour and not self._is_given_up(update.version & MASK):
                        newest = max(newest, (update.version, pane.counts[at]))
        return newest[1]


def _without(naive: Naive, offsets: Set[int]) -> Naive:
    partial = copy(naive)
    partial.said = [one for one in naive.said if one.offset not in offsets]
    return partial


def _total(counts: Counts) -> int:
    return counts.get(RESPONSE, [0])[0]


def _answered(counts: Counts) -> Counts:
    return {measure: found for measure, found in counts.items() if any(found)}
