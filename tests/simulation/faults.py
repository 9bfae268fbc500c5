"""What breaks in one schedule, and when: all of it drawn from the seed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Final

from tests.simulation.broker import Weather
from tests.simulation.catalogues import FIRST, OTHERS
from tests.simulation.expiry import (
    expire_behind,
    expire_paused,
    expire_unread,
    expire_unstored,
)
from tests.simulation.growth import add_partitions
from tests.simulation.lives import recreate
from tests.simulation.world import CALM_SECONDS, DAY, TOPICS, Running, World

STORM_SECONDS: Final = 15.0
SETTLED: Final = 0.1
"""How many schedules wait for the next minute: that takes four times as long as the rest of one."""
MOST_STEPS_TO_LIVE: Final = 400
"""Some seconds of work: a kill may fall between any two steps of a process."""
Fault = Callable[[World], None]
CATALOGUES: Final = (FIRST, *OTHERS)
_SLEEPS: Final = (3_600_000, DAY, 8 * DAY, 29 * DAY, 40 * DAY)


async def schedule(world: World) -> None:
    """Run the world through its faults, let it calm down, and wait until all is done."""
    try:
        await _storm(world)
        await _calm(world)
    finally:
        world.over = True


async def _storm(world: World) -> None:
    rng = world.rng
    world.launch(workers=rng.choice((1, 2, 2, 3)), sinks=rng.choice((1, 1, 2)))
    world.broker.weather = _weather(rng)
    world.store.weather = _weather(rng)
    early = STORM_SECONDS / 2  # so that records follow
    instants = (
        *(_drawn(rng, rng.randrange(6, 18), (_produce,), STORM_SECONDS)),
        *(_drawn(rng, rng.randrange(9), FAULTS, STORM_SECONDS)),
        *(_drawn(rng, rng.choice(PLOTTED), PLOTS, STORM_SECONDS)),
        *(_drawn(rng, rng.randrange(2, 7) if world.restless else 0, CHANGES, early)),
    )
    for at, happen in sorted(instants, key=itemgetter(0)):
        await asyncio.sleep(at - world.loop.time())
        happen(world)
    for plot in world.plots:
        await plot


def _drawn(
    rng: random.Random, number: int, kinds: Sequence[Fault], seconds: float
) -> list[tuple[float, Fault]]:
    return [(rng.random() * seconds, rng.choice(kinds)) for _ in range(number)]


async def _calm(world: World) -> None:
    """No more faults. Now and then until a minute begins: windows slide though nobody answers."""
    world.broker.weather = world.store.weather = Weather()
    for one in world.running:
        one.process.fuse = 0
    began = world.loop.time()
    await asyncio.sleep(1.0)
    await drain(world, began)
    if world.rng.random() < SETTLED:
        await _settle(world)
        await drain(world, began)


async def _settle(world: World) -> None:
    woken = max(world.slept_at + 60.0 - world.loop.time(), 0.0)  # timers of before know no sleep
    await asyncio.sleep(woken)
    await asyncio.sleep(60.5 - world.clock() / 1000 % 60.0)
    world.settled = True


async def drain(world: World, began: float) -> None:
    """Wait until all is done. Raises AssertionError `CALM_SECONDS` after `began`."""
    while not world.drained:
        await asyncio.sleep(1.0)
        if world.loop.time() - began > CALM_SECONDS:
            raise AssertionError(f"not done {CALM_SECONDS:.0f} s after the last fault")


def _weather(rng: random.Random) -> Weather:
    def some(most: float) -> float:
        return rng.random() * most if rng.random() < 0.4 else 0.0

    return Weather(lost=some(0.1), unsaid=some(0.1), slow=some(0.5))


def _produce(world: World) -> None:
    for _ in range(1 + int(world.rng.random() * 5)):
        world.produce()


def change_catalogue(world: World) -> None:
    world.publish(world.rng.choice([one for one in CATALOGUES if one is not world.catalogue]))


def _victim(world: World) -> Running:
    return world.rng.choice(world.running)


def _kill(world: World) -> None:
    world.kill(_victim(world))


def _kill_between_steps(world: World) -> None:
    one = _victim(world)
    one.process.blow = lambda: world.kill(one)
    one.process.fuse = 1 + int(world.rng.random() * MOST_STEPS_TO_LIVE)


def _pause(world: World) -> None:
    world.pause(_victim(world), world.rng.choice((1.0, 5.0, 8.0, 15.0)))


def _pause_between_steps(world: World) -> None:
    one = _victim(world)
    seconds = world.rng.choice((1.0, 7.0, 10.0))
    one.process.blow = lambda: world.pause(one, seconds)
    one.process.fuse = 1 + int(world.rng.random() * MOST_STEPS_TO_LIVE)


def _terminate(world: World) -> None:
    one = _victim(world)
    if one.process.alive and not one.process.paused:
        one.stop()


def _rebalance(world: World) -> None:
    world.rng.choice(list(world.groups.values())).rebalance()


def _outage(world: World) -> None:
    world.store.away_until = world.loop.time() + world.rng.random() * 6.0


def _compact(world: World) -> None:
    world.broker.compact(TOPICS.checkpoints)


def _sleep(world: World) -> None:
    world.sleep(world.rng.choice(_SLEEPS))


FAULTS: Final[tuple[Fault, ...]] = (
    _kill,
    _kill_between_steps,
    _kill_between_steps,
    _pause,
    _pause_between_steps,
    _terminate,
    _rebalance,
    _outage,
    _compact,
    _sleep,
)
PLOTS: Final[tuple[Fault, ...]] = (
    *(expire_unread, expire_paused, expire_behind, expire_unstored),
    *(add_partitions, recreate),
)
"""Faults of several steps."""
PLOTTED: Final = (0, 0, 1, 2)
"""How many of these a schedule has: they take longer than all the others."""
CHANGES: Final[tuple[Fault, ...]] = (change_catalogue, change_catalogue, _kill_between_steps)
"""Where the catalogue changes, processes are killed around it."""
