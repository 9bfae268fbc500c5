"""The responses topic is deleted and created again: each partition begins a new life, which counts
beside the one before. Whoever reads it is stopped before, or not, and then has to notice.
"""

from __future__ import annotations

import asyncio
from typing import Final

from pipeline.errors import KafkaError
from pipeline.operate.generations import begin_generation
from pipeline.wire.lives import AWAY_MS
from tests.simulation.expiry import LET_GO, UNDER_WAY
from tests.simulation.growth import grow_one_or_two
from tests.simulation.world import TOPICS, World

PATIENCE: Final = 60.0
"""Seconds until all is read, in any weather; else the topic is left as it is."""
BETWEEN: Final = 0.1 + AWAY_MS / 1000
"""Seconds until something is sent into the new log: a reader that does not look for so long looks
twice. One that is faster than that notices nothing (`docs/decisions/0012`)."""
MOST_LIVES: Final = 3
"""More only take longer."""


def recreate(world: World) -> None:
    """Create the topic again when all is read, say so, and send on into the new log."""
    world.plots.append(asyncio.ensure_future(_recreate(world)))


async def _recreate(world: World) -> None:
    if world.quiet or world.newest >= MOST_LIVES:
        return
    world.renewing += 1
    world.quiet = True  # what is deleted unread would be lost, and rightly
    if await _all_read(world):
        if world.rng.random() < 0.5:
            await _stop_all(world)
        if world.drained:
            ends = [partition.end for partition in world.broker.topics[TOPICS.responses]]
            world.recreate()
            await asyncio.sleep(BETWEEN)
            if world.rng.random() < 0.5:
                await _fill(world, ends)
            await _say_so(world)
    world.quiet = False
    await _go_on(world)
    world.renewing -= 1


async def _fill(world: World, ends: list[int]) -> None:
    """The new log gets as long as the old one was, and longer, before anybody says so."""
    for number, end in enumerate(ends):
        for _ in range(end):
            world.broker.mark(TOPICS.responses, number)
    world.quiet = False
    for _ in range(3):
        world.produce()
    await asyncio.sleep(BETWEEN)


async def _go_on(world: World) -> None:
    """Send on, wherever to; at the end all are started again, as the command asks: who has no
    news of a partition would go on for ever as before."""
    if world.rng.random() < 0.5:
        await grow_one_or_two(world)
    for _ in range(world.rng.randrange(2, 6)):
        await asyncio.sleep(world.rng.random() * 3.0)
        for _ in range(1 + int(world.rng.random() * 4)):
            world.produce()
        if world.rng.random() < 0.5:
            world.kill(world.rng.choice(world.running))
    for one in world.running:
        world.kill(one)


async def _all_read(world: World) -> bool:
    end = world.loop.time() + PATIENCE
    while not world.drained and world.loop.time() < end:
        await asyncio.sleep(1.0)
    return world.drained


async def _stop_all(world: World) -> None:
    """Scorers and sinks; one that does not end in time is killed, a zombie wakes in the new life.
    An operator may go on."""
    stopped = world.hold("", LET_GO + UNDER_WAY + world.rng.random() * 4.0)
    for one in stopped:
        if one.process.alive and not one.process.paused:
            one.stop()
    await asyncio.sleep(LET_GO)
    for one in stopped:
        if not one.process.paused:
            world.kill(one)
    await asyncio.sleep(UNDER_WAY)


async def _say_so(world: World) -> None:
    """`cxpulse topics --new-generation`, again until it says that it is done."""
    while True:
        try:
            await begin_generation(world.settings.kafka)
            return
        except KafkaError:
            await asyncio.sleep(1.0)
