"""Topics, and the way to them: what was sent may be appended or not, and said so or not."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import zip_longest
from typing import Any, NamedTuple

from aiokafka.errors import KafkaTimeoutError
from aiokafka.structs import ConsumerRecord

from pipeline.wire.kafka import METADATA_MS, partition_for
from tests.simulation.loop import VirtualLoop
from tests.support.world import DAY

Headers = Sequence[tuple[str, bytes]]
Stored = ConsumerRecord[Any, Any]
APPEND_TIME = 1
METADATA = METADATA_MS / 1000
"""How old what a client knows of partitions may be, in seconds."""
LONGEST_DELAY = 3.0
"""Seconds on the way when it is slow."""


@dataclass
class Weather:
    """How likely things go wrong on the way; all zero is calm."""

    lost: float = 0.0  # not appended, and the sender is told so
    unsaid: float = 0.0  # appended, and the sender is told that it failed
    slow: float = 0.0  # late by up to seconds instead of milliseconds

    def delay(self, rng: random.Random) -> float:
        return rng.random() * (LONGEST_DELAY if rng.random() < self.slow else 0.02)


@dataclass
class Partition:
    """One partition: records in order of offset (compaction leaves gaps), the first offset that
    retention has left, and the next one."""

    records: list[Stored] = field(default_factory=list)
    start: int = 0
    end: int = 0


class Trace:
    """Everything that happened, as a hash: equal for equal runs."""

    def __init__(self, tell: Callable[[str], None] | None = None) -> None:
        self._hash = blake2b(digest_size=16)
        self._tell = tell

    def add(self, *facts: object) -> None:
        line = " ".join(map(str, facts))
        self._hash.update(line.encode() + b"\n")
        if self._tell is not None:
            self._tell(line)

    def digest(self) -> str:
        return self._hash.hexdigest()


class Broker:
    """All topics. Its clock gives the append times; `wall` is that clock, in ms."""

    def __init__(
        self, loop: VirtualLoop, rng: random.Random, wall: Callable[[], int], trace: Trace
    ) -> None:
        self.loop = loop
        self.rng = rng
        self.wall = wall
        self.trace = trace
        self.weather = Weather()
        self.topics: dict[str, list[Partition]] = {}
        self._readers: dict[str, list[asyncio.Future[None]]] = {}

    def widen(self, topic: str, partitions: int) -> None:
        """Add partitions, unless there are as many."""
        known = self.topics[topic]
        known += [Partition() for _ in range(partitions - len(known))]
        self.trace.add(self.loop.time(), "partitions", topic, len(known))

    def create(self, topic: str, partitions: int) -> None:
        self.topics[topic] = [Partition() for _ in range(partitions)]

    def append(
        self, topic: str, number: int, key: bytes | None, value: bytes | None, headers: Headers
    ) -> int:
        """Append one record; returns its offset."""
        partition = self.topics[topic][number]
        offset = partition.end
        partition.end += 1
        now = self.wall()
        sizes = len(key or b""), len(value or b"")
        partition.records.append(
            ConsumerRecord(
                topic, number, offset, now, APPEND_TIME, key, value, None, *sizes, tuple(headers)
            )
        )
        self.trace.add(self.loop.time(), topic, number, offset, key, sizes[1])
        for reader in self._readers.pop(topic, ()):
            if not reader.done():
                reader.set_result(None)
        return offset

    def mark(self, topic: str, number: int) -> None:
        """An offset without a record: the mark of a transaction."""
        self.topics[topic][number].end += 1

    def expire(self, topic: str, number: int, start: int) -> None:
        """Retention: nothing is left below `start`."""
        partition = self.topics[topic][number]
        partition.start = start
        partition.records = [record for record in partition.records if record.offset >= start]
        self.trace.add(self.loop.time(), "expired", topic, number, start)

    def compact(self, topic: str) -> None:
        """Keep the last record of each key; tombstones stay for a day."""
        oldest = self.wall() - DAY
        for partition in self.topics[topic]:
            last = {record.key: record.offset for record in partition.records}
            partition.records = [
                record
                for record in partition.records
                if last[record.key] == record.offset
                and (record.value is not None or record.timestamp >= oldest)
            ]

    def read(self, topic: str, number: int, position: int, most: int) -> list[Stored]:
        """Up to `most` records from `position` on."""
        records = self.topics[topic][number].records
        if not records or records[-1].offset < position:
            return []
        at = len(records)
        while at and records[at - 1].offset >= position:
            at -= 1
        return records[at : at + most]

    def in_range(self, topic: str, number: int, position: int) -> int:
        """Where a client reads on that goes to the earliest when its position is not there: another
        log may be shorter, and what has expired is passed over."""
        partition = self.topics[topic][number]
        return position if partition.start <= position <= partition.end else partition.start

    async def partition_counts(self, kafka: object) -> dict[str, int]:
        return {name: len(partitions) for name, partitions in self.topics.items()}

    async def news(self, topic: str, seconds: float) -> None:
        """Wait for something new in a topic, or until time is up."""
        reader = self.loop.create_future()
        self._readers.setdefault(topic, []).append(reader)
        timer = self.loop.elsewhere(seconds, _wake, reader)
        await reader
        timer.cancel()


class Acknowledged(NamedTuple):
    """What a producer hears of a record."""

    offset: int


class Batch:
    """Records of one producer for one partition, with one fate."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes | None, bytes | None, Headers]] = []
        self.waiting: list[asyncio.Future[Acknowledged]] = []

    def settle(self, offsets: Sequence[int]) -> None:
        """Tell the senders where each record stands, or that nobody knows."""
        for waiting, offset in zip_longest(self.waiting, offsets):
            if waiting.done():
                continue
            if offset is None:
                waiting.set_exception(KafkaTimeoutError("no acknowledgement"))
            else:
                waiting.set_result(Acknowledged(offset))


