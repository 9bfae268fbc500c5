"""What expired behind a checkpoint: nothing that a dead owner told of it stands."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.partition import Emission, PartitionState
from pipeline.core.updates import Gap, LedgerEntry, Loss, ScoreUpdate, Totals
from pipeline.core.windows import HOUR
from pipeline.score.told import hours_of, lost_to
from tests.support.logs import Step, make_log, many, steps
from tests.support.runs import MASK, Reader, Run
from tests.support.world import CATALOGUE, GROUPS, Sent

places = st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)).map(sorted)


class Telling(Run):
    """Keeps what was told besides."""

    def __init__(self, log: list[Sent]) -> None:
        super().__init__(log)
        self.updates: list[ScoreUpdate] = []

    def take(self, emission: Emission) -> None:
        super().take(emission)
        self.updates += emission.updates


@many
@given(script=steps, at=places, every=st.integers(1, 9))
def test_nothing_that_was_told_of_lost_records_stands(
    script: list[Step], at: Sequence[float], every: int
) -> None:
    log = make_log(script)
    cut, died, left = (int(share * len(log)) for share in at)
    run = Telling(log)
    run.fold(0, cut)
    run.act("full")
    before, seen = run.state.next_offset, len(run.updates)
    for position in range(cut, died, every):
        run.fold(position, min(every, died - position))
        run.act("tell")
    told_to, hours = run.state.next_offset, hours_of(run.updates[seen:])
    start = log[left][0] if left < len(log) else log[-1][0] + 1 if log else 0
    loss = Loss(max(start, told_to + 1), told_to, run.state.as_of, hours)

    run.act("crash")
    quiet = Run(log)
    quiet.fold(0, cut)
    quiet.now = run.now
    quiet.act("tell")
    for one in (run, quiet):
        one.state.lose(loss if one is run else Loss(loss.to))
        one.fold(0, len(log))
        one.act("tell")
    assert run.state.totals == quiet.state.totals
    _compare(run.reader, quiet.reader, range(before + 1, told_to + 1))


def _compare(told: Reader, due: Reader, given_up: range) -> None:
    for key, (version, counts) in told.panes.items():
        assert version & MASK not in given_up
        _, expected = due.panes.get(key, (0, None))
        assert counts is None or counts == expected or not (expected or any(counts))
    assert due.panes.keys() <= told.panes.keys()
    for window, (end, version, shown) in told.windows.items():
        assert version & MASK not in given_up
        last, _, expected = due.windows.get(window, (0, 0, ()))
        assert (end, shown) == (last, expected) or not any((*shown, *expected))


entries = st.lists(
    st.tuples(st.integers(6, 20), st.lists(st.integers(6, 20), max_size=1)), max_size=4
)


@given(told=entries, start=st.integers(6, 25))
def test_what_is_given_up_is_readable_again_never_and_told_by_nobody_before(
    told: list[tuple[int, list[int]]], start: int
) -> None:
    """A fold at offset 5; each entry ends somewhere, and may have given up what follows 5."""
    said = [_entry(end, [Gap(5, to) for to in gaps]) for end, gaps in told]
    to, before = lost_to(said, 5, start)
    first = next((n for n, (_, gaps) in enumerate(told) if gaps and gaps[0] >= start), None)
    assert to >= start
    assert before == max((end for end, _ in told[:first]), default=0)
    assert to == (max(start, before) if first is None else told[first][1][0])


def _entry(end: int, gaps: list[Gap]) -> LedgerEntry:
    return LedgerEntry(1, 0, 5, end, 0, 0, 0, "", Totals(), (), tuple(gaps))


def test_a_fold_that_lacks_its_beginning_has_those_hours_recounted() -> None:
    state = PartitionState(3, 1, 5, CATALOGUE, partial=True)
    state.lose(Loss(9, 8, 0, {GROUPS[0]: {5, 7}}))
    (update,) = state.emit(0, windows=False).updates
    assert (update.group, update.panes) == (GROUPS[0], ())
    assert update.repairs == (5 * HOUR, 7 * HOUR)
