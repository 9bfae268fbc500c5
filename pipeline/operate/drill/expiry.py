"""Records that expire before they are scored or stored: missing, and nothing else suffers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final

from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from pipeline.errors import KafkaError, LocalError
from pipeline.local.tasks import all_of
from pipeline.operate.drill.accounts import responses
from pipeline.operate.drill.scene import Scene
from pipeline.score.told import told_to
from pipeline.sink.progress import stored_to
from pipeline.sink.target import Tables
from pipeline.store.client import connect_async
from pipeline.wire.generations import read_generations
from pipeline.wire.kafka import admin, consumer, started
from pipeline.wire.topics import Topics

SCORER: Final = "score-1"
OUTAGES: Final = ((SCORER, "sink"), (SCORER,), ("sink",))
"""Who is down. In the second, by kill -9, the sink stores what the scorer never reads; in the third
the scorer counts what has no raw rows."""
SPANS: Final = 1 + 2 * len(OUTAGES)
"""Of the drill's time: before, during and after each outage."""

LOOK_SECONDS: Final = 0.5
STORED_SECONDS: Final = 30.0
"""The sink stores within a second or two, and tells of it every few."""

Ends = Mapping[TopicPartition, int]
"""Where the log of each partition ends."""


async def expiring(scene: Scene) -> None:
    """Some are down while what was sent is deleted from the log, as retention does."""
    span = scene.seconds / SPANS
    async with scene.traffic():
        await asyncio.sleep(span)
    for down in OUTAGES:
        await scene.calm()
        await scene.saved()  # or what was told beyond the checkpoint would be lost, too (0020)
        names = " and ".join(down)
        if down == (SCORER,):
            scene.stack.kill(SCORER)
        else:
            await all_of(*(scene.stack.stop(name) for name in down))
        scene.show.say(f"{names} down")
        expected = scene.expected
        before, counted = expected.missing, _counted(scene)
        async with scene.traffic(lost=SCORER in down):
            await asyncio.sleep(span)
        ends = await _ends(scene)
        if SCORER not in down:
            await _judged(scene, ends)
            expected.unstored += _counted(scene) - counted
        elif "sink" not in down:
            await _stored(scene, ends)
        await _delete(scene, ends)
        lost, unstored = expected.missing - before, _counted(scene) - counted
        scene.show.say(f"{lost:,} records expired unread, {unstored:,} responses before storing")
        async with scene.traffic():
            mark = scene.mark(f"{names} started")
            await all_of(*(scene.stack.start(name) for name in down))
            await scene.passed(mark)
            await asyncio.sleep(span)


async def _ends(scene: Scene) -> Ends:
    """Of the responses."""
    kafka = scene.stack.settings.kafka
    tps = [TopicPartition(Topics("cx").responses, number) for number in range(kafka.partitions)]
    async with started(consumer(kafka), kafka) as client:
        ends: dict[TopicPartition, int] = await client.end_offsets(tps)  # type: ignore[no-untyped-call]  # aiokafka
        return ends


def _counted(scene: Scene) -> int:
    """Responses that count, of all that was sent."""
    return sum(responses(scene.expected.cells).values())


async def _judged(scene: Scene, ends: Ends) -> None:
    """Wait until score workers have told what is there now. Raises LocalError if they do not."""
    kafka = scene.stack.settings.kafka
    ledger, generations = Topics("cx").ledger, await read_generations(kafka)

    async def told() -> dict[int, int]:
        numbers = [tp.partition for tp in ends]
        return {n: await told_to(kafka, ledger, n, generations.of(n), 0) for n in numbers}

    await _reached(ends, told, "the scorer does not tell what it should")


async def _stored(scene: Scene, ends: Ends) -> None:
    """Wait until the sink has stored all that is there now. Raises LocalError when it does not."""
    settings = scene.stack.settings
    generations = await read_generations(settings.kafka)
    places = [(generations.of(tp.partition), tp.partition) for tp in ends]
    client = await connect_async(settings.clickhouse)
    try:
        stored = partial(stored_to, Tables(client), Topics("cx").responses, places)
        await _reached(ends, stored, "the sink does not store what it should")
    finally:
        await client.close()


async def _reached(
    ends: Ends, reach: Callable[[], Awaitable[Mapping[int, int]]], not_so: str
) -> None:
    try:
        async with asyncio.timeout(STORED_SECONDS):
            while True:
                reached = await reach()
                if all(reached.get(tp.partition, 0) >= end for tp, end in ends.items()):
                    return
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        raise LocalError(not_so) from None


async def _delete(scene: Scene, ends: Ends) -> None:
    """All records below `ends`, by Kafka's own way of doing it."""
    kafka = scene.stack.settings.kafka
    async with started(admin(kafka), kafka) as client:
        wanted = {tp: RecordsToDelete(end) for tp, end in ends.items()}  # type: ignore[no-untyped-call]  # aiokafka
        done = await client.delete_records(wanted, timeout_ms=30_000)
    if len(done) < len(ends):
        raise KafkaError(f"records of {len(ends) - len(done)} partitions could not be deleted")
