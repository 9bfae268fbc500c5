"""Ratings against numbers worked out elsewhere."""

from __future__ import annotations

from dataclasses import astuple
from math import sqrt

import pytest

from pipeline.core.rating import rate, wilson
from pipeline.core.vocabulary import Scale


def test_a_likert_measure_by_hand() -> None:
    rating = rate(Scale.LIKERT5, [0, 1, 0, 2, 3, 4])
    assert rating.n == 10
    assert rating.mean == pytest.approx(3.9)
    assert rating.shares == pytest.approx((0.1, 0.0, 0.2, 0.3, 0.4))
    assert rating.share_positive == pytest.approx(0.7)
    assert rating.mean_error == pytest.approx(sqrt(14.9 / 9 / 10))  # Σ(v − 3.9)² = 14.9
    assert rating.share_error == pytest.approx(sqrt(0.021))


@pytest.mark.parametrize(
    ("positive", "n", "lo", "hi"),
    [
        (81, 263, 0.2553, 0.3662),  # these four: Newcombe (1998), table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
    ],
)
def test_wilson_intervals_as_published(positive: int, n: int, lo: float, hi: float) -> None:
    assert wilson(positive, n) == pytest.approx((lo, hi), abs=5e-5)


@pytest.mark.parametrize("scale", [Scale.THUMBS, Scale.TICK, Scale.YES_NO])
def test_on_a_two_valued_scale_the_mean_is_the_share_of_ones(scale: Scale) -> None:
    rating = rate(scale, [1, 3, 0, 0, 0, 0])
    assert rating.mean == rating.share_positive == 0.75
    assert rating.shares == (0.25, 0.75)


@pytest.mark.parametrize("scale", list(Scale))
def test_nothing_answered_gives_no_score_at_all(scale: Scale) -> None:
    rating = rate(scale, [0] * 6)
    assert rating.n == 0
    assert set(astuple(rating)[1:]) == {None}


def test_counted_responses_are_never_a_score() -> None:
    rating = rate(Scale.COUNT, [7, 0, 0, 0, 0, 0])
    assert rating.n == 7
    assert set(astuple(rating)[1:]) == {None}


def test_values_that_the_scale_lacks_are_left_out() -> None:
    assert rate(Scale.LIKERT5, [9, 0, 0, 0, 0, 2]).n == 2
    assert rate(Scale.THUMBS, [0, 1, 9, 9, 9, 9]).n == 1


def test_one_answer_has_no_error_of_the_mean() -> None:
    assert rate(Scale.LIKERT5, [0, 0, 0, 0, 1, 0]).mean_error is None


@pytest.mark.parametrize(
    ("counts", "published"),
    [
        ([0, 0, 0, 0, 199, 1], 4.01),  # 4.005 exactly: halves go up
        ([0, 0, 0, 0, 200, 1], 4.0),
        ([0, 0, 0, 1, 1, 1], 4.0),
        ([0, 0, 0, 0, 2, 1], 4.33),
        ([0, 0, 0, 0, 1, 2], 4.67),
    ],
)
def test_the_published_mean_has_two_decimals(counts: list[int], published: float) -> None:
    assert rate(Scale.LIKERT5, counts).published_mean == published


def test_counts_that_are_not_six_are_refused() -> None:
    with pytest.raises(ValueError, match="6 counts, not 5"):
        rate(Scale.LIKERT5, [1, 2, 3, 4, 5])
