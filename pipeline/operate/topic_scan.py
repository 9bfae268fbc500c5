"""Reads a topic from its first record to what is its end now; joins no group, commits nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.settings import Settings
from pipeline.sink.rows import Record
from pipeline.wire.kafka import consumer, partitions_of, read_errors, started
from pipeline.wire.log_ends import bounds, read_to

__all__ = ["Record", "Told", "batches", "scan"]

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
    with read_errors(topic):
        async with AsyncExitStack() as stack:
            parts = await partitions_of(settings.kafka, topic)
            client = await stack.enter_async_context(
                started(consumer(settings.kafka), settings.kafka)
            )
            client.assign(parts)  # type: ignore[no-untyped-call]  # aiokafka
            async for records in _read(client, parts, tell):
                yield records


async def _read(
    client: AIOKafkaConsumer, parts: Sequence[TopicPartition], tell: Told
) -> AsyncIterator[Sequence[Record]]:
    reach = await bounds(client, parts)
    await client.seek_to_beginning(*parts)  # type: ignore[no-untyped-call]  # aiokafka
    places = {part: start for part, (start, _) in reach.items()}
    ends = {part: end for part, (_, end) in reach.items()}
    first, last = sum(places.values()), sum(ends.values())
    async for part, records in read_to(client, ends):
        yield records
        places[part] = min(ends[part], records[-1].offset + 1)
        tell(sum(places.values()) - first, last - first)
    tell(last - first, last - first)  # behind the last record may be marks of transactions
