"""Records on their way to one topic: packed by partition, bounded, every one accounted for.

aiokafka spends a coroutine and a future on each record; here they are packed into its batches
directly, so one of each serves hundreds of records.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Final, Protocol

from aiokafka.errors import KafkaError as ClientError

from pipeline.errors import KafkaError
from pipeline.wire.kafka import Partitioner, partition_for

LINGER_SECONDS: Final = 0.01
"""A record waits at most this for company: small beside the 150 ms a score takes to show."""
TOPIC_SECONDS: Final = 5
"""A topic that exists is found in milliseconds, also just after its creation."""
TURN: Final = 256
"""Records after which `put` lets others run: a caller in a tight loop must not hold up sending."""
IN_FLIGHT: Final = 32
"""Batches handed over and not acknowledged, of at most 256 KiB each: bounds memory at 8 MiB."""


class Batch(Protocol):
    """What is used of aiokafka's batch builder."""

    def append(self, *, key: bytes, value: bytes | None, timestamp: int | None) -> object: ...
    def close(self) -> None: ...
    def record_count(self) -> int: ...


class BatchProducer(Protocol):
    """What is used of aiokafka's producer: its batches, which it documents but does not type."""

    async def partitions_for(self, topic: str) -> set[int]: ...
    def create_batch(self) -> Batch: ...
    async def send_batch(
        self, batch: Batch, topic: str, *, partition: int
    ) -> asyncio.Future[object]: ...


class Outbox:
    """Sends keyed records to one topic through a started producer.

    Order holds within a key. `put` waits while too much is unacknowledged. The number of partitions
    is read once, so that repeats and retractions follow their response for as long as this lives.
    """

    def __init__(
        self, producer: BatchProducer, topic: str, partitioner: Partitioner = partition_for
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._partitioner = partitioner
        self._partitions = 0
        self._open: dict[int, Batch] = {}
        self._order: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self._pending: set[asyncio.Future[object]] = set()
        self._linger: asyncio.Task[None] | None = None
        self._puts = 0
        self.delivered = 0
        self.failed = 0
        self.failure: str = ""

    async def start(self) -> None:
        """Find the topic's partitions. Raises KafkaError when it does not exist."""
        try:
            async with asyncio.timeout(TOPIC_SECONDS):
                found = await self._producer.partitions_for(self._topic)
        except (ClientError, TimeoutError) as error:
            raise KafkaError(
                f"topic {self._topic} is not there; create it with `cxpulse topics`"
            ) from error
        self._partitions = len(found)

    async def put(self, key: bytes, value: bytes | None) -> None:
        """Queue one record. It is sent within the linger time; its fate shows in the counters."""
        partition = self._partitioner(key, self._partitions)
        while True:
            batch = self._open.get(partition)
            if batch is None:
                batch = self._open[partition] = self._producer.create_batch()
                if self._linger is None or self._linger.done():
                    self._linger = asyncio.create_task(self._submit_soon())
            if batch.append(key=key, value=value, timestamp=None) is not None:
                break
            await self._submit(partition, batch)
        self._puts += 1
        if self._puts % TURN == 0:
            await asyncio.sleep(0)

    async def flush(self) -> None:
        """Send what is open and wait until everything is acknowledged or has failed."""
        for partition, batch in list(self._open.items()):
            await self._submit(partition, batch)
        while self._pending:
            await asyncio.wait(list(self._pending))

    @property
    def settled(self) -> int:
        """Records that were acknowledged or have failed."""
        return self.delivered + self.failed

    @property
    def unsettled(self) -> int:
        """Records whose fate is not known yet."""
        return self._puts - self.settled

    async def close(self) -> None:
        """Stop lingering; call `flush` first."""
        if self._linger is not None:
            self._linger.cancel()
            await asyncio.gather(self._linger, return_exceptions=True)

    async def _submit_soon(self) -> None:
        await asyncio.sleep(LINGER_SECONDS)
        while self._open:
            for partition, batch in list(self._open.items()):
                await self._submit(partition, batch)
            await asyncio.sleep(LINGER_SECONDS)

    async def _submit(self, partition: int, batch: Batch) -> None:
        """Hand one open batch to the producer, unless somebody else just did."""
        async with self._order[partition]:
            if self._open.get(partition) is not batch:
                return
            await self._room.acquire()
            del self._open[partition]
            batch.close()
            count = batch.record_count()
            try:
                sent = await self._producer.send_batch(batch, self._topic, partition=partition)
            except (ClientError, asyncio.CancelledError) as error:
                self._room.release()
                self._fail(count, error)
                if isinstance(error, asyncio.CancelledError):
                    raise
                return
            self._pending.add(sent)
            sent.add_done_callback(lambda future: self._done(future, count))

    def _done(self, future: asyncio.Future[object], count: int) -> None:
        self._pending.discard(future)
        self._room.release()
        if future.cancelled():
            self._fail(count, asyncio.CancelledError())
        elif error := future.exception():
            self._fail(count, error)
        else:
            self.delivered += count

    def _fail(self, count: int, error: BaseException) -> None:
        self.failed += count
        self.failure = type(error).__name__
