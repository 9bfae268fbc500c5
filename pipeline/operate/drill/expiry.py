"""Records that expire before they are scored: counted as missing, and nothing else suffers."""

from __future__ import annotations

import asyncio
from typing import Final

from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from pipeline.errors import KafkaError, LocalError
from pipeline.local.tasks import all_of
from pipeline.operate.drill.scene import Scene
from pipeline.store.client import connect_async, store_errors
from pipeline.wire.kafka import admin, consumer, started
from pipeline.wire.topics import Topics

OUTAGES: Final = (("score-1", "sink"), ("score-1",))
"""Who is down. In the second the sink stores what the scorer never reads."""
SPANS: Final = 1 + 2 * len(OUTAGES)
"""Of the drill's time: before, during and after each outage."""

LOOK_SECONDS: Final = 0.5
STORED_SECONDS: Final = 30.0
"""The sink stores within a second or two, and tells of it every few."""

_STORED: Final = """
SELECT partition, max(next_offset) FROM sink_progress WHERE topic = {topic:String}
GROUP BY partition
"""


async def expiring(scene: Scene) -> None:
    """Some are down while what was sent is deleted from the log, as retention does."""
    span = scene.seconds / SPANS
    async with scene.traffic():
        await asyncio.sleep(span)
    for down in OUTAGES:
        await scene.calm()
        await all_of(*(scene.stack.stop(name) for name in down))
        names = " and ".join(down)
        scene.show.say(f"{names} stopped")
        before = scene.expected.missing
        async with scene.traffic(lost=True):
            await asyncio.sleep(span)
        ends = await _ends(scene)
        if "sink" not in down:
            await _stored(scene, ends)
        await _delete(scene, ends)
        scene.show.say(f"{scene.expected.missing - before:,} records expired unread")
        async with scene.traffic():
            mark = scene.mark(f"{names} started")
            await all_of(*(scene.stack.start(name) for name in down))
            await scene.passed(mark)
            await asyncio.sleep(span)


async def _ends(scene: Scene) -> dict[TopicPartition, int]:
    """Of the responses."""
    kafka = scene.stack.settings.kafka
    tps = [TopicPartition(Topics("cx").responses, number) for number in range(kafka.partitions)]
    async with started(consumer(kafka), kafka) as client:
        ends: dict[TopicPartition, int] = await client.end_offsets(tps)  # type: ignore[no-untyped-call]  # aiokafka
        return ends


async def _stored(scene: Scene, ends: dict[TopicPartition, int]) -> None:
    """Wait until the sink has stored all that is there now. Raises LocalError when it does not."""
    client = await connect_async(scene.stack.settings.clickhouse)
    try:
        async with asyncio.timeout(STORED_SECONDS):
            while True:
                with store_errors("ask how far the sink is"):
                    rows = await client.query(_STORED, {"topic": Topics("cx").responses})
                told = {int(partition): int(end) for partition, end in rows.result_rows}
                if all(told.get(tp.partition, 0) >= end for tp, end in ends.items()):
                    return
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        raise LocalError("the sink does not store what it should") from None
    finally:
        await client.close()


async def _delete(scene: Scene, ends: dict[TopicPartition, int]) -> None:
    """All records below `ends`, by Kafka's own way of doing it."""
    kafka = scene.stack.settings.kafka
    async with started(admin(kafka), kafka) as client:
        wanted = {tp: RecordsToDelete(end) for tp, end in ends.items()}  # type: ignore[no-untyped-call]  # aiokafka
        done = await client.delete_records(wanted, timeout_ms=30_000)
    if len(done) < len(ends):
        raise KafkaError(f"records of {len(ends) - len(done)} partitions could not be deleted")
