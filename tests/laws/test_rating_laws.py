"""Laws that every rating obeys, whatever the counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.rating import Rating, rate, wilson
from pipeline.core.vocabulary import VALUES, Scale

SCORED = [Scale.LIKERT5, Scale.THUMBS, Scale.TICK, Scale.YES_NO]
scales = st.sampled_from(SCORED)
some_counts = st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 3), min_size=6, max_size=6)


def numbers(rating: Rating) -> tuple[float, float, float, float]:
    assert rating.mean is not None
    assert rating.share_positive is not None
    assert rating.lo is not None
    assert rating.hi is not None
    return rating.mean, rating.share_positive, rating.lo, rating.hi


@given(scales, some_counts)
def test_shares_sum_to_one_and_the_interval_holds_the_share(
    scale: Scale, counts: list[int]
) -> None:
    rating = rate(scale, counts)
    if rating.n == 0:
        assert rating == Rating(0)
        return
    mean, share, lo, hi = numbers(rating)
    assert sum(rating.shares or ()) == pytest.approx(1)
    assert 0 <= lo <= share <= hi <= 1
    assert VALUES[scale][0] <= mean <= VALUES[scale][-1]
    assert abs((rating.published_mean or 0) - mean) <= 0.005 + 1e-9


@given(scales, some_counts, some_counts)
def test_merged_counts_rate_as_the_weighted_parts(
    scale: Scale, one: list[int], two: list[int]
) -> None:
    merged = rate(scale, [a + b for a, b in zip(one, two, strict=True)])
    parts = [rate(scale, one), rate(scale, two)]
    assert merged.n == sum(part.n for part in parts)
    if merged.n:
        weighted = sum(part.n * (part.mean or 0) for part in parts) / merged.n
        assert merged.mean == pytest.approx(weighted, rel=1e-12)


@given(scales, some_counts)
def test_reversed_values_give_the_mirrored_mean_and_the_same_error(
    scale: Scale, counts: list[int]
) -> None:
    values = VALUES[scale]
    ends = values[0] + values[-1]
    mirrored = [counts[ends - v] if v in values else 0 for v in range(6)]
    rating, other = rate(scale, counts), rate(scale, mirrored)
    if rating.n:
        assert numbers(other)[0] == pytest.approx(ends - numbers(rating)[0], abs=1e-9)
        assert other.mean_error == pytest.approx(rating.mean_error)
        assert other.shares == (rating.shares or ())[::-1]


@given(st.integers(1, 2**32).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_symmetric_and_narrows_with_more_answers(pair: tuple[int, int]) -> None:
    positive, n = pair
    lo, hi = wilson(positive, n)
    assert wilson(n - positive, n) == pytest.approx((1 - hi, 1 - lo), abs=1e-9)
    more_lo, more_hi = wilson(positive * 4, n * 4)
    assert more_hi - more_lo < hi - lo
