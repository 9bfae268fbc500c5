"""One traffic through two emitters, which do not agree on the partition of a key.

Then responses, their repeats and their retractions meet in different partitions: each fold is right
by itself, and all of them together only after `cxpulse reconcile --repair`.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from pipeline.core.catalogue import Catalogue
from pipeline.emit.simulate import Item, Traffic, items
from pipeline.local.verdict import Check
from pipeline.operate.drill.drill import Act
from pipeline.operate.drill.scene import Scene
from pipeline.store.client import connect_async, store_errors
from pipeline.wire.kafka import Partitioner, partition_for

MORE: Final = 8
"""Partitions after growing: twice as many as a drill begins with."""
REPAIRS: Final = "SELECT uniqExact(generation, partition, offset) FROM responses WHERE repair"
SPANS: Final = 3
"""Of the drill's time: before and after the change with the old emitter, then with the new."""


class Stream:
    """Simulated traffic that goes on where an emitter before stopped."""

    def __init__(self) -> None:
        self._items: Iterator[Item] | None = None
        self._unsent: Item | None = None

    def make(self, catalogue: Catalogue, traffic: Traffic) -> Iterator[Item]:
        """The rest of the traffic. An emitter that stops leaves the item that it has not sent."""
        if self._items is None:
            self._items = items(catalogue, traffic)
        while (item := self._unsent or next(self._items, None)) is not None:
            self._unsent = item
            yield item
            self._unsent = None


def crc32(key: bytes, partitions: int) -> int:
    """Where librdkafka puts a key unless told otherwise: its `consistent_random`."""
    return zlib.crc32(key) % partitions


def crossing(change: Callable[[Scene], Awaitable[None]], after: Partitioner = partition_for) -> Act:
    """An emitter sends during a `change`; then another one, which asks Kafka again how many
    partitions there are and spreads keys by `after`, sends the rest. A repair ends it."""

    async def act(scene: Scene) -> None:
        stream = Stream()
        scene.expected.crossing = True
        span = scene.seconds / SPANS
        async with scene.traffic(stream.make):
            await asyncio.sleep(span)
            await change(scene)
            await asyncio.sleep(span)
        async with scene.traffic(stream.make, after):
            await scene.passed(scene.mark("another emitter goes on"))
            await asyncio.sleep(span)
        await scene.stack.run("reconcile", "--repair")
        scene.checks.append(await _mended(scene))

    return act


async def _mended(scene: Scene) -> Check:
    """Without repairs there was nothing to mend, and the drill would have shown nothing."""
    client = await connect_async(scene.stack.settings.clickhouse)
    try:
        with store_errors("count the repairs"):
            ((repairs,),) = (await client.query(REPAIRS)).result_rows
    finally:
        await client.close()
    what = "events that counted in several partitions were taken back"
    return Check(what, repairs > 0, f"{repairs:,} repairs")


async def adding_partitions(scene: Scene) -> None:
    """The old emitter goes on with as many as it knows."""
    await scene.stack.run("topics", "--grow", str(MORE))
    scene.show.say(f"there are {MORE} partitions")


async def nothing(scene: Scene) -> None:
    """Nothing but the emitters changes."""
