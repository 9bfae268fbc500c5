"""A Faust transport that hands over whole chunks and lets the worker say where to read.

Stock Faust spends some 80 µs on a record; one message for a chunk of records costs 2 µs a record.
And its committed offsets are not trusted: state and position are restored together, on every
assignment, while nothing flows. Private methods are overridden here and nowhere else: Faust and
aiokafka are pinned, and `tests/contract/test_faust_private_api.py` fails when one of them changes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol, cast

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import KafkaError as ClientError
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AppT
from faust.types.tuples import ConsumerMessage

from pipeline.settings import KafkaSettings
from pipeline.wire.kafka import consumer, producer
from pipeline.wire.lives import left_alone, shortened

CHUNK: Final = 2_000
"""Records a message: about 30 ms of work, so that emission and health get their turn."""

POLL_RECORDS: Final = 4_000
"""Records a fetch from the thread: two chunks, so that the next is parsed while one is folded."""

GATHER_BYTES: Final = 16 * 1024
GATHER_MS: Final = 25
"""The broker gathers records this long, or so many bytes, before it answers: each answer costs both
sides a millisecond, and at 1,000 a second nearly each record had its own."""

REBALANCE_MS: Final = 30_000
"""How long the group waits for each member to make its last cut and join again."""

POLL_INTERVAL_MS: Final = 600_000
"""aiokafka leaves the group when nothing was taken for this long; a restore may take minutes."""

OUTPUT_TIMEOUT_MS: Final = 60_000
"""A broker restart takes seconds; output not acknowledged after a minute ends the process."""

COMMITTED_SECONDS: Final = 2.0
"""A commit takes milliseconds, and nothing is lost without one."""


class Place(NamedTuple):
    """How far a partition is read, and where its log ends; from `stable_end` on it waits for a
    transaction of some producer to end."""

    read_to: int
    stable_end: int
    log_end: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records of one partition in offset order, all there are before its place; none when the place
    is the only news. `stamp` names the seek they were read after: a chunk with another stamp than
    its partition's is stale and must not be folded. `away` says that its log may be another
    than before: it was not read for a while, or has become shorter."""

    partition: int
    records: Sequence[ConsumerRecord[bytes, bytes]]
    stamp: int
    place: Place
    away: bool = False


class Host(Protocol):
    """What the worker does for its consumer."""

    kafka: KafkaSettings
    group_id: str
    source: str

    async def take_over(self, partitions: frozenset[int]) -> Mapping[int, int]:
        """Restore these partitions; returns where to read each from. Never raises an own error."""

    def begin(self, partitions: Iterable[int], stamp: int) -> None:
        """From now on chunks with this stamp are folded, and no others."""