class FakeProducer:
    """An idempotent producer: records of a partition arrive in the order of sending, or fail."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._open: dict[tuple[str, int], Batch] = {}
        self._busy: dict[tuple[str, int], float] = {}
        self._known: dict[str, tuple[float, int]] = {}  # topic → when asked, partitions then

    async def start(self) -> None: ...
    async def stop(self) -> None: ...

    async def partitions_for(self, topic: str) -> set[int]:
        return set(range(self._partitions(topic)))

    def _partitions(self, topic: str) -> int:
        """As many as there were when the client last asked."""
        now = self._broker.loop.time()
        asked, known = self._known.get(topic, (float("-inf"), 0))
        if now - asked >= METADATA:
            known = len(self._broker.topics[topic])
            self._known[topic] = now, known
        return known

    async def send(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int | None = None,
        headers: Headers = (),
    ) -> asyncio.Future[Acknowledged]:
        """Put a record into the open batch of its partition."""
        broker = self._broker
        known = self._partitions(topic)
        if partition is None:
            partition = partition_for(key or b"", known)
        assert partition < known, "Unrecognized partition"  # aiokafka's own words
        place = (topic, partition)
        batch = self._open.get(place)
        if batch is None or broker.rng.random() < 0.1:
            batch = self._open[place] = Batch()
            # A dead process sends nothing more, a stopped one when it wakes.
            delay = self._after(place, broker.rng.random() * 0.01)
            broker.loop.call_later(delay, self._depart, place, batch)
        batch.records.append((key, value, headers))
        batch.waiting.append(broker.loop.create_future())
        return batch.waiting[-1]

    async def send_and_wait(self, topic: str, **record: Any) -> Any:
        return await (await self.send(topic, **record))

    def _depart(self, place: tuple[str, int], batch: Batch) -> None:
        """Onto the wire: from here on it arrives whatever becomes of the process."""
        if self._open.get(place) is batch:
            del self._open[place]
        broker = self._broker
        delay = self._after(place, broker.weather.delay(broker.rng))
        broker.loop.elsewhere(delay, self._arrive, place, batch)

    def _arrive(self, place: tuple[str, int], batch: Batch) -> None:
        broker = self._broker
        rng, weather = broker.rng, broker.weather
        fate = rng.random()
        failed = fate < weather.lost + weather.unsaid
        offsets: list[int] = []
        if not fate < weather.lost:
            offsets = [broker.append(*place, key, value, h) for key, value, h in batch.records]
        broker.loop.elsewhere(weather.delay(rng), batch.settle, () if failed else offsets)

    def _after(self, place: tuple[str, int], delay: float) -> float:
        """A delay that lets nothing overtake what was sent before."""
        now = self._broker.loop.time()
        self._busy[place] = max(self._busy.get(place, 0.0), now + delay)
        return self._busy[place] - now


def _wake(reader: asyncio.Future[None]) -> None:
    if not reader.done():
        reader.set_result(None)
