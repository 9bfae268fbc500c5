"""A scorer killed while it remembers a million event ids and a hundred thousand panes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Final

from pipeline.core.catalogue import Catalogue
from pipeline.core.ids import IdState
from pipeline.core.partition import PartitionState
from pipeline.core.vocabulary import SLOTS
from pipeline.core.windows import HOUR
from pipeline.emit.world import cells
from pipeline.local.tasks import all_of
from pipeline.local.verdict import Check
from pipeline.operate.drill.scene import Scene
from pipeline.score.outbox import Outbox
from pipeline.score.readers import Readers
from pipeline.score.restore import CheckpointStore
from pipeline.settings import Settings
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.kafka import producer, started
from pipeline.wire.responses import ResponseDecoder

IDS: Final = 1_000_000
PANES: Final = 100_000
PARTITION: Final = 0
"""All in one partition: the state that a restore is promised to take 15 s with."""

HOURS: Final = 28 * 24
"""Panes of each group, at the most: what the longest window spans."""
RESTORE_SECONDS: Final = 5.0
"""What taking over such a state may last by itself, of the 15 s until scores go on."""
FRESH_EACH: Final = 10_000
WORKERS: Final = ("score-1", "score-2")


async def killing_large(scene: Scene) -> None:
    """Put a checkpoint of that size there before any worker starts; then kill whoever has it."""
    scene.show.say(f"writing a checkpoint of {IDS:,} ids and {PANES:,} panes")
    await write_checkpoint(scene.stack.settings, IDS, PANES)
    scene.checks.append(await restores(scene.stack.settings))
    await all_of(*(scene.stack.start(name) for name in WORKERS))
    scene.show.say("both workers are ready")
    async with scene.traffic():
        for _ in scene.rounds():
            await scene.pause(1.0, 6.0)
            await scene.passed(await scene.crash(await scene.owner(PARTITION)))


async def restores(settings: Settings) -> Check:
    """That what was written is whole, and is taken over soon enough."""
    async with checkpoint_store(settings) as store:
        began = time.perf_counter()
        state = (await store.restore([PARTITION]))[PARTITION].state
        seconds = time.perf_counter() - began
    panes = sum(len(group.hours) for group in state.book.groups.values())
    return Check(
        f"a state of {IDS:,} ids and {PANES:,} panes is restored within {RESTORE_SECONDS:.0f} s",
        (len(state.ids), panes) == (IDS, PANES) and seconds <= RESTORE_SECONDS,
        f"{len(state.ids):,} ids and {panes:,} panes in {seconds:.1f} s",
    )


async def write_checkpoint(settings: Settings, ids: int, panes: int) -> int:
    """Make such a state of partition 0 durable; returns the bytes of its checkpoint."""
    async with checkpoint_store(settings) as store:
        restored = (await store.restore([PARTITION]))[PARTITION]
        catalogue = load_catalogue(settings.catalog)
        await asyncio.to_thread(fill, restored.state, catalogue, ids, panes)
        return await restored.writer.write(restored.state.cut(full=True))


def fill(state: PartitionState, catalogue: Catalogue, ids: int, panes: int) -> None:
    """Give a state that many remembered ids and hour panes, as four busy weeks would.

    The panes are of channels that nobody uses, so that they touch no count of real traffic.
    """
    random = Random(1)
    now = time.time_ns() // 1_000_000 // HOUR
    for number in range(ids):
        hour = now - random.randrange(HOURS)
        state.ids.learn(random.randbytes(16), random.randbytes(8), hour, IdState.COUNTED)
        if number % FRESH_EACH == 0:
            state.ids.take_fresh()
    world = cells(catalogue)
    state.book.follow(now * HOUR)
    for number in range(panes):
        row, hour = divmod(number, HOURS)
        extra, which = divmod(row, len(world))
        group, survey = world[which].group, world[which].survey
        group = group._replace(channel=f"{group.channel}-{extra}")
        answers = tuple(SLOTS * question + 1 for question in range(len(survey.questions)))
        state.book.add(group, (now - hour) * HOUR, answers)
    state.book.catch_up()
    state.emit(now * HOUR, windows=False)


@asynccontextmanager
async def checkpoint_store(settings: Settings) -> AsyncIterator[CheckpointStore]:
    """The checkpoints of these topics, as a worker opens them."""
    async with started(producer(settings.kafka), settings.kafka) as client:
        outbox = Outbox(lambda: client)
        readers = Readers(ResponseDecoder(), load_catalogue(settings.catalog))
        yield CheckpointStore(settings.kafka, outbox, readers)
