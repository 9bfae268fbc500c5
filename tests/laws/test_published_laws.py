"""A published quarter as responses: exact counts, in order, inside the quarter, always the same."""

from __future__ import annotations

import hashlib
from collections import Counter
from decimal import Decimal
from itertools import islice, pairwise
from typing import cast
from uuid import uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.fiscal import bounds
from pipeline.emit.published import NAMESPACE, Plan, load_published, plan_quarter, responses
from pipeline.errors import InputError

ZONE = "America/New_York"


def plan(quarter: int, size: int | None = None) -> Plan:
    published = load_published("va-vha")
    return plan_quarter(published, published.quarter(2020, quarter), ZONE, size)


@given(quarter=st.sampled_from([1, 2]), size=st.integers(100, 1500))
@settings(max_examples=25)
def test_the_responses_have_the_planned_counts_and_the_published_means(
    quarter: int, size: int
) -> None:
    planned = plan(quarter, size)
    records = list(responses(planned))
    assert len(records) == size
    for measure, mean in planned.quarter.means.items():
        given_ = Counter(cast("dict[str, int]", r["answers"])[measure] for r in records)
        assert tuple(given_[value] for value in range(1, 6)) == planned.counts[measure]
        assert round(Decimal(sum(v * n for v, n in given_.items())) / size, 2) == Decimal(mean)


@given(quarter=st.sampled_from([1, 2]), size=st.integers(100, 1500))
@settings(max_examples=25)
def test_they_are_in_time_order_inside_the_quarter_of_the_survey_s_zone(
    quarter: int, size: int
) -> None:
    start, end = bounds(2020, quarter, ZONE)
    times = [cast(int, r["occurred_at"]) for r in responses(plan(quarter, size))]
    assert times[0] >= start
    assert times[-1] < end
    assert all(before <= after for before, after in pairwise(times))


def test_ids_are_uuid5_of_quarter_size_and_place() -> None:
    planned = plan(2, 300)
    assert [r["event_id"] for r in responses(planned)] == [
        str(uuid5(NAMESPACE, f"va-vha-post-visit/2020Q2/300/{index}")) for index in range(300)
    ]


def test_the_whole_quarter_is_planned_as_published() -> None:
    planned = plan(2)
    assert planned.responses == 305_079
    assert {sum(counts) for counts in planned.counts.values()} == {305_079}


def test_a_quarter_never_changes_or_a_second_run_would_conflict_with_the_first() -> None:
    """If this fails, the change made other responses under the ids of earlier ones: undo it."""
    text = "".join(repr(sorted(r.items())) for r in islice(responses(plan(2)), 2000))
    assert (
        hashlib.sha256(text.encode()).hexdigest()
        == "17defefeb2a645b2b38cffddbfbe599e5ff57b510c5b81e6b5182250240621aa"
    )


def test_customers_who_are_happy_with_one_thing_are_with_another() -> None:
    pairs = Counter(
        (a["trust"] >= 4, a["ease"] >= 4)
        for a in (cast("dict[str, int]", r["answers"]) for r in responses(plan(2, 5000)))
    )
    alike = pairs[True, True] + pairs[False, False]
    assert alike / pairs.total() > 0.8  # 0.72 if the two had nothing to do with each other


def test_a_quarter_without_figures_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="2020 Q1, 2020 Q2"):
        load_published("va-vha").quarter(2021, 1)
    with pytest.raises(InputError, match="there are those of va-vha"):
        load_published("va-vba")
    with pytest.raises(InputError, match="at least 100"):
        plan(2, 7)