class Fetched(dict[TP, list[ConsumerRecord[bytes, bytes]]]):
    """Records by partition, the number of the last seek before they were taken, and of every
    partition the place just after, and when (ms) the broker has last answered a fetch of it."""

    stamp: int = 0
    places: Mapping[TP, Place] = MappingProxyType({})
    heard: Mapping[TP, int] = MappingProxyType({})


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that reads from Kafka. It stamps records with the number of the last seek, so that
    stale ones can be told apart: taking records and seeking both happen here, each in one step."""

    stamp = 0

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        host = _host(transport.app)
        self._assignor = RoundRobinPartitionAssignor
        return consumer(
            host.kafka,
            group_id=host.group_id,
            partition_assignment_strategy=[RoundRobinPartitionAssignor],
            max_poll_records=POLL_RECORDS,
            max_poll_interval_ms=POLL_INTERVAL_MS,
            rebalance_timeout_ms=REBALANCE_MS,
            fetch_min_bytes=GATHER_BYTES,
            fetch_max_wait_ms=GATHER_MS,
        )

    async def _fetch_records(self, *args: Any, **kwargs: Any) -> Fetched:
        fetched = Fetched(await super()._fetch_records(*args, **kwargs))
        fetched.stamp = self.stamp
        states = dict(self._states())
        fetched.places = {
            tp: Place(state.position, state.lso, state.highwater) for tp, state in states.items()
        }
        fetched.heard = {tp: state.timestamp for tp, state in states.items()}
        return fetched

    def _states(self) -> Iterator[tuple[TP, Any]]:
        """Of the partitions that were fetched from since they were assigned."""
        subscriptions = self._ensure_consumer()._subscription
        for tp in subscriptions.assigned_partitions():
            state = subscriptions.subscription.assignment.state_value(tp)
            if state.has_valid_position and state.lso is not None:
                yield TP(*tp), state

    async def seek_stamped(self, offsets: Mapping[TP, int], stamp: int) -> None:
        """Set positions; records taken from then on have this stamp."""
        await self.call_thread(self._seek_stamped, offsets, stamp)

    async def _seek_stamped(self, offsets: Mapping[TP, int], stamp: int) -> None:
        if set(offsets) - self.assignment():
            return  # a rebalance came in between: it seeks again
        self.stamp = stamp
        await self._seek_wait(self._ensure_consumer(), offsets)

    async def commit_for_display(self, offsets: Mapping[TP, int]) -> None:
        """Commit group offsets, which nothing reads but lag monitors: a failure is no news."""
        await self.call_thread(self._commit_for_display, offsets)

    async def _commit_for_display(self, offsets: Mapping[TP, int]) -> None:
        # A commit that meets a rebalance makes aiokafka forget its membership: the group then
        # waits a whole session for a ghost.
        if self.app.rebalancing or set(offsets) - self.assignment():
            return
        wanted = {TopicPartition(*tp): OffsetAndMetadata(at, "") for tp, at in offsets.items()}
        try:
            # Without a broker aiokafka tries for ever.
            async with asyncio.timeout(COMMITTED_SECONDS):
                await self._ensure_consumer().commit(wanted)  # type: ignore[no-untyped-call]  # aiokafka
        except (ClientError, TimeoutError) as error:
            self.log.debug("group offsets not committed: %r", error)


class Consumer(driver.Consumer):
    """Yields one message for each chunk, and restores instead of trusting committed offsets."""

    _thread: ConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = Unfiltered()
        self._stamp = 0
        self._told: dict[TP, Place] = {}
        self._heard: dict[TP, int] = {}
        self._ends: dict[TP, int] = {}
        self._away: set[TP] = set()

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(
        self,
        timeout: float,  # noqa: ASYNC109  # the base has it
    ) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Chunks that were fetched. Records taken before the last seek are dropped, for they are
        read again; none of those taken after it may be, so wait for flow before judging."""
        fetched, _ = await self._wait_next_records(timeout)
        if not isinstance(fetched, Fetched):
            return
        self._listen(fetched)
        if not self.flow_active:
            await self.wait(self.can_resume_flow.wait())
        for tp, place in fetched.places.items():
            for chunk in self._chunks(tp, fetched.get(tp, []), fetched.stamp, place):
                if self.should_stop or not self.flow_active or fetched.stamp != self._stamp:
                    return
                self._told[tp] = place
                if tp in self._away:
                    self._away.remove(tp)
                    chunk = replace(chunk, away=True)
                yield tp, self._message(tp, chunk)

    def _listen(self, fetched: Fetched) -> None:
        """Note which partitions were not read for a while, or have a shorter log than they had,
        until something comes of them."""
        ends = {tp: place.stable_end for tp, place in fetched.places.items()}
        self._away |= left_alone(self._heard, fetched.heard) | shortened(self._ends, ends)
        self._heard |= fetched.heard
        self._ends |= ends

    def _chunks(
        self, tp: TP, records: Sequence[ConsumerRecord[bytes, bytes]], stamp: int, place: Place
    ) -> Iterator[Chunk]:
        parts = [records[at : at + CHUNK] for at in range(0, len(records), CHUNK)]
        at_end = place.read_to >= place.stable_end  # else records follow, and bring the news
        if not parts and at_end and place != self._told.get(tp):
            parts = [()]  # marks were read, or the log has grown by what cannot be read yet
        for part, later in zip_longest(parts, parts[1:]):
            at = place._replace(read_to=later[0].offset) if later else place
            yield Chunk(tp.partition, part, stamp, at)

    def _message(self, tp: TP, chunk: Chunk) -> ConsumerMessage:
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            chunk.place.read_to - 1,
            0.0,  # nobody asks for times here
            0,
            [],
            None,
            cast(bytes, chunk),  # Faust passes it on unread: RawSchema decodes nothing
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def perform_seek(self) -> None:
        """Restore every assigned partition and read on from there; runs on every assignment."""
        host = _host(self.app)
        owned = frozenset(tp.partition for tp in self.assignment() if tp.topic == host.source)
        await self.read_from(await host.take_over(owned))

    async def read_from(self, starts: Mapping[int, int]) -> None:
        """Read on from these offsets, whatever was fetched: that has an older stamp, and is dropped
        from here on, before a record with the new one can have been taken."""
        host = _host(self.app)
        self._stamp += 1
        host.begin(starts, self._stamp)
        offsets = {TP(host.source, partition): at for partition, at in starts.items()}
        self._told = {}
        self._ends = {}
        self._away.clear()  # whoever seeks has compared, or does
        self._heard = dict.fromkeys(offsets, time.time_ns() // 1_000_000)
        await self._thread.seek_stamped(offsets, self._stamp)

    def on_buffer_full(self, tp: TP) -> None:
        """A full queue holds the reader back by itself; Faust's way sleeps a second when every
        partition is full."""

    def on_buffer_drop(self, tp: TP) -> None:
        """See `on_buffer_full`."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's liveness alarms look at its own commits, which are not used; see health.py."""

    def silence(self, tp: TP) -> float:
        """Seconds since a fetch of this partition was answered, if only with "nothing new", and we
        took notice. Partitions that are full of unread records are not asked for."""
        heard = self._heard.get(tp)
        return max(0.0, time.time() - heard / 1000) if heard else 0.0

    async def commit_for_display(self, offsets: Mapping[TP, int]) -> None:
        """See the thread's method."""
        await self._thread.commit_for_display(offsets)

    async def log_start(self, tp: TP) -> int:
        """The first offset that retention has left."""
        return (await self._thread.earliest_offsets(tp))[tp]


class Producer(driver.Producer):
    """Faust's producer service around our client: idempotent, all replicas, lz4."""

    def _new_producer(self, transactional_id: str | None = None) -> AIOKafkaProducer:
        host = _host(self.app)
        return producer(host.kafka, request_timeout_ms=OUTPUT_TIMEOUT_MS)

    @property
    def client(self) -> AIOKafkaProducer:
        """The started client: sends go to it directly and are awaited, Faust only logs failures."""
        return self._ensure_producer()


class Unfiltered(dict[TP, int | None]):
    """Faust drops messages below the last offset it saw of a partition, and a stale one moves that
    mark; here stamps and the state's own `next_offset` decide, so no mark is kept."""

    def __missing__(self, key: TP) -> None:
        return None

    def __setitem__(self, key: TP, value: int | None) -> None:
        """Remember nothing."""


class Transport(driver.Transport):
    """Faust's Kafka transport with the parts above."""

    Consumer = Consumer
    Producer = Producer


def _host(app: AppT) -> Host:
    return cast(Host, cast(Any, app).host)
