"""Records that had expired before a sink stored them, though older ones are stored.

A sink that starts later would not notice: the rebuild tells it that all is stored.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from pipeline.core.judge import complete_from
from pipeline.operate.rebuild.refill import Refill
from pipeline.operate.reconcile.journals import minute_of
from pipeline.operate.reconcile.logs import LogBounds
from pipeline.sink.expired import Hole, unstored
from pipeline.sink.progress import stored_to
from pipeline.sink.target import Tables


def line(hole: Hole) -> str:
    """What is lacking, and of which panes."""
    since = minute_of(complete_from(hole.at) / 1000)
    return (
        f"partition {hole.partition}: raw rows of offsets {hole.begin:,} to {hole.end - 1:,}; "
        f"panes before {since} are as told, not counted"
    )


async def note_unread(
    tables: Tables, topic: str, bounds: Mapping[int, LogBounds], refill: Refill
) -> Sequence[Hole]:
    """Write down what is lacking of these partitions. Call it before progress is told. Raises
    StoreError."""
    places = [(log.generation, partition) for partition, log in bounds.items()]
    stored = await stored_to(tables, topic, places) if places else {}
    begins = {partition: refill.begin(partition, log.start) for partition, log in bounds.items()}
    found = unread(stored, begins, refill.first, time.time_ns() // 1_000_000)
    if found:
        await tables.insert(unstored(found, lambda partition: bounds[partition].generation))
    return found


def unread(
    stored: Mapping[int, int],
    begins: Mapping[int, int],
    first: Mapping[int, tuple[int, int]],
    now: int,
) -> Sequence[Hole]:
    """What lies between where each partition was `stored` to and where it `begins`. `first` is the
    offset and append time (ms) of what was read from there on; without any it is `now` (ms).

    The sink's commit does not count: one beyond what the tables say is what they have lost.
    """
    return [
        Hole(partition, stored[partition], begin, first.get(partition, (begin, now))[1])
        for partition, begin in sorted(begins.items())
        if stored.get(partition, begin) < begin
    ]
