"""Scores from counts: mean, shares, share of good answers, Wilson interval, standard errors.

The same numbers as the ClickHouse views, to 1e-9. Intervals describe the noise among those who
answered; respondents choose themselves, so they say nothing about all customers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

from pipeline.core.vocabulary import SLOTS, VALUES, Scale

Z: Final = 1.959963984540054
"""The 97.5 % point of the standard normal distribution: intervals hold 95 %, two-sided."""

POSITIVE_VALUES: Final[dict[Scale, tuple[int, ...]]] = {
    Scale.LIKERT5: (4, 5),
    Scale.THUMBS: (1,),
    Scale.TICK: (1,),
    Scale.YES_NO: (1,),
}
"""The good answers. The second instrument treats 4 and 5 as such: it then asks what went well."""


@dataclass(frozen=True, slots=True)
class Rating:
    """What one measure scored. All but `n` is None when nobody answered, or the scale has no score.

    `shares` has one entry for each value of the scale, in order; `lo` to `hi` is the interval of
    `share_positive`.
    `published_mean` has the two decimals in which scores are published, halves up.
    `mean_error` also needs two answers.
    """

    n: int
    mean: float | None = None
    published_mean: float | None = None
    shares: tuple[float, ...] | None = None
    share_positive: float | None = None
    lo: float | None = None
    hi: float | None = None
    mean_error: float | None = None
    share_error: float | None = None


def rate(scale: Scale, counts: Sequence[int]) -> Rating:
    """The rating of six counts, one for each value 0..5; values that the scale lacks are left out.

    Raises ValueError unless there are six.
    """
    if len(counts) != SLOTS:
        raise ValueError(f"a measure has {SLOTS} counts, not {len(counts)}")
    values = VALUES[scale]
    n = sum(counts[value] for value in values)
    if n == 0 or scale not in POSITIVE_VALUES:
        return Rating(n)
    total = sum(value * counts[value] for value in values)
    squares = sum(value * value * counts[value] for value in values)
    positive = sum(counts[value] for value in POSITIVE_VALUES[scale])
    share = positive / n
    lo, hi = wilson(positive, n)
    return Rating(
        n=n,
        mean=total / n,
        published_mean=_hundredths(total, n) / 100,
        shares=tuple(counts[value] / n for value in values),
        share_positive=share,
        lo=lo,
        hi=hi,
        mean_error=_mean_error(n, total, squares),
        share_error=sqrt(share * (1 - share) / n),
    )


def wilson(positive: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of Wilson (1927) for `positive` of `n`; n is at least 1.

    Unlike p ± z·se it stays inside 0..1 and keeps its meaning in thin cells and at shares near 1.
    """
    share = positive / n
    shrink = 1 + Z * Z / n
    centre = (share + Z * Z / (2 * n)) / shrink
    half = Z * sqrt(share * (1 - share) / n + Z * Z / (4 * n * n)) / shrink
    # At shares of 0 and 1 rounding may push a bound past the share by 1e-17.
    return max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share))


def _hundredths(total: int, n: int) -> int:
    """total / n in hundredths, halves up, in whole numbers: 4.005 has no exact float to round."""
    return (200 * total + n) // (2 * n)


def _mean_error(n: int, total: int, squares: int) -> float | None:
    """Sample standard deviation / √n; the sums are whole numbers, so nothing cancels."""
    if n == 1:
        return None
    return sqrt((n * squares - total * total) / (n * n * (n - 1)))
