"""What the tables lack and Kafka has no more, though older rows are stored: it had expired before
a sink stored it, or before a rebuild that was stopped was run again, or was lost in ClickHouse.

A sink that starts later would not notice: the rebuild tells it that all is stored.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipeline.core.judge import complete_from
from pipeline.operate.rebuild.refill import Refill
from pipeline.operate.reconcile import accounts
from pipeline.operate.reconcile.differences import REPLAY
from pipeline.operate.reconcile.journals import Origin, minute_of, read_journals
from pipeline.operate.reconcile.logs import LogBounds
from pipeline.sink.expired import Hole, unstored
from pipeline.sink.progress import stored_to
from pipeline.sink.target import Tables


def line(hole: Hole) -> str:
    """What is lacking, and of which panes."""
    since = minute_of(complete_from(hole.at) / 1000)
    return (
        f"partition {hole.partition}: raw rows or outcomes of offsets {hole.begin:,} to "
        f"{hole.end - 1:,}, which Kafka has no more; panes before {since} are as told, not counted"
    )


async def note_lacking(
    tables: Tables, topic: str, bounds: Mapping[int, LogBounds], refill: Refill
) -> Sequence[Hole]:
    """Write down what is lacking of these partitions. Call it before progress is told. Raises
    StoreError."""
    places = [(log.generation, partition) for partition, log in bounds.items()]
    stored = await stored_to(tables, topic, places) if places else {}
    begins = {partition: refill.begin(partition, log.start) for partition, log in bounds.items()}
    for partition, offset in (await _torn(tables, topic, bounds, begins)).items():
        stored[partition] = min(offset, stored.get(partition, offset))
    found = lacking(stored, begins, refill.first, time.time_ns() // 1_000_000)
    if found:
        await tables.insert(unstored(found, lambda partition: bounds[partition].generation))
    return found


def lacking(
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


async def _torn(
    tables: Tables, topic: str, bounds: Mapping[int, LogBounds], begins: Mapping[int, int]
) -> Mapping[int, int]:
    """The first offset at which raw rows or outcomes are not what the ledger says, of partitions
    that have such below where they begin. Raises StoreError."""
    logs = {Origin(log.generation, partition): log for partition, log in bounds.items()}
    journals = {
        # All that Kafka has is stored, though it is not told yet.
        origin: replace(journal, stored=logs[origin].end)
        for origin, journal in (await read_journals(tables, topic)).items()
        if origin in logs
    }
    found = await accounts.equations(tables, journals)
    for stretch in await accounts.stretches(tables, journals):
        if stretch.lo < begins[stretch.journal.origin.partition]:
            found += await accounts.compare(tables, stretch, topic)
    torn: dict[int, int] = {}
    for origin, one in accounts.faults(found):
        if one.advice != REPLAY and one.offset < begins[origin.partition]:
            torn[origin.partition] = min(one.offset, torn.get(origin.partition, one.offset))
    return torn
