"""How much each measurement does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """`responses` and `stock_events` are what catch-up and stock Faust work on, `rounds` how often
    everything is measured in turn; `seconds` of live traffic at `rate` responses a second;
    `ids` and `panes` are what is remembered and restored; a benchmark chooses from `years`."""

    responses: int = 500_000
    partitions: int = 8
    stock_events: int = 30_000
    rounds: int = 3
    rate: float = 1_000.0
    seconds: int = 60
    ids: int = 1_000_000
    panes: int = 100_000
    years: int = 5


FULL = Sizes()
"""About ten minutes on two cores."""

QUICK = Sizes(
    responses=80_000,
    stock_events=8_000,
    rounds=1,
    seconds=15,
    ids=200_000,
    panes=20_000,
    years=1,
)
"""About two minutes: shows that everything works; ratios of one short round say little."""
