"""Records that expire while everybody is down: counted as missing, and nothing else suffers."""

from __future__ import annotations

import asyncio

from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from pipeline.errors import KafkaError
from pipeline.local.tasks import all_of
from pipeline.operate.drill.scene import Scene
from pipeline.wire.kafka import admin, consumer, started
from pipeline.wire.topics import Topics

THIRD = 3
"""Of the drill's time: before, during and after the outage."""

DOWN = ("score-1", "sink")


async def expiring(scene: Scene) -> None:
    """Scorer and sink are down while what was sent is deleted from the log, as retention does."""
    span = scene.seconds / THIRD
    async with scene.traffic():
        await asyncio.sleep(span)
    await scene.calm()
    await all_of(*(scene.stack.stop(name) for name in DOWN))
    scene.show.say("scorer and sink are down")
    async with scene.traffic(lost=True):
        await asyncio.sleep(span)
    await _delete(scene)
    scene.show.say(f"{scene.expected.missing:,} records expired unread")
    async with scene.traffic():
        mark = scene.mark("scorer and sink are started")
        await all_of(*(scene.stack.start(name) for name in DOWN))
        await scene.passed(mark)
        await asyncio.sleep(span)


async def _delete(scene: Scene) -> None:
    """Everything that is in the responses now, by Kafka's own way of doing it."""
    kafka = scene.stack.settings.kafka
    tps = [TopicPartition(Topics("cx").responses, number) for number in range(kafka.partitions)]
    async with started(consumer(kafka), kafka) as client:
        ends = await client.end_offsets(tps)  # type: ignore[no-untyped-call]  # aiokafka
    async with started(admin(kafka), kafka) as client:
        wanted = {tp: RecordsToDelete(end) for tp, end in ends.items()}  # type: ignore[no-untyped-call]  # aiokafka
        done = await client.delete_records(wanted, timeout_ms=30_000)
    if len(done) < len(tps):
        raise KafkaError(f"records of {len(tps) - len(done)} partitions could not be deleted")
