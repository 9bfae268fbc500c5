"""How far a partition was told by whoever owned it, from its ledger entries."""

from __future__ import annotations

from typing import Final

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError as ClientError

from pipeline.errors import KafkaError
from pipeline.settings import KafkaSettings
from pipeline.wire.kafka import consumer, started
from pipeline.wire.ledger import decode_entry

POLL_MS: Final = 200
"""How long one poll waits: only the end of the partition ends the loop, so this is no latency."""

MARGIN_MS: Final = 10_000
"""Entries are looked for from so long before: brokers that lead one after the other may have
clocks that differ by less."""


async def told_to(
    kafka: KafkaSettings, topic: str, partition: int, generation: int, since: int
) -> int:
    """Below which offset records were told by entries since append time `since` (ms); 0: none.

    An emission enters the ledger before anything else of it is sent, so nothing beyond was told.
    Raises KafkaError when the ledger cannot be read, SchemaError when it holds something else.
    """
    tp = TopicPartition(topic, partition)
    told = 0
    try:
        async with started(consumer(kafka), kafka) as client:
            client.assign([tp])  # type: ignore[no-untyped-call]  # aiokafka
            end = (await client.end_offsets([tp]))[tp]  # type: ignore[no-untyped-call]  # aiokafka
            asked = {tp: max(0, since - MARGIN_MS)}
            first = (await client.offsets_for_times(asked))[tp]  # type: ignore[no-untyped-call]  # aiokafka
            if first is None:
                return 0
            client.seek(tp, first.offset)  # type: ignore[no-untyped-call]  # aiokafka
            while await client.position(tp) < end:  # type: ignore[no-untyped-call]  # aiokafka
                for records in (await client.getmany(timeout_ms=POLL_MS)).values():
                    for record in records:
                        entry = decode_entry(record.value or b"")
                        if entry.generation == generation:
                            told = max(told, entry.next_offset)
    except ClientError as error:
        raise KafkaError(f"topic {topic}: cannot be read: {type(error).__name__}") from error
    return told
