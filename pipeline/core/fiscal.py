"""The federal fiscal calendar: year N runs from 1 October N-1 to 30 September N, in four quarters.

A quarter is cut at midnight of the survey's own zone: the last evening of September in New York is
already October in UTC, and would fall into the wrong year.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_QUARTERS = 4
_MONTHS = 3  # of a quarter
_FIRST_MONTH = 10  # of a fiscal year
_YEARS = range(1971, 2201)
"""Starts after the epoch, so that times stay positive, and ends inside what ClickHouse can hold."""

_DUE = timedelta(days=30)
"""Agencies report within 30 days of the end of a quarter (OMB Circular A-11 section 280)."""

_TEXT = re.compile(r"\s*(?:FY)?\s*(\d{4}|\d{2})[\s/-]*Q([1-4])\s*", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class FiscalQuarter:
    """A quarter of a fiscal year. Raises ValueError for a year or number outside the calendar."""

    year: int
    quarter: int

    def __post_init__(self) -> None:
        if self.year not in _YEARS or not 1 <= self.quarter <= _QUARTERS:
            raise ValueError(
                f"no fiscal quarter: year {self.year}, quarter {self.quarter}; "
                f"years {_YEARS.start} to {_YEARS.stop - 1}, quarters 1 to {_QUARTERS}"
            )

    def __str__(self) -> str:
        return f"FY{self.year} Q{self.quarter}"

    @property
    def first_day(self) -> date:
        """The day it begins."""
        return _day(self._index)

    @property
    def end_day(self) -> date:
        """The day after its last: the first of the next quarter."""
        return _day(self._index + 1)

    @property
    def due_day(self) -> date:
        """The last day to report it."""
        return self.end_day - timedelta(days=1) + _DUE

    @property
    def next(self) -> FiscalQuarter:
        """The quarter after this one."""
        return _from_index(self._index + 1)

    @property
    def previous(self) -> FiscalQuarter:
        """The quarter before this one."""
        return _from_index(self._index - 1)

    @property
    def _index(self) -> int:
        return self.year * _QUARTERS + self.quarter - 1

    def bounds(self, zone: str) -> tuple[int, int]:
        """`[start, end)` in milliseconds UTC: from midnight to midnight in the IANA zone.

        Raises KeyError (ZoneInfoNotFoundError) for an unknown zone.
        """
        return _midnight(self.first_day, zone), _midnight(self.end_day, zone)


def quarter_of(day: date) -> FiscalQuarter:
    """The fiscal quarter of a calendar day."""
    months = (day.month - _FIRST_MONTH) % 12
    return FiscalQuarter(day.year + (day.month >= _FIRST_MONTH), months // _MONTHS + 1)


def quarter_at(instant: int, zone: str) -> FiscalQuarter:
    """The fiscal quarter of an instant (milliseconds UTC), by the calendar of the IANA zone."""
    return quarter_of(datetime.fromtimestamp(instant // 1000, ZoneInfo(zone)).date())


def bounds(year: int, quarter: int, zone: str) -> tuple[int, int]:
    """`[start, end)` of a fiscal quarter in milliseconds UTC, cut at midnight in the IANA zone."""
    return FiscalQuarter(year, quarter).bounds(zone)


def parse(year: int | str, quarter: int | str = "") -> FiscalQuarter:
    """Reads `"FY2020 Q2"`, `"2020-Q2"`, `"FY20Q2"`, or the two parts: `2020, "Q2"` and `"2020", 2`.

    Two digits mean this century. Raises ValueError for anything else.
    """
    part = str(quarter).strip().lstrip("qQ")
    text = f"{year} Q{part}" if part else str(year)
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no fiscal quarter; write it as 'FY2020 Q2'")
    number = int(match[1])
    return FiscalQuarter(number + 2000 if number < 100 else number, int(match[2]))


def quarters(first_year: int, last_year: int) -> Iterator[FiscalQuarter]:
    """Every quarter of the fiscal years, both included, in order."""
    for year in range(first_year, last_year + 1):
        for quarter in range(1, _QUARTERS + 1):
            yield FiscalQuarter(year, quarter)


def _from_index(index: int) -> FiscalQuarter:
    return FiscalQuarter(index // _QUARTERS, index % _QUARTERS + 1)


def _day(index: int) -> date:
    """The first day of the quarter with this index; index 0 would begin in October of year -1."""
    months = index * _MONTHS - (12 - _FIRST_MONTH + 1)
    return date(months // 12, months % 12 + 1, 1)


def _midnight(day: date, zone: str) -> int:
    """The first instant of the day; where clocks skip midnight, the instant they do."""
    local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    return int(local.timestamp()) * 1000
