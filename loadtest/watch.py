"""Notes when each score could be seen: in `cx.scores` by a consumer, in ClickHouse by a query."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections import defaultdict
from typing import Final, NamedTuple

from aiokafka import TopicPartition

from pipeline.settings import Settings
from pipeline.store.client import AsyncClient, connect_async
from pipeline.wire.kafka import consumer, started
from pipeline.wire.scores import decode_score
from pipeline.wire.topics import Topics

Cell = tuple[str, str, str, str, int]
"""A group and the partition its responses came through."""

OFFSET_BITS: Final = (1 << 48) - 1
"""The part of a version that is the next offset."""
POLL_MS: Final = 200
LOOK_SECONDS: Final = 0.05
"""Between two queries: each costs some 10 ms of a core, which the pipeline needs as well."""
TABLE_SECONDS: Final = 5.0
"""How often a dashboard asks for the whole view."""

NEWEST: Final = """
SELECT agency, service, channel, survey, partition, max(version)
FROM rolling_scores
WHERE window = '1h' AND window_end > now() - INTERVAL 2 MINUTE AND measure = 'response'
GROUP BY agency, service, channel, survey, partition
"""
"""`rolling_now` takes the newest row of each window and partition: from when this version is in the
table, the view shows it."""


class Seen(NamedTuple):
    """At wall clock `at` (ms) everything of a cell below `next_offset` could be seen."""

    at: float
    next_offset: int


class Sightings:
    """For each cell what was seen, and when; times only rise."""

    def __init__(self) -> None:
        self._seen: defaultdict[Cell, list[Seen]] = defaultdict(list)
        self.took: list[float] = []  # ms of each look

    def add(self, cell: Cell, at: float, next_offset: int) -> None:
        """Note a sighting, if it shows more than the one before."""
        seen = self._seen[cell]
        if not seen or seen[-1].next_offset < next_offset:
            seen.append(Seen(at, next_offset))

    def first(self, cell: Cell, offset: int) -> float | None:
        """When a record first showed; None when it never did."""
        seen = self._seen.get(cell, [])
        place = bisect_right(seen, offset, key=lambda s: s.next_offset)
        return seen[place].at if place < len(seen) else None


async def watch_scores(settings: Settings, stop: asyncio.Event) -> Sightings:
    """Follow `cx.scores` as any consumer would; decoding waits until the end."""
    topic = Topics(settings.kafka.topic_prefix).scores
    raw: list[tuple[float, bytes]] = []
    async with started(consumer(settings.kafka), settings.kafka) as client:
        tps = [TopicPartition(topic, n) for n in range(settings.kafka.partitions)]
        client.assign(tps)  # type: ignore[no-untyped-call]  # aiokafka
        await client.seek_to_end(*tps)  # type: ignore[no-untyped-call]  # aiokafka
        while not stop.is_set():
            found = await client.getmany(timeout_ms=POLL_MS)
            now = time.time() * 1000
            raw += [(now, r.value or b"") for records in found.values() for r in records]
    sightings = Sightings()
    for at, value in raw:
        update = decode_score(value)
        if update.windows:
            next_offset = update.version & OFFSET_BITS
            sightings.add((*update.group, update.partition), at, next_offset)
    return sightings


async def watch_store(settings: Settings, stop: asyncio.Event) -> Sightings:
    """Ask ClickHouse again and again what its newest versions are."""
    sightings = Sightings()
    client = await connect_async(settings.clickhouse)
    try:
        while not stop.is_set():
            began = time.perf_counter()
            rows = (await client.query(NEWEST)).result_rows
            sightings.took.append(1000 * (time.perf_counter() - began))
            now = time.time() * 1000  # after the answer: what a reader has, not what a server knows
            for agency, service, channel, survey, partition, version in rows:
                cell = (agency, service, channel, survey, partition)
                sightings.add(cell, now, version & OFFSET_BITS)
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        await client.close()
    return sightings


async def read_view(settings: Settings, stop: asyncio.Event) -> list[float]:
    """Read all of `rolling_now` now and then, as a dashboard does; the ms that each took."""
    took: list[float] = []
    client: AsyncClient = await connect_async(settings.clickhouse)
    try:
        while not stop.is_set():
            began = time.perf_counter()
            await client.query("SELECT * FROM rolling_now")
            took.append(1000 * (time.perf_counter() - began))
            await asyncio.sleep(TABLE_SECONDS)
    finally:
        await client.close()
    return took
