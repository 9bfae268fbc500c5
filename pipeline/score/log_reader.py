"""Reads partitions of the checkpoint topic to their end, with a consumer that joins no group."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.settings import KafkaSettings
from pipeline.wire import log_ends
from pipeline.wire.kafka import consumer, read_errors, started
from pipeline.wire.log_ends import Bounds, read_to
from pipeline.wire.manifests import Owner, parse_key

Wanted = Callable[[bytes], bool]


def _any(key: bytes) -> bool:
    return True


class PartitionLog:
    """What one partition holds: live records by key, and the claims in the order of the log.
    Only values whose key is `wanted` are kept."""

    def __init__(self, wanted: Wanted = _any) -> None:
        self.records: dict[bytes, bytes] = {}
        self.claims: list[Owner] = []
        self._wanted = wanted

    def add(self, key: bytes | None, value: bytes | None) -> None:
        """Take in the next record; a tombstone removes its key, and still tells of a claim: the
        record itself may have been compacted away meanwhile."""
        if key is None or not self._wanted(key):
            return
        parsed = parse_key(key)
        if parsed is not None and parsed.is_claim and parsed.owner not in self.claims:
            self.claims.append(parsed.owner)
        if value is None:
            self.records.pop(key, None)
        else:
            self.records[key] = value

    def winner(self, epoch: int) -> Owner | None:
        """Whose claim of `epoch` came first; a claim that was removed later still won."""
        return next((owner for owner in self.claims if owner.epoch == epoch), None)


class LogReader:
    """Follows some partitions; each `catch_up` reads on to what is their end by then."""

    def __init__(
        self, client: AIOKafkaConsumer, topic: str, partitions: Iterable[int], wanted: Wanted
    ) -> None:
        self._client = client
        self._topic = topic
        self._tps = [TopicPartition(topic, partition) for partition in partitions]
        self.logs = {tp.partition: PartitionLog(wanted) for tp in self._tps}

    async def catch_up(self) -> None:
        """Read everything written so far. Raises KafkaError when the broker does not answer."""
        with read_errors(self._topic):
            ends = await self._client.end_offsets(self._tps)  # type: ignore[no-untyped-call]  # aiokafka
            async for tp, records in read_to(self._client, ends):
                for record in records:
                    self.logs[tp.partition].add(record.key, record.value)

    async def bounds(self, topic: str) -> dict[int, Bounds]:
        """First and next offset of the same partitions of another topic. Raises KafkaError."""
        tps = [TopicPartition(topic, tp.partition) for tp in self._tps]
        with read_errors(topic):
            found = await log_ends.bounds(self._client, tps)
        return {tp.partition: reach for tp, reach in found.items()}


@asynccontextmanager
async def open_logs(
    kafka: KafkaSettings, topic: str, partitions: Iterable[int], wanted: Wanted = _any
) -> AsyncIterator[LogReader]:
    """A reader at the beginning of these partitions, of the keys that are `wanted` (all of them);
    its connection closes with the context.

    Raises:
        KafkaError: the broker is away.
    """
    async with started(consumer(kafka), kafka) as client:
        reader = LogReader(client, topic, partitions, wanted)
        client.assign(reader._tps)  # type: ignore[no-untyped-call]  # aiokafka
        with read_errors(topic):
            await client.seek_to_beginning(*reader._tps)  # type: ignore[no-untyped-call]  # aiokafka
        yield reader
