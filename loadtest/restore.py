"""How long a worker needs to take over a partition with a large state: read, check, load."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Final

from loadtest.bench import Bench, answer, environment, start
from loadtest.machine import resident
from loadtest.result import Result
from pipeline.core.catalogue import Catalogue
from pipeline.core.ids import IdState
from pipeline.core.partition import PartitionState
from pipeline.core.response import Validator
from pipeline.core.vocabulary import SLOTS
from pipeline.core.windows import HOUR
from pipeline.emit.world import cells
from pipeline.local.kafka import LocalKafka
from pipeline.operate.topics import ensure_topics
from pipeline.score.outbox import Outbox
from pipeline.score.restore import CheckpointStore
from pipeline.settings import KafkaSettings, Settings, load
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.kafka import producer, started

TARGET_SECONDS: Final = 5.0
HOURS: Final = 28 * 24
"""Panes of each group, at the most: what the longest window spans."""
FRESH_EACH: Final = 10_000
MIB: Final = 1024 * 1024


async def measure(bench: Bench) -> list[Result]:
    """Write one checkpoint through the real store, then restore it in fresh processes."""
    sizes = bench.sizes
    broker = LocalKafka(bench.folder / "restore", port=0)
    await asyncio.to_thread(broker.start)
    try:
        kafka = KafkaSettings(bootstrap=broker.bootstrap, topic_prefix="restore", partitions=1)
        settings = Settings(kafka=kafka)
        await ensure_topics(settings)
        bench.say(f"restore: writing {sizes.ids:,} ids and {sizes.panes:,} panes")
        size = await write(settings, sizes.ids, sizes.panes)
        found = []
        for number in range(sizes.rounds):
            child = start(bench, f"restore-{number}", environment(kafka), __name__)
            found.append(await answer(child, "the restore"))
            bench.say(f"restore: {found[-1]['seconds']:.2f} s")
    finally:
        await asyncio.to_thread(broker.stop)
    seconds = tuple(f["seconds"] for f in found)
    memory = tuple(f["memory"] / MIB for f in found)
    name = f"restore of {found[0]['ids']:,.0f} ids and {found[0]['panes']:,.0f} panes"
    return [
        Result(name, "s", seconds, at_most=TARGET_SECONDS, detail={"checkpoint_bytes": size}),
        Result("memory of the restored worker", "MiB", memory),
    ]


async def write(settings: Settings, ids: int, panes: int) -> int:
    """Make the state of partition 0 durable; returns the bytes of its checkpoint."""
    async with _store(settings) as store:
        restored = (await store.restore([0]))[0]
        fill(restored.state, load_catalogue(settings.catalog), ids, panes)
        return await restored.writer.write(restored.state.cut(full=True))


def fill(state: PartitionState, catalogue: Catalogue, ids: int, panes: int) -> None:
    """Give a state that many remembered ids and hour panes, as four busy weeks would."""
    random = Random(1)
    now = time.time_ns() // 1_000_000 // HOUR
    for number in range(ids):
        hour = now - random.randrange(HOURS)
        state.ids.learn(random.randbytes(16), random.randbytes(8), hour, IdState.COUNTED)
        if number % FRESH_EACH == 0:
            state.ids.take_fresh()
    world = cells(catalogue)
    state.book.follow(now * HOUR)
    # The groups of the catalogue make 75,000 panes in four weeks; more come as further channels.
    for number in range(panes):
        row, hour = divmod(number, HOURS)
        extra, which = divmod(row, len(world))
        group, survey = world[which].group, world[which].survey
        group = group._replace(channel=f"{group.channel}-{extra}") if extra else group
        answers = tuple(SLOTS * question + 1 for question in range(len(survey.questions)))
        state.book.add(group, (now - hour) * HOUR, answers)
    state.book.catch_up()
    state.emit(now * HOUR, windows=False)


async def restore(settings: Settings) -> dict[str, float]:
    """Seconds from asking for the partition to a state that can fold, the claim included."""
    async with _store(settings) as store:
        began = time.perf_counter()
        state = (await store.restore([0]))[0].state
        seconds = time.perf_counter() - began
    panes = sum(len(group.hours) for group in state.book.groups.values())
    return {"seconds": seconds, "ids": len(state.ids), "panes": panes, "memory": resident()}


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[CheckpointStore]:
    async with started(producer(settings.kafka), settings.kafka) as client:
        outbox = Outbox(lambda: client)
        yield CheckpointStore(settings.kafka, outbox, Validator(load_catalogue(settings.catalog)))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(restore(load()))) + "\n")
