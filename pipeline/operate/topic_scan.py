"""Reads a topic from its first record to what is its end now; joins no group, commits nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError as ClientError

from pipeline.errors import KafkaError
from pipeline.settings import Settings
from pipeline.sink.rows import Record
from pipeline.wire.kafka import consumer, partitions_of, started

__all__ = ["Record", "Told", "batches", "scan"]

POLL_MS: Final = 500
"""How long one poll waits; the end of the topic ends the loop, so this is no latency."""

Told = Callable[[int, int], None]
"""Gets how many offsets are behind the reader, of how many."""


async def scan(settings: Settings, topic: str, see: Callable[[Record], None], tell: Told) -> None:
    """Call `see` with each record; inside a partition in the order of the log.

    Raises KafkaError when the broker is away or the topic does not exist.
    """
    async for records in batches(settings, topic, tell):
        for record in records:
            see(record)


async def batches(
    settings: Settings, topic: str, tell: Told
) -> AsyncGenerator[Sequence[Record], None]:
    """The records in batches of one partition each; `tell` hears how far the reader is.

    Raises KafkaError when the broker is away or the topic does not exist.
    """
    try:
        async with AsyncExitStack() as stack:
            parts = await partitions_of(settings.kafka, topic)
            client = await stack.enter_async_context(
                started(consumer(settings.kafka), settings.kafka)
            )
            client.assign(parts)  # type: ignore[no-untyped-call]  # aiokafka
            async for records in _read(client, parts, tell):
                yield records
    except ClientError as error:
        raise KafkaError(f"topic {topic}: cannot be read: {type(error).__name__}") from error


async def _read(
    client: AIOKafkaConsumer, parts: Sequence[TopicPartition], tell: Told
) -> AsyncIterator[Sequence[Record]]:
    starts = await client.beginning_offsets(parts)  # type: ignore[no-untyped-call]  # aiokafka
    ends = await client.end_offsets(parts)  # type: ignore[no-untyped-call]  # aiokafka
    await client.seek_to_beginning(*parts)  # type: ignore[no-untyped-call]  # aiokafka
    total = sum(ends[part] - starts[part] for part in parts)
    places = dict(starts)
    while any(places[part] < ends[part] for part in parts):
        for records in (await client.getmany(timeout_ms=POLL_MS)).values():
            yield records
        for part in parts:
            place: int = await client.position(part)  # type: ignore[no-untyped-call]  # aiokafka
            places[part] = min(ends[part], place)
        tell(sum(places[part] - starts[part] for part in parts), total)
