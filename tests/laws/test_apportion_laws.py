"""Published means as whole counts: exact whatever the size and the mean."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.emit.apportion import apportion, shares_with_mean

MEANS = st.integers(100, 500).map(lambda hundredths: Decimal(hundredths) / 100)


@given(answers=st.integers(100, 2_000_000), mean=MEANS)
def test_counts_add_up_and_their_mean_rounds_to_the_published_one(
    answers: int, mean: Decimal
) -> None:
    counts = apportion(answers, mean)
    total = sum(value * count for value, count in enumerate(counts, 1))
    assert sum(counts) == answers
    assert min(counts) >= 0
    assert round(Decimal(total) / answers, 2) == mean


@given(answers=st.integers(10_000, 500_000), hundredths=st.integers(375, 480))
def test_in_the_usual_range_every_value_is_given_and_five_most_often(
    answers: int, hundredths: int
) -> None:
    counts = apportion(answers, Decimal(hundredths) / 100)
    assert min(counts) > 0
    assert max(counts) == counts[4]
    assert counts[0] > counts[1]  # the very unhappy answer more than the unhappy


@given(mean=st.floats(1.1, 4.9))
def test_shares_have_the_mean_asked_for(mean: float) -> None:
    shares = shares_with_mean(mean)
    assert sum(shares) == pytest.approx(1)
    assert sum(v * share for v, share in enumerate(shares, 1)) == pytest.approx(mean, abs=1e-9)


@pytest.mark.parametrize(("answers", "mean"), [(3, "4.38"), (1000, "5.01"), (1000, "0.99")])
def test_a_mean_that_no_counts_have_is_refused(answers: int, mean: str) -> None:
    with pytest.raises(ValueError, match="have the mean"):
        apportion(answers, Decimal(mean))
