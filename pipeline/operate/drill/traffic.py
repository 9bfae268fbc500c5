"""Faults of those who send: everything three times, clocks that are wrong, garbage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipeline.core.catalogue import Catalogue
from pipeline.core.reasons import Outcome
from pipeline.emit.simulate import Item, Traffic, items
from pipeline.operate.drill.scene import Scene

COPIES: Final = 2

REPEATED: Final = {
    Outcome.ACCEPTED: Outcome.DUPLICATE,
    Outcome.RETRACTION: Outcome.DUPLICATE,
}
"""What a repeat becomes where that is something else: the late and the refused stay what they are,
and a late one counts once all the same, for raw rows count by event id."""


async def only_traffic(scene: Scene) -> None:
    """The fault is in what is sent."""


def three_times(catalogue: Catalogue, traffic: Traffic) -> Iterator[Item]:
    """Each record, then twice the same bytes again."""
    for item in items(catalogue, traffic):
        yield item
        outcome = REPEATED.get(item.outcome, item.outcome)
        for _ in range(COPIES):
            yield item._replace(outcome=outcome, change=None)
