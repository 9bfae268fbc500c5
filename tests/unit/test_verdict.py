"""The demo's verdict: it must fail for every way in which numbers can be wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pytest

from pipeline.local.expected import Cell, Expected, hour_of
from pipeline.local.verdict import Found, judge, published_mean

CELL: Cell = ("va", "va-vha", "email", "va-vha-post-visit", "likert5", "trust", 0)
OTHER: Cell = (*CELL[:6], 3_600_000)
COUNTS: tuple[int, ...] = (0, 0, 0, 1, 2, 5)

EXPECTED = Expected(
    outcomes=Counter(accepted=8, duplicate=2, dead_letter=1),
    reasons=Counter(not_avro=1),
    cells={CELL: COUNTS},
)
FOUND = Found(
    received=11,
    missing=0,
    outcomes={"accepted": 8, "duplicate": 2, "late": 0, "retraction": 0, "dead_letter": 1},
    dead_letters={("score", "not_avro"): 1},
    cells={CELL: COUNTS},
)


def failed(expected: Expected, found: Found) -> list[str]:
    """What each check that fails has seen."""
    return [check.seen for check in judge(expected, found) if not check.holds]


def outcomes(**changed: int) -> Mapping[str, int]:
    return {**FOUND.outcomes, **changed}


def test_what_is_equal_holds() -> None:
    assert failed(EXPECTED, FOUND) == []


@pytest.mark.parametrize(
    ("found", "seen"),
    [
        (replace(FOUND, received=10, outcomes=outcomes(accepted=7)), "sent 11, received 10"),
        (replace(FOUND, missing=1), "lost 1"),
        (replace(FOUND, outcomes=outcomes(accepted=9)), "11 = 9 accepted + 2 duplicate"),
        (replace(FOUND, outcomes=outcomes(accepted=9, duplicate=1)), "duplicate: 2 intended, 1"),
        (replace(FOUND, dead_letters={("score", "empty"): 1}), "not_avro: 1 intended, 0 found"),
        (
            replace(FOUND, dead_letters={**FOUND.dead_letters, ("sink", "bad_row"): 1}),
            r"bad_row (sink): 0 intended, 1 found",
        ),
        (replace(FOUND, cells={}), f"trust/0: {COUNTS} sent, None counted"),
        (replace(FOUND, cells={CELL: COUNTS, OTHER: COUNTS}), f"3600000: None sent, {COUNTS}"),
        (replace(FOUND, cells={CELL: (0, 0, 0, 1, 2, 6)}), "1 differ"),
    ],
)
def test_each_difference_is_found_and_named(found: Found, seen: str) -> None:
    assert any(seen in said for said in failed(EXPECTED, found))


def test_a_record_that_kafka_did_not_acknowledge_is_a_failure() -> None:
    assert failed(replace(EXPECTED, failed=3), FOUND) == ["3 were not"]


def test_a_record_from_elsewhere_is_told_and_only_its_group_and_hour_are_left_out() -> None:
    touched = {CELL: COUNTS, OTHER: COUNTS}
    found = replace(FOUND, received=12, outcomes=outcomes(accepted=9), cells=touched)
    assert any("differ" in said for said in failed(EXPECTED, found))
    marked = replace(found, foreign=frozenset({hour_of(OTHER)}))
    assert failed(EXPECTED, marked) == []
    assert any("1 came from elsewhere" in check.seen for check in judge(EXPECTED, marked))
    worse = replace(marked, cells={CELL: (0, 0, 0, 0, 0, 9), OTHER: COUNTS})
    assert any("1 differ" in said for said in failed(EXPECTED, worse))


def test_records_from_elsewhere_do_not_hide_that_one_of_ours_has_another_outcome() -> None:
    found = replace(FOUND, received=12, outcomes=outcomes(accepted=7, late=2))
    assert any("accepted: 8 intended, 7 found" in said for said in failed(EXPECTED, found))


def test_means_are_rounded_as_they_are_published() -> None:
    assert published_mean((0, 0, 0, 0, 199, 1)) == "4.01"  # 4.005: halves up
    assert published_mean((0,) * 6) == "-"
