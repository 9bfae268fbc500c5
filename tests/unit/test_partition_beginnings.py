"""Where a fold begins and goes on: chains of cuts, and logs whose first records are gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.core.cut import Cut
from pipeline.core.partition import PartitionState, Record
from pipeline.core.windows import HOUR
from pipeline.wire.cuts import decode_cut, encode_cut
from tests.support.world import CATALOGUE, DAY, START, checked, response


def partial(start: int = 1000) -> PartitionState:
    return PartitionState(0, 1, start, CATALOGUE, partial=True)


def restored(state: PartitionState) -> PartitionState:
    state.emit(START, windows=True)
    return PartitionState.load([decode_cut(encode_cut(state.cut(True)))], CATALOGUE)


def answered(offset: int, occurred_at: int, appended_at: int) -> Record:
    event_id = f"00000000-0000-4000-8000-{offset:012}"
    record = response(event_id=event_id, occurred_at=occurred_at)
    ((_, _, read),) = checked(partial(), [(offset, appended_at, record)])
    return offset, appended_at, read


@pytest.mark.parametrize("restart", [False, True], ids=["at once", "after a restart"])
def test_a_fold_that_lacks_the_first_records_leaves_hours_they_may_be_in_to_the_sink(
    restart: bool,
) -> None:
    state = restored(partial()) if restart else partial()
    clock = START + 56 * 60_000  # an emitter may be 5 minutes ahead: the next hour may have begun
    state.apply([answered(1000, clock, clock), answered(1001, START + HOUR, clock)])
    state.apply([answered(1002, START + 2 * HOUR - 1, clock + HOUR)])
    state.apply([answered(1003, START + 2 * HOUR, clock + 2 * HOUR)])
    emission = state.emit(clock + 2 * HOUR, windows=True)
    assert emission.entry is not None
    assert [verdict.outcome for verdict in emission.entry.exceptions] == ["late"] * 3
    assert emission.updates[0].repairs == (START, START + HOUR)
    assert [row.hour for row in emission.updates[0].panes] == [START + 2 * HOUR]


def test_windows_that_begin_before_the_first_complete_hour_are_withheld() -> None:
    state = partial()
    state.apply([answered(1000, START, START), answered(1001, START + HOUR, START + HOUR)])
    assert shown(state, START + HOUR) == set()
    assert shown(restored(state), START + 2 * HOUR) == {"1h"}
    assert shown(state, START + 25 * HOUR) == {"1h", "24h"}


def shown(state: PartitionState, now: int) -> set[str]:
    return {row.window for update in state.emit(now, True).updates for row in update.windows}


def test_a_fold_from_the_start_of_the_log_counts_from_its_first_hour() -> None:
    state = PartitionState(0, 1, 0, CATALOGUE)
    state.apply([answered(0, START - 20 * DAY, START)])
    assert [row.hour for row in state.emit(START, True).updates[0].panes] == [START - 20 * DAY]


def test_a_cut_waits_until_all_that_changed_was_told() -> None:
    state = PartitionState(0, 1, 0, CATALOGUE)
    state.apply([answered(0, START, START)])
    with pytest.raises(ValueError, match="emit before cut"):
        state.cut(full=True)


def test_a_chain_begins_with_a_full_cut_and_holds_increments_of_one_partition_in_order() -> None:
    state = PartitionState(0, 1, 0, CATALOGUE)
    full = state.cut(full=True)
    step = replace(state.cut(full=False), next_offset=5)
    wrong: tuple[list[Cut], ...] = (
        [],
        [step],
        [full, full],
        [full, replace(step, partition=1)],
        [full, replace(step, generation=2)],
        [full, step, replace(step, next_offset=4)],
    )
    for chain in wrong:
        with pytest.raises(ValueError, match="chain"):
            PartitionState.load(chain, CATALOGUE)
    assert PartitionState.load([full, step], CATALOGUE).next_offset == 5
