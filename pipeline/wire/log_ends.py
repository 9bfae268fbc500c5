"""Where partitions begin and end, and what they hold up to there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

POLL_MS: Final = 200
"""How long one poll waits: only the end of a partition ends the loop, so this is no latency."""

Bounds = tuple[int, int]
"""First offset, and the one after the last."""


async def bounds(
    client: AIOKafkaConsumer, tps: Collection[TopicPartition]
) -> dict[TopicPartition, Bounds]:
    """Of these partitions, now. Raises aiokafka's errors."""
    starts = await client.beginning_offsets(tps)  # type: ignore[no-untyped-call]  # aiokafka
    ends = await client.end_offsets(tps)  # type: ignore[no-untyped-call]  # aiokafka
    return {tp: (starts[tp], ends[tp]) for tp in tps}


async def read_to(
    client: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]
) -> AsyncIterator[tuple[TopicPartition, Sequence[ConsumerRecord[bytes, bytes]]]]:
    """Batches of assigned partitions, from where the client stands to these ends; the last of each
    may reach beyond. Position counts, not records: marks of transactions take offsets too.

    Raises aiokafka's errors.
    """
    left = list(ends)  # in a fixed order: the same requests in every run
    while left := [tp for tp in left if await client.position(tp) < ends[tp]]:  # type: ignore[no-untyped-call]  # aiokafka
        for tp, records in (await client.getmany(*left, timeout_ms=POLL_MS)).items():
            yield tp, records
