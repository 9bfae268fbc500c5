"""Corners of the rolling windows that chance seldom finds."""

from __future__ import annotations

import pytest

from pipeline.core.partition import PartitionState
from pipeline.core.updates import Group, WindowRow
from pipeline.core.windows import HOUR, MINUTE
from tests.support.world import CATALOGUE, DAY, GROUPS, START, checked, response

OURS, OTHER = GROUPS[0], GROUPS[4]


class Fold:
    """A partition that answers arrive at, and what it shows of the first group."""

    def __init__(self) -> None:
        self.state = PartitionState(0, 1, 0, CATALOGUE)

    def answer(self, occurred_at: int, group: Group = OURS) -> None:
        offset = self.state.next_offset
        event_id = f"00000000-0000-4000-8000-{offset:012}"
        record = response(event_id=event_id, occurred_at=occurred_at, answers={}, **group._asdict())
        verdicts = self.state.apply(checked(self.state, [(offset, occurred_at + 60 * DAY, record)]))
        assert not verdicts

    def show(self, now: int, group: Group = OURS) -> dict[str, int]:
        """Window → responses in it, for the rows told now."""
        updates = self.state.emit(now, windows=True).updates
        return {
            row.window: responses(row) for update in updates if update.group == group
            for row in update.windows
        }  # fmt: skip


def responses(row: WindowRow) -> int:
    return row.counts[-6]


def test_an_answer_is_in_a_window_until_exactly_its_length_has_passed() -> None:
    fold = Fold()
    fold.answer(START)
    assert fold.show(START) == {"1h": 1, "24h": 1, "7d": 1, "28d": 1}
    assert fold.show(START + HOUR - 1) == {"1h": 1}
    assert fold.show(START + HOUR) == {"1h": 0, "24h": 1, "7d": 1, "28d": 1}
    assert fold.show(START + DAY - 1) == {"24h": 1, "7d": 1, "28d": 1}
    assert fold.show(START + DAY) == {"24h": 0, "7d": 1, "28d": 1}
    assert fold.show(START + 28 * DAY - 1) == {"7d": 0, "28d": 1}
    assert fold.show(START + 28 * DAY) == {"28d": 0}
    assert fold.show(START + 29 * DAY) == {}


def test_an_answer_from_a_clock_ahead_is_shown_once_its_minute_has_come() -> None:
    fold = Fold()
    fold.answer(START + 2 * MINUTE)
    assert fold.show(START) == {"1h": 0, "24h": 1, "7d": 1, "28d": 1}
    assert fold.show(START + 2 * MINUTE) == {"1h": 1}


def test_a_window_that_slides_past_panes_that_are_gone_is_counted_anew() -> None:
    fold = Fold()
    fold.answer(START)
    fold.answer(START + 20 * DAY)
    assert fold.show(START + 20 * DAY)["28d"] == 2
    fold.answer(START + 29 * DAY + HOUR)  # the first answer's pane expires
    assert fold.show(START + 29 * DAY + HOUR)["28d"] == 2


def test_a_clock_ahead_does_not_take_minutes_out_of_the_hour() -> None:
    fold = Fold()
    fold.answer(START)
    fold.answer(START + 63 * MINUTE)
    assert fold.show(START + 58 * MINUTE)["1h"] == 1


@pytest.mark.parametrize("crash", [False, True])
def test_a_group_that_expired_while_windows_were_off_is_shown_as_empty(crash: bool) -> None:
    fold = Fold()
    fold.answer(START)
    assert fold.show(START)["28d"] == 1
    if crash:  # before any checkpoint
        fold = Fold()
        fold.answer(START)
    fold.state.emit(START, windows=False)
    fold.answer(START + 40 * DAY, OTHER)
    fold.state.emit(START + 40 * DAY, windows=False)
    assert fold.show(START + 40 * DAY) == {"1h": 0, "24h": 0, "7d": 0, "28d": 0}


def test_the_last_response_of_a_group_is_its_latest_not_the_one_read_last() -> None:
    fold = Fold()
    for occurred_at in (START + HOUR, START, START + MINUTE):
        fold.answer(occurred_at)
    (update,) = fold.state.emit(START + HOUR, windows=False).updates
    assert update.last_response_at == START + HOUR


def test_groups_of_which_nothing_is_left_are_forgotten() -> None:
    fold = Fold()
    fold.answer(START)
    fold.show(START)
    fold.answer(START + 40 * DAY, OTHER)
    fold.show(START + 40 * DAY)
    assert set(fold.state.book.groups) == {OTHER}


def test_windows_wait_for_a_clock_that_was_set_back() -> None:
    fold = Fold()
    fold.answer(START)
    fold.show(START + 30 * MINUTE)
    assert fold.show(START) == {}
    fold.answer(START + 1)
    assert fold.show(START)["1h"] == 2
    ends = {row.window_end for row in _told(fold, START)}
    assert ends == {START + 31 * MINUTE, START + HOUR}


def _told(fold: Fold, now: int) -> list[WindowRow]:
    fold.answer(START + 2)
    return [row for update in fold.state.emit(now, True).updates for row in update.windows]
