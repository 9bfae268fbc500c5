"""Whether the end of a schedule is right: every row against the truth, found without the fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, Final

from pipeline.core.catalogue import Catalogue
from pipeline.core.partition import PartitionState
from pipeline.core.updates import Group, Loss
from pipeline.core.vocabulary import SLOTS
from pipeline.core.windows import WINDOWS
from pipeline.wire.cuts import decode_cut
from tests.simulation.judged import Judged, judged
from tests.simulation.kept import newest_chain
from tests.simulation.store import PARTITION_AT
from tests.simulation.stored import Stored
from tests.simulation.world import TOPICS, World
from tests.simulation.world import Sent as Log
from tests.support.naive import HOUR_MS, Naive
from tests.support.runs import MASK, snapshot
from tests.support.world import Sent, checked

Panes = dict[tuple[Group, int], dict[str, list[int]]]
_LENGTHS: Final = {window.name: window.pane * window.panes for window in WINDOWS}

NONE: Final = [0] * SLOTS
"""Counts of what nobody has answered."""


def check(world: World) -> list[str]:
    """What is wrong at the end; nothing when all is well."""
    found = list(world.failures)
    for sent in (*world.past, *world.sent):
        by = judged(world.broker, sent.number, sent.generation)
        where = f"partition {sent.number}, life {sent.generation}"
        if by.twice:
            found.append(f"{where}: judged by two catalogues: {sorted(by.twice)}")
        found += [f"{where}: {fault}" for fault in Truth(world, sent, by).faults()]
    return found


class Truth:
    """What one log of one partition says, against what became of it."""

    def __init__(self, world: World, sent: Log, by: Judged) -> None:
        self.world = world
        self.sent = sent
        self.number = sent.number
        self.generation = sent.generation
        self.gone = sent in world.past
        self.lost = sent.lost
        self.log: list[Sent] = [one for one in sent.log if not self._is_lost(one[0])]
        self.end = sent.end or world.broker.topics[TOPICS.responses][self.number].end
        self.spells = by.spells
        self.naive = self._naive()
        self.stored = Stored(world, sent, self.naive, self._is_lost, self._is_given_up)
        self._known: dict[tuple[Group, int, int, int], dict[str, list[int]]] = {}

    def _naive(self) -> Naive:
        """The outcomes of the log, each spell by its catalogue."""
        naive = Naive(self.world.catalogue)
        ends = [*(start for start, _ in self.spells[1:]), self.end]
        for (start, naive.catalogue), end in zip(self.spells, ends, strict=False):
            naive.fold([one for one in self.log if start <= one[0] < end])
        return naive

    def faults(self) -> Iterator[str]:
        for key, version, conflict in self.world.store.conflicts.get(self.number, ()):
            # A recount may know of the gap, or not yet; or of what a stopped sink stores later.
            if not self._is_given_up(version & MASK) and not self.stored.is_torn(key):
                yield conflict
        yield from self._outcomes()
        yield from self.stored.faults()
        yield from self._gaps()
        yield from self._ledger()
        yield from self._panes()
        yield from self._windows()
        if not self.gone:
            yield from self._checkpoint()

    def rows(self, table: str) -> dict[tuple[Any, ...], tuple[int, tuple[Any, ...]]]:
        """The rows of this log."""
        rows = self.world.store.tables[table]
        return {key: row for key, row in rows.items() if self._owns(table, key)}

    def _owns(self, table: str, key: tuple[Any, ...]) -> bool:
        at = PARTITION_AT[table]
        return bool(key[at - 1 : at + 1] == (self.generation, self.number))

    def _outcomes(self) -> Iterator[str]:
        stored = {
            key[2]: (outcome, reason == "conflicting")
            for key, (_, (outcome, reason)) in self.rows("outcomes").items()
            if not self._is_lost(key[2])
        }
        due = {at: one for at, one in self.naive.outcomes.items() if one[0] != "accepted"}
        if stored != due:
            yield f"outcomes {_difference(stored, due)}"
        letters = {key[3] for key in self.rows("dead_letters") if not self._is_lost(key[3])}
        bad = {at for at, (outcome, _) in due.items() if outcome == "dead_letter"}
        if letters != bad:
            yield f"dead letters at {sorted(letters)}, not at {sorted(bad)}"

    def _gaps(self) -> Iterator[str]:
        """What expired unread is told, offset by offset; a restart may tell it in other pieces."""
        told = {at for key in self.rows("gaps") for at in range(*key[2:])}
        due = {at for span in self.lost for at in range(*span[:2])}
        if told != due:
            yield f"offsets {sorted(told ^ due)} in a gap though judged, or lost and in none"

    def _ledger(self) -> Iterator[str]:
        rows = self.rows("ledger")
        for (_, _, following), (_, content) in rows.items():
            if self._is_given_up(following):
                continue
            received, *parts, missing, marker, start = content[:9]
            if received != sum(parts) or following - start != received + missing + marker:
                yield f"ledger row at {following} does not add up: {content}"
            below = Counter(o for at, (o, _) in self.naive.outcomes.items() if at < following)
            names = ("accepted", "duplicate", "late", "retraction", "dead_letter")
            if parts != [below[name] for name in names]:
                yield f"ledger row at {following}: {parts}, not {below}"
            if missing != (lost := self._missing(following)):
                yield f"ledger row at {following}: {missing} missing, not {lost}"
        if max((key[2] for key in rows), default=0) != self.end:
            yield f"the ledger ends at {max((k[2] for k in rows), default=0)}, not at {self.end}"

    def _panes(self) -> Iterator[str]:
        told: Panes = {}
        for key, (_, content) in self.rows("score_panes").items():
            hour, *group, measure = key[:6]
            told.setdefault((Group(*group), hour * 1000), {})[measure] = list(content[0])
        due = self.naive.final_panes()
        if self.world.restless:  # what was never asked in an hour has no row, and no answers
            told, due = _answered(told), _answered(due)
        for place in told.keys() - due.keys():
            if self.lost and not any(map(any, told[place].values())):
                del told[place]  # taken back: all of it was lost
        for place in {(group, hour) for _, group, hour in self.naive.late}:
            if place in told and self.stored.may_stand(*place, told[place]):
                due[place] = told[place]
        if told != due:
            yield f"panes {_difference(told, due)}"
        for (key, version), content in self.world.store.written["score_panes"].items():
            if self._owns("score_panes", key) and not self._is_given_up(version & MASK):
                yield from self._pane(key, version, list(content[0]))

    def _pane(self, key: tuple[Any, ...], version: int, counts: list[int]) -> Iterator[str]:
        """A pane at its own version, unless some of its answers came late."""
        hour, *group, measure = key[:6]
        place = Group(*group), hour * 1000
        if version >> 48 != self.generation:
            yield f"a pane of generation {version >> 48}"
        if place in {(group, hour) for _, group, hour in self.naive.late}:
            return
        due = self._counts(*place, place[1] + HOUR_MS, version & MASK)
        if due.get(measure, NONE) != counts:
            yield f"pane {place} {measure} at {version & MASK}: {counts}, not {due[measure]}"

    def _windows(self) -> Iterator[str]:
        newest: dict[tuple[Any, ...], tuple[int, int, list[int]]] = {}
        for (key, version), content in self.world.store.written["rolling_scores"].items():
            if not self._owns("rolling_scores", key) or self._is_given_up(version & MASK):
                continue
            window, end, *group, measure, _scale, _generation, _partition = key
            counts = list(content[0])
            due = self._window(Group(*group), window, end * 1000, version & MASK)
            if due.get(measure, NONE) != counts:
                yield f"{key} at {version & MASK}: {counts}, not {due[measure]}"
            row = (end * 1000, version, counts)
            place = (Group(*group), window, measure)
            newest[place] = max(row, newest.get(place, row))
        if self.world.settled and not self.gone:
            yield from self._shown(newest)

    def _shown(self, newest: dict[tuple[Any, ...], tuple[int, int, list[int]]]) -> Iterator[str]:
        """The newest row of each window is that of now; one that was told to be zero may be old."""
        now = self.world.clock()
        for window in WINDOWS:
            end = (now // window.pane + 1) * window.pane
            for group in {one.group for one in self.naive.counted}:
                for measure, counts in self._window(group, window.name, end, self.end).items():
                    at, version, shown = newest.get((group, window.name, measure), (0, 0, [0] * 6))
                    if shown != counts or (at != end and any(counts)):
                        yield (
                            f"{group} {window.name} {measure} shows {shown} to {at} of "
                            f"{version & MASK}, not {counts} to {end}"
                        )

    def _checkpoint(self) -> Iterator[str]:
        chain = newest_chain(self.world.broker, self.number)
        if chain is None:
            yield "no checkpoint"
            return
        kept = PartitionState.load([decode_cut(cut) for cut in chain.cuts], self.world.catalogue)
        whole = self._folded()
        if self.lost:  # what was told last of the lost is known to the ledger alone
            whole.as_of = max(whole.as_of, kept.as_of)
        found, due = snapshot(kept), snapshot(whole)
        if self.world.restless:  # catalogues in between without records leave no trace
            found, due = found | _counted(kept), due | _counted(whole)
        if found != due:
            yield f"checkpoint at {kept.next_offset} {_difference(found, due)}"

    def _folded(self) -> PartitionState:
        """The state after an undisturbed fold, which changed catalogues and lost what expired."""
        first = self.spells[0][1] if self.spells else self.world.catalogue
        state = PartitionState(self.number, self.generation, 0, first)
        spells = [*self.spells[1:], (self.end, self.world.catalogue)]
        lost = [(start, end) for start, end, _ in self.lost]
        events: list[tuple[int, int | Catalogue]] = sorted([*lost, *spells], key=itemgetter(0))
        for start, what in events:
            state.apply(checked(state, [one for one in self.log if one[0] < start]))
            state.skip(start)
            if isinstance(what, int):
                state.lose(Loss(what))
            else:
                state.emit(self.world.clock(), windows=True)
                state.switch(what)
        return state

    def _is_lost(self, offset: int) -> bool:
        return any(start <= offset < end for start, end, _ in self.lost)

    def _is_given_up(self, below: int) -> bool:
        """Told by a worker that had read what is lost by now."""
        return any(start < below <= told for start, _, told in self.lost)

    def _missing(self, below: int) -> int:
        return sum(max(0, min(end, below) - start) for start, end, _ in self.lost)

    def _window(self, group: Group, name: str, end: int, below: int) -> dict[str, list[int]]:
        return self._counts(group, end - _LENGTHS[name], end, below)

    def _counts(self, group: Group, start: int, end: int, below: int) -> dict[str, list[int]]:
        key = (group, start, end, below)
        if key not in self._known:
            self._known[key] = self.naive.counts(group, start, end, below)
        return self._known[key]


def _answered(panes: Panes) -> Panes:
    return {
        place: {measure: counts for measure, counts in one.items() if any(counts)}
        for place, one in panes.items()
    }


def _counted(state: PartitionState) -> dict[str, object]:
    """The panes of a snapshot, whatever the layout: (measure, scale) → counts that are not zero."""
    panes: dict[object, object] = {}
    for group, own in state.book.groups.items():
        for kind, pane in (("hour", own.hours), ("minute", own.minutes)):
            for at, counts in pane.items():
                parts = (counts[n : n + SLOTS] for n in range(0, len(counts), SLOTS))
                there = {m: c for m, c in zip(own.measures, parts, strict=True) if any(c)}
                if there:
                    panes[group, kind, at] = there
    return {"panes": panes, "held": None}


def _difference(found: dict[Any, Any], due: dict[Any, Any]) -> str:
    parts = [
        f"{key}: {found.get(key)} instead of {due.get(key)}"
        for key in {**found, **due}
        if found.get(key) != due.get(key)
    ]
    return "; ".join(parts[:3])
