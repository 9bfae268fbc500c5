"""Looks at what is told, from outside: at `cx.scores` as any consumer, or at ClickHouse."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Final

from aiokafka import TopicPartition

from pipeline.errors import StoreError
from pipeline.operate.drill.marks import Marks
from pipeline.settings import Settings
from pipeline.store.client import AsyncClient, connect_async, store_errors
from pipeline.wire.kafka import consumer, started
from pipeline.wire.scores import decode_score
from pipeline.wire.topics import Topics

POLL_MS: Final = 200
LOOK_SECONDS: Final = 0.25
"""Between two queries while somebody waits: each costs some 10 ms of a core."""

NEWEST: Final = """
SELECT partition, toUnixTimestamp64Milli(max(as_of)) FROM rolling_scores
WHERE window = '1h' AND measure = 'response' AND window_end > now() - INTERVAL 5 MINUTE
GROUP BY partition
"""


async def watch_scores(settings: Settings, marks: Marks) -> None:
    """Report from `cx.scores`, at the times the broker wrote them; until cancelled."""
    topic = Topics(settings.kafka.topic_prefix).scores
    async with started(consumer(settings.kafka), settings.kafka) as client:
        tps = [TopicPartition(topic, n) for n in range(settings.kafka.partitions)]
        client.assign(tps)  # type: ignore[no-untyped-call]  # aiokafka
        await client.seek_to_end(*tps)  # type: ignore[no-untyped-call]  # aiokafka
        while True:
            for records in (await client.getmany(timeout_ms=POLL_MS)).values():
                for record in records:
                    # The key names the partition: what nobody waits for is not decoded.
                    if marks.wanted(int((record.key or b"/0").rpartition(b"/")[2])):
                        update = decode_score(record.value or b"")
                        marks.see(update.partition, update.as_of, record.timestamp)


async def watch_store(settings: Settings, marks: Marks) -> None:
    """Report from ClickHouse, when a query showed it; while it is away nothing is seen."""
    client: AsyncClient | None = None
    try:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not marks.open():
                continue
            with suppress(StoreError):
                client = client or await connect_async(settings.clickhouse)
                with store_errors("look at the scores"):
                    rows = (await client.query(NEWEST)).result_rows
                for partition, as_of in rows:
                    marks.see(partition, as_of, now_ms())
    finally:
        if client is not None:
            await client.close()


def now_ms() -> int:
    """The wall clock, which on one machine is the broker's too."""
    return time.time_ns() // 1_000_000
