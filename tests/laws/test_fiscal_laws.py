"""Laws of the fiscal calendar, in zones with every kind of clock change."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.fiscal import FiscalQuarter, parse, quarter_at, quarter_of

# Half hours, a date line, changes at midnight (Havana, Asuncion, Beirut), none at all.
ZONES = [
    "America/New_York",
    "America/Havana",
    "America/Asuncion",
    "Asia/Beirut",
    "Asia/Kolkata",
    "Pacific/Apia",
    "Pacific/Honolulu",
    "Australia/Lord_Howe",
    "UTC",
]
zones = st.sampled_from(ZONES)
some_quarters = st.builds(FiscalQuarter, st.integers(1972, 2199), st.integers(1, 4))


@given(some_quarters, zones)
def test_a_quarter_holds_its_first_millisecond_and_not_the_one_before(
    quarter: FiscalQuarter, zone: str
) -> None:
    start, end = quarter.bounds(zone)
    assert quarter_at(start, zone) == quarter_at(end - 1, zone) == quarter
    assert quarter_at(start - 1, zone) == quarter.previous
    assert quarter_at(end, zone) == quarter.next


@given(some_quarters, zones)
def test_quarters_join_without_gap_or_overlap(quarter: FiscalQuarter, zone: str) -> None:
    assert quarter.bounds(zone)[1] == quarter.next.bounds(zone)[0]


@given(some_quarters)
def test_days_spellings_and_neighbours_agree(quarter: FiscalQuarter) -> None:
    assert quarter_of(quarter.first_day) == quarter
    assert quarter_of(quarter.due_day) == quarter.next
    assert quarter.next.previous == quarter
    assert parse(str(quarter)) == quarter
    assert quarter < quarter.next
