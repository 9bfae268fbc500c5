"""Fetches single records from their own topic, as long as retention has them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.errors import KafkaError
from pipeline.settings import Settings
from pipeline.sink.rows import Record
from pipeline.wire.kafka import consumer, partition_counts, read_errors, started
from pipeline.wire.log_ends import bounds

FETCH_MS: Final = 10_000
"""A record that is in the log comes within milliseconds; a broker in trouble within seconds."""


class Originals:
    """Use `opened`; one fetch at a time."""

    def __init__(self, client: AIOKafkaConsumer, partitions: Mapping[str, int]) -> None:
        self._client = client
        self._partitions = partitions

    async def fetch(self, topic: str, partition: int, offset: int, at: int) -> Record | None:
        """The record at this place that was appended at `at` (ms); None when the log has it no
        more, or has another there since the topic was re-created. Raises KafkaError."""
        client, place = self._client, TopicPartition(topic, partition)
        if partition >= self._partitions.get(topic, 0):
            return None
        where = f"{topic} partition {partition} offset {offset}"
        with read_errors(where):
            client.assign([place])  # type: ignore[no-untyped-call]  # aiokafka
            start, end = (await bounds(client, [place]))[place]
            if not start <= offset < end:
                return None
            client.seek(place, offset)  # type: ignore[no-untyped-call]  # aiokafka
            found = await client.getmany(place, timeout_ms=FETCH_MS, max_records=1)
        if not found.get(place):
            raise KafkaError(
                f"topic {where}: nothing came within {FETCH_MS / 1000:g} s though the log reaches "
                f"to {end}; run it again"
            )
        original: Record = found[place][0]
        return original if (original.offset, original.timestamp) == (offset, at) else None


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Originals]:
    """Connected for one block. Raises KafkaError."""
    topics = await partition_counts(settings.kafka)
    async with started(consumer(settings.kafka), settings.kafka) as client:
        yield Originals(client, topics)
