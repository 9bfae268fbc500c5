"""The fiscal calendar at its edges: both ends of a year, leap days, clock changes, evenings."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise

import pytest

from pipeline.core.fiscal import FiscalQuarter, bounds, parse, quarter_at, quarter_of, quarters

EASTERN = "America/New_York"
HOUR = 3_600_000


def utc(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)  # type: ignore[arg-type,misc]  # ints only


@pytest.mark.parametrize(
    ("day", "year", "quarter"),
    [
        (date(2019, 9, 30), 2019, 4),
        (date(2019, 10, 1), 2020, 1),
        (date(2019, 12, 31), 2020, 1),
        (date(2020, 1, 1), 2020, 2),
        (date(2020, 2, 29), 2020, 2),
        (date(2020, 3, 31), 2020, 2),
        (date(2020, 4, 1), 2020, 3),
        (date(2020, 7, 1), 2020, 4),
        (date(2024, 2, 1), 2024, 2),
    ],
)
def test_a_day_falls_in_its_quarter(day: date, year: int, quarter: int) -> None:
    assert quarter_of(day) == FiscalQuarter(year, quarter)


def test_the_last_evening_of_september_in_new_york_is_still_the_old_year() -> None:
    evening = utc(2020, 10, 1, 0, 30)  # 20:30 in New York
    assert str(quarter_at(evening, EASTERN)) == "FY2020 Q4"
    assert str(quarter_at(evening, "UTC")) == "FY2021 Q1"
    assert str(quarter_at(utc(2020, 10, 1, 4), EASTERN)) == "FY2021 Q1"


def test_bounds_are_midnights_of_the_zone_on_both_sides_of_a_clock_change() -> None:
    assert bounds(2020, 2, EASTERN) == (utc(2020, 1, 1, 5), utc(2020, 4, 1, 4))
    assert bounds(2020, 4, "Pacific/Guam") == (utc(2020, 6, 30, 14), utc(2020, 9, 30, 14))
    assert bounds(2020, 1, "UTC") == (utc(2019, 10, 1), utc(2020, 1, 1))


@pytest.mark.parametrize(("year", "days"), [(2020, 91), (2021, 90), (2100, 90), (2000, 91)])
def test_the_second_quarter_has_a_leap_day_in_leap_years_only(year: int, days: int) -> None:
    start, end = bounds(year, 2, "UTC")
    assert end - start == days * 24 * HOUR


def test_a_quarter_with_the_spring_clock_change_is_an_hour_short_and_autumn_an_hour_long() -> None:
    spring_start, spring_end = bounds(2021, 2, EASTERN)
    autumn_start, autumn_end = bounds(2021, 1, EASTERN)
    assert spring_end - spring_start == (90 * 24 - 1) * HOUR
    assert autumn_end - autumn_start == (92 * 24 + 1) * HOUR


def test_a_quarter_is_due_30_days_after_its_last_day() -> None:
    assert FiscalQuarter(2021, 4).due_day == date(2021, 10, 30)
    assert FiscalQuarter(2020, 1).due_day == date(2020, 1, 30)


def test_quarters_follow_each_other_over_the_end_of_a_year() -> None:
    assert FiscalQuarter(2020, 4).next == FiscalQuarter(2021, 1)
    assert FiscalQuarter(2021, 1).previous == FiscalQuarter(2020, 4)
    listed = list(quarters(2019, 2020))
    assert len(listed) == 8
    assert all(before.next == after for before, after in pairwise(listed))


@pytest.mark.parametrize(
    "text", ["FY2020 Q2", "fy2020q2", "2020-Q2", " FY 20 Q2 ", "2020/q2", "2020 Q2"]
)
def test_the_usual_spellings_of_a_quarter_are_read(text: str) -> None:
    assert parse(text) == FiscalQuarter(2020, 2)


def test_a_quarter_is_read_from_two_parts() -> None:
    assert parse(2020, "Q2") == parse("2020", 2) == parse("FY2020", "q2") == FiscalQuarter(2020, 2)


@pytest.mark.parametrize("text", ["", "2020", "2020 Q5", "Q2", "2020 Q", "20200 Q1", "٢٠٢٠ Q1"])
def test_anything_else_is_no_quarter(text: str) -> None:
    with pytest.raises(ValueError, match="FY2020 Q2"):
        parse(text)


@pytest.mark.parametrize(("year", "quarter"), [(2020, 0), (2020, 5), (1970, 1), (2201, 1)])
def test_there_is_no_quarter_outside_of_the_calendar(year: int, quarter: int) -> None:
    with pytest.raises(ValueError, match="no fiscal quarter"):
        FiscalQuarter(year, quarter)


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(KeyError):
        bounds(2020, 1, "Mars/Olympus")
