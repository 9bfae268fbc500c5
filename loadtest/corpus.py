"""The responses that catch-up works on: four weeks of the simulated government, sent once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from aiokafka import AIOKafkaProducer

from pipeline.core.catalogue import Catalogue
from pipeline.emit.simulate import Traffic, items
from pipeline.emit.world import cells
from pipeline.settings import Settings
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.kafka import producer, started
from pipeline.wire.topics import Topics, response_key

HISTORY_MS: Final = 28 * 24 * 60 * 60 * 1000
"""What a worker holds after years of running: the longest window, full."""
HALVES: Final = 2
"""Workers that share the partitions, at the most; Kafka deals them out in turn."""
IN_FLIGHT: Final = 16
"""Batches of 256 KiB on their way."""
TOLD_EACH: Final = 100_000


async def fill(settings: Settings, responses: int, say: Callable[[str], None]) -> int:
    """Send a history that ends now; returns how many records that is, bad input and repeats
    included. Raises KafkaError when there is no broker."""
    catalogue = load_catalogue(settings.catalog)
    now = time.time_ns() // 1_000_000
    traffic = Traffic(start=now, live=0, history=HISTORY_MS, history_count=responses)
    places = place_keys(catalogue, settings.kafka.partitions)
    count = 0
    async with started(producer(settings.kafka), settings.kafka) as client:
        sender = _Sender(client, Topics(settings.kafka.topic_prefix).responses)
        for count, item in enumerate(items(catalogue, traffic), 1):
            await sender.put(places[item.key], item.key, item.value)
            if count % TOLD_EACH == 0:
                say(f"catch-up: {count:,} records sent")
        await sender.flush()
    return count


def place_keys(catalogue: Catalogue, partitions: int) -> dict[bytes, int]:
    """Each key on one partition, so that both halves of the partitions get the same load.

    What is measured is the workers, and not the luck of a hash: placed by Kafka's own hash, one
    partition of eight would have a third of all responses.
    """
    shares: dict[bytes, float] = {}
    for cell in cells(catalogue):
        key = response_key(cell.group)
        shares[key] = shares.get(key, 0.0) + cell.share
    load = [0.0] * partitions
    places = {}
    for key, share in sorted(shares.items(), key=lambda item: (-item[1], item[0])):
        halves = [sum(load[half::HALVES]) for half in range(min(HALVES, partitions))]
        half = halves.index(min(halves))
        place = min(range(half, partitions, HALVES), key=lambda p: load[p])
        load[place] += share
        places[key] = place
    return places


class _Sender:
    """Packs records into batches of chosen partitions."""

    def __init__(self, client: AIOKafkaProducer, topic: str) -> None:
        self._client = client
        self._topic = topic
        self._open = {}  # type: ignore[var-annotated]  # aiokafka's builders have no type
        self._sent: set[asyncio.Future[object]] = set()

    async def put(self, partition: int, key: bytes, value: bytes | None) -> None:
        while True:
            batch = self._open.get(partition)
            if batch is None:
                batch = self._open[partition] = self._client.create_batch()  # type: ignore[no-untyped-call]
            if batch.append(key=key, value=value, timestamp=None) is not None:
                return
            await self._send(partition)

    async def flush(self) -> None:
        for partition in list(self._open):
            await self._send(partition)
        await self._settle(0)

    async def _send(self, partition: int) -> None:
        batch = self._open.pop(partition)
        batch.close()
        self._sent.add(
            await self._client.send_batch(batch, self._topic, partition=partition)  # type: ignore[no-untyped-call]
        )
        await self._settle(IN_FLIGHT)

    async def _settle(self, most: int) -> None:
        """Wait until no more than `most` are on their way; a batch that failed raises."""
        while len(self._sent) > most:
            done, self._sent = await asyncio.wait(self._sent, return_when=asyncio.FIRST_COMPLETED)
            for future in done:
                future.result()
