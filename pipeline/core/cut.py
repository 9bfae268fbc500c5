"""A consistent cut of one partition's state: what a checkpoint holds, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from pipeline.core.breaker import UNTRIPPED, BreakerCut
from pipeline.core.updates import Group, Totals

Pane = tuple[int, tuple[int, ...]]
"""(index, counts): an hour or a minute since 1970, and its absolute counts."""

UNKNOWN: Final = -1
"""The floor of a fold that lacks the first records, and has not seen its own first yet."""


@dataclass(frozen=True, slots=True)
class GroupCut:
    """The panes of one group that changed; `measures` are (measure, scale), six counts each."""

    group: Group
    measures: tuple[tuple[str, str], ...]
    last_at: int
    hours: tuple[Pane, ...]
    minutes: tuple[Pane, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """State at `next_offset`: all of it when `full`, else what changed since the cut before.

    `ids` are packed entries of the id store (27 bytes each). `floor` is the first hour whose panes
    are complete: 0 when the fold began with the log, `UNKNOWN` until a first record tells. `held`
    are, by survey, the measures counted though no longer asked.
    """

    partition: int
    generation: int
    start_offset: int
    next_offset: int
    watermark: int
    as_of: int
    floor: int
    catalogue: str
    totals: Totals
    full: bool
    groups: tuple[GroupCut, ...]
    ids: bytes
    breaker: BreakerCut = UNTRIPPED
    held: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()


def check_chain(cuts: Sequence[Cut]) -> Cut:
    """The last of a full cut and the increments after it; raises ValueError if they are not that,
    or not of one partition in order."""
    if not cuts or not cuts[0].full:
        raise ValueError("a chain of cuts begins with a full one")
    for before, after in pairwise(cuts):
        same = (before.partition, before.generation) == (after.partition, after.generation)
        if not same or after.full or after.next_offset < before.next_offset:
            raise ValueError("cuts of one chain are of one partition, in order, and increments")
    return cuts[-1]
