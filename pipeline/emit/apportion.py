"""Whole counts of 1..5 that add up to so many answers and to a published mean."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from typing import Final

_SHAPE: Final = (0.060, 0.030, 0.060, 0.150, 0.700)
"""How answers to such surveys spread: mostly 5, then 4, and more 1 than 2. Tilted to fit a mean."""
_STEPS: Final = 64
"""Halvings of the tilt: the range of 128 then is below what a double can tell apart."""
_STEEPEST: Final = 64.0
"""exp(-64) of a share is nothing: a steeper tilt than this only happens for a mean of 1 or 5."""

Counts = tuple[int, int, int, int, int]


def apportion(answers: int, mean: Decimal) -> Counts:
    """Counts of the values 1..5 of `answers` answers, whose mean is nearest to `mean`.

    The shape is that of least change from the usual one (an exponential tilt). Raises ValueError
    when no whole counts give the mean to two decimals: fewer than 100 answers may not.
    """
    total = int((answers * mean).to_integral_value(ROUND_HALF_EVEN))
    if not answers <= total <= 5 * answers or round(Decimal(total) / answers, 2) != mean:
        raise ValueError(f"no {answers} answers from 1 to 5 have the mean {mean}")
    shares = shares_with_mean(total / answers)
    counts = _whole(shares, answers)
    _settle(counts, total)
    return (counts[0], counts[1], counts[2], counts[3], counts[4])


@lru_cache(maxsize=1024)
def shares_with_mean(mean: float) -> tuple[float, ...]:
    """Shares of the values 1..5 with this mean, in the usual shape."""
    low, high = -_STEEPEST, _STEEPEST
    for _ in range(_STEPS):
        tilt = (low + high) / 2
        shares = _shares(tilt)
        if sum(value * share for value, share in enumerate(shares, 1)) < mean:
            low = tilt
        else:
            high = tilt
    return tuple(shares)


def _shares(tilt: float) -> list[float]:
    weights = [s * math.exp(tilt * (value - 3)) for value, s in enumerate(_SHAPE, 1)]
    whole = math.fsum(weights)
    return [weight / whole for weight in weights]


def _whole(shares: tuple[float, ...], answers: int) -> list[int]:
    """Largest remainders: whole numbers nearest to the shares that add up."""
    exact = [share * answers for share in shares]
    counts = [int(value) for value in exact]
    by_remainder = sorted(range(5), key=lambda i: counts[i] - exact[i])
    for i in range(answers - sum(counts)):
        counts[by_remainder[i % 5]] += 1
    return counts


def _settle(counts: list[int], total: int) -> None:
    """Move single answers one step up or down until the values add up to `total`."""
    gap = total - sum(value * count for value, count in enumerate(counts, 1))
    step = 1 if gap > 0 else -1
    for _ in range(abs(gap)):
        movable = [i for i in range(5) if counts[i] and 0 <= i + step < 5]
        fullest = max(movable, key=lambda i: counts[i])
        counts[fullest] -= 1
        counts[fullest + step] += 1
