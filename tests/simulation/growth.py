"""Partitions are added while everything runs, by the real command: only what it asks Kafka to do
is done here.
"""

from __future__ import annotations

import asyncio
from typing import Final

from pipeline.errors import KafkaError
from pipeline.operate.growth import grow
from pipeline.settings import KafkaSettings
from tests.simulation.world import World

MOST: Final = 4
"""Partitions; more only take longer."""


def add_partitions(world: World) -> None:
    """One or two more, as `cxpulse topics --grow` adds them."""
    world.plots.append(asyncio.ensure_future(grow_one_or_two(world)))


async def grow_one_or_two(world: World) -> None:
    """Returns when they are there, or as many as others have added."""
    wanted = min(MOST, world.partitions + 1 + int(world.rng.random() * 2))
    while wanted > world.partitions:
        try:
            await grow(world.settings.kafka, wanted, world.trace.add)
        except KafkaError:
            await asyncio.sleep(1.0)  # safe to repeat


def widen(world: World) -> object:
    """In place of the admin client's request."""

    async def add(kafka: KafkaSettings, topic: str, partitions: int) -> None:
        await asyncio.sleep(world.broker.weather.delay(world.rng))
        world.widen(topic, partitions)

    return add
