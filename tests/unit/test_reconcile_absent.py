"""Which rolling windows must have a row, by those that are there and by what was folded."""

from __future__ import annotations

from pipeline.core.updates import Group
from pipeline.operate.reconcile.absent import Due, due
from pipeline.operate.reconcile.journals import Journal, Origin
from pipeline.operate.reconcile.spans import Measured, Span, Stored

HOUR = 3600
DAY = 24 * HOUR
AT = 500_000 * HOUR + 1_830
"""Half a minute after half past some hour, in s."""
HERE = Origin(1, 0)
GROUP = Group("va", "va-vha", "email", "va-vha-post-visit")


def journal(as_of: int, *, start: int = 0) -> Journal:
    return Journal(HERE, start, 40, 40, as_of * 1000)


def row(window: str, begin: int, end: int, below: int) -> dict[Span, Measured]:
    return {Span(HERE, GROUP, window, begin, end): {("trust", "likert5"): Stored(below, ())}}


def dues(
    rows: dict[Span, Measured], *, as_of: int = AT - 2 * HOUR, floor: int = 0
) -> dict[str, Due]:
    found = due(rows, {HERE: journal(as_of)}, {HERE: floor}, AT)
    return {one.window: one for one in found}


MINUTE_END = AT + 30
HOUR_END = AT - 1_830 + HOUR


def test_a_row_of_the_last_minute_tells_the_end_of_all_windows() -> None:
    found = dues(row("1h", MINUTE_END - HOUR, MINUTE_END, 30))
    ends = {name: (one.begin, one.end, one.below) for name, one in found.items()}
    assert ends == {
        "1h": (MINUTE_END - HOUR, MINUTE_END, 30),
        "24h": (HOUR_END - DAY, HOUR_END, 30),
        "7d": (HOUR_END - 7 * DAY, HOUR_END, 30),
        "28d": (HOUR_END - 28 * DAY, HOUR_END, 30),
    }


def test_the_offset_is_that_of_the_row_that_tells_the_time() -> None:
    late = row("24h", HOUR_END - DAY, HOUR_END, 35)
    found = dues(row("1h", MINUTE_END - HOUR, MINUTE_END, 30) | late)
    assert {one.below for one in found.values()} == {30}


def test_without_rows_of_minutes_the_last_record_tells_the_time_if_that_is_later() -> None:
    rows = row("24h", HOUR_END - DAY, HOUR_END, 30)
    assert dues(rows)["1h"].end == HOUR_END - HOUR + 60
    assert dues(rows)["24h"].end == HOUR_END
    found = dues(rows, as_of=AT)
    assert (found["1h"].end, found["24h"].end, found["24h"].below) == (MINUTE_END, HOUR_END, 40)


def test_without_any_row_what_was_folded_must_have_some_while_windows_may_hold_it() -> None:
    assert len(dues({}, as_of=AT - DAY)) == 4
    assert dues({}, as_of=AT - DAY - 1).keys() == {"7d", "28d"}
    assert dues({}, as_of=AT - 7 * DAY - 1).keys() == {"28d"}
    assert dues({}, as_of=AT - 28 * DAY - 1) == {}


def test_who_is_silent_must_have_been_told_of_one_pane_before_the_newest_of_all() -> None:
    others = {
        span._replace(origin=Origin(1, 1)): measured
        for span, measured in row("1h", MINUTE_END - HOUR, MINUTE_END, 30).items()
    }
    found = dues(others, as_of=AT - 3 * DAY)
    ends = {name: (one.end, one.below) for name, one in found.items()}
    assert ends == {"7d": (HOUR_END - HOUR, 40), "28d": (HOUR_END - HOUR, 40)}
    assert dues(others)["1h"].end == MINUTE_END - 60
    assert dues(others, as_of=AT)["1h"].end == MINUTE_END


def test_a_clock_that_is_ahead_tells_no_time() -> None:
    ahead = {
        span._replace(origin=Origin(1, 1)): measured
        for span, measured in row("1h", MINUTE_END - HOUR, MINUTE_END + 300, 30).items()
    }
    assert dues(ahead)["24h"].end == HOUR_END - 2 * HOUR


def test_windows_that_begin_before_the_floor_are_withheld() -> None:
    rows = row("1h", MINUTE_END - HOUR, MINUTE_END, 30)
    assert dues(rows, floor=HOUR_END - DAY).keys() == {"1h", "24h"}


def test_a_partition_that_is_behind_or_gone_owes_nothing() -> None:
    assert [*due(row("1h", MINUTE_END - HOUR, MINUTE_END, 30), {}, {}, AT)] == []
