"""What the pipeline sees of Kafka: a group consumer, a reader without a group, Faust's app."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError
from aiokafka.structs import OffsetAndTimestamp
from faust.types import TP

from pipeline.score.transport import Chunk, Consumer, Host, Place, Producer
from pipeline.wire.lives import left_alone, shortened
from tests.simulation.broker import FakeProducer, Stored
from tests.simulation.groups import Group, Member, Partitions

QUEUED = 4
"""Chunks between reader and fold, as in the real app."""


class GroupConsumer:
    """The sink's consumer: the part of aiokafka's that `pipeline.sink.intake.Member` names."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._broker = group.broker
        self._member: Member | None = None
        self._listener: ConsumerRebalanceListener | None = None
        self._positions: dict[int, int] = {}
        self._paused: set[int] = set()
        self._answered: dict[int, int] = {}  # when (ms) a fetch of each partition was
        self._ends: dict[int, int] = {}  # of the log by then

    def subscribe(self, topics: Sequence[str], *, listener: ConsumerRebalanceListener) -> None:
        self._listener = listener

    async def start(self) -> None:
        self._member = Member(self._group, self._assigned, self._revoked)
        self._task = asyncio.get_running_loop().create_task(self._member.run())

    async def stop(self) -> None:
        if self._member is not None:
            self._group.leave(self._member)
            self._task.cancel()

    async def topics(self) -> set[str]:
        return set(self._broker.topics)

    async def _assigned(self, partitions: Partitions) -> None:
        committed = self._group.committed
        self._positions = {number: committed.get(number, 0) for number in partitions}
        self._paused.clear()
        self._answered.clear()
        self._ends.clear()
        assert self._listener is not None
        await self._listener.on_partitions_assigned(self.assignment())  # type: ignore[no-untyped-call]

    async def _revoked(self, partitions: Partitions) -> None:
        assert self._listener is not None
        await self._listener.on_partitions_revoked(self.assignment())  # type: ignore[no-untyped-call]
        self._positions = {}

    def assignment(self) -> Any:
        return [TopicPartition(self._group.topic, number) for number in self._positions]

    def pause(self, *partitions: TopicPartition) -> None:
        self._paused.update(tp.partition for tp in partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        self._paused.clear()

    def last_poll_timestamp(self, partition: TopicPartition) -> int | None:
        return self._answered.get(partition.partition)

    def last_stable_offset(self, partition: TopicPartition) -> int | None:
        return self._ends.get(partition.partition)

    async def beginning_offsets(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        await asyncio.sleep(self._broker.rng.random() * 0.01)
        return {tp: self._broker.topics[tp.topic][tp.partition].start for tp in tps}

    async def position(self, partition: TopicPartition) -> int:
        if partition.partition not in self._positions:
            raise IllegalStateError("not assigned")
        return self._positions[partition.partition]

    async def committed(self, partition: TopicPartition) -> int | None:
        await asyncio.sleep(self._broker.rng.random() * 0.01)
        return self._group.committed.get(partition.partition)

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        assert self._member is not None
        await asyncio.sleep(self._broker.rng.random() * 0.01)
        self._group.commit(self._member, {tp.partition: at for tp, at in offsets.items()})
        self._broker.trace.add("committed", self._group.topic, dict(offsets))
        await asyncio.sleep(self._broker.rng.random() * 0.01)

    async def getmany(
        self, *, timeout_ms: int, max_records: int
    ) -> Mapping[TopicPartition, Sequence[Stored]]:
        if self._task.done():
            self._task.result()
        found = self._take(max_records)
        if not found and timeout_ms:
            await self._broker.news(self._group.topic, timeout_ms / 1000)
            found = self._take(max_records)
        return found

    def _take(self, most: int) -> dict[TopicPartition, Sequence[Stored]]:
        found: dict[TopicPartition, Sequence[Stored]] = {}
        for number, position in self._positions.items():
            if number in self._paused:
                continue
            self._answered[number] = self._broker.wall()
            self._ends[number] = self._broker.topics[self._group.topic][number].end
            position = self._broker.in_range(self._group.topic, number, position)
            share = min(most, 1 + int(self._broker.rng.random() * 12))
            records = self._broker.read(self._group.topic, number, position, share)
            if records:
                found[TopicPartition(self._group.topic, number)] = records
                self._positions[number] = records[-1].offset + 1
            else:  # past the marks at the end
                self._positions[number] = self._broker.topics[self._group.topic][number].end
        return found


class Reader:
    """A consumer that joins no group."""

    def __init__(self, world: Any) -> None:
        self._broker = world.broker
        self._positions: dict[TopicPartition, int] = {}

    async def start(self) -> None: ...
    async def stop(self) -> None: ...

    def assign(self, tps: Iterable[TopicPartition]) -> None:
        self._positions = dict.fromkeys(tps, 0)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self._positions[tp] = offset

    async def seek_to_beginning(self, *tps: TopicPartition) -> None:
        await self._round_trip()

    async def position(self, tp: TopicPartition) -> int:
        return self._positions[tp]

    async def end_offsets(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        await self._round_trip()
        return {tp: self._broker.topics[tp.topic][tp.partition].end for tp in tps}

    async def offsets_for_times(
        self, times: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        await self._round_trip()
        found: dict[TopicPartition, OffsetAndTimestamp | None] = dict.fromkeys(times)
        for tp, since in times.items():
            for record in self._broker.topics[tp.topic][tp.partition].records:
                if record.timestamp >= since:
                    found[tp] = OffsetAndTimestamp(record.offset, record.timestamp)
                    break
        return found

    async def beginning_offsets(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        await self._round_trip()
        return {tp: self._broker.topics[tp.topic][tp.partition].start for tp in tps}

    async def getmany(
        self, *tps: TopicPartition, timeout_ms: int
    ) -> dict[TopicPartition, list[Stored]]:
        await self._round_trip()
        found = {}
        for tp in tps or list(self._positions):
            position = self._positions[tp]
            share = 1 + int(self._broker.rng.random() * 30)
            records = self._broker.read(tp.topic, tp.partition, position, share)
            if records:
                found[tp] = records
                self._positions[tp] = records[-1].offset + 1
            else:
                self._positions[tp] = self._broker.topics[tp.topic][tp.partition].end
        return found

    async def _round_trip(self) -> None:
        await asyncio.sleep(self._broker.weather.delay(self._broker.rng))


class AppConsumer(Consumer):
    """What the worker asks Faust's consumer for."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def commit_for_display(self, offsets: Mapping[TP, int]) -> None: ...

    async def read_from(self, starts: Mapping[int, int]) -> None:
        await self._app.read_from(starts)

    async def log_start(self, tp: TP) -> int:
        return self._app.log_start(tp.partition)


class AppProducer(Producer):
    """Hands out the client."""

    def __init__(self, client: FakeProducer) -> None:
        self._own = client

    @property
    def client(self) -> Any:
        return self._own


class App:
    """Stands for Faust: group membership, one agent fed with chunks, seeks with stamps.

    As there, chunks of before a seek may reach the agent after it, with their old stamp.
    """

    def __init__(
        self,
        world: Any,
        host: Host,
        fold: Callable[[Chunk], Awaitable[None]],
        let_go: Callable[[], Awaitable[None]],
    ) -> None:
        self._world = world
        self._broker = world.broker
        self._host = host
        self._fold = fold
        self._let_go = let_go
        self._positions: dict[int, int] = {}
        self._stamp = 0
        self._taking = 0  # the stamp of what is read
        self._answered: dict[int, int] = {}  # when (ms) a fetch of each partition was
        self._ends: dict[int, int] = {}  # of the log by then
        self._away: set[int] = set()
        self._flow = asyncio.Event()
        self._queue: asyncio.Queue[Chunk] = asyncio.Queue(QUEUED)
        self._tasks: list[asyncio.Task[None]] = []
        self._member: Member | None = None
        self._crashed = asyncio.Event()
        self.crash_reason: Exception | None = None
        self.rebalancing = False
        self.consumer = AppConsumer(self)
        self.producer = AppProducer(FakeProducer(world.broker))

    async def start(self) -> None:
        self._member = Member(self._world.groups[self._host.source], self._on_assigned, self._lost)
        loop = asyncio.get_running_loop()
        for work in (self._member.run(), self._read(), self._work()):
            self._tasks.append(loop.create_task(self._guard(work)))

    async def wait(self) -> None:
        await self._crashed.wait()

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            self.crash_reason = error
            self._crashed.set()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._member is not None:
            self._world.groups[self._host.source].leave(self._member)

    async def _on_assigned(self, partitions: Partitions) -> None:
        await self.read_from(await self._host.take_over(frozenset(partitions)))
        self.rebalancing = False
        self._flow.set()

    async def read_from(self, starts: Mapping[int, int]) -> None:
        """The consumer knows the new stamp before the thread that reads seeks."""
        self._stamp += 1
        stamp = self._stamp
        self._host.begin(starts, stamp)
        await asyncio.sleep(0)  # chunks that were queued may be folded in between
        if stamp > self._taking:
            self._taking = stamp
            self._positions = dict(starts)
            self._answered = dict.fromkeys(starts, self._broker.wall())
            self._ends.clear()
            self._away.clear()

    def log_start(self, partition: int) -> int:
        start: int = self._broker.topics[self._host.source][partition].start
        return start

    async def _lost(self, partitions: Partitions) -> None:
        self.rebalancing = True
        self._flow.clear()
        await self._let_go()

    async def _read(self) -> None:
        """Fetch chunks of any size, now and then some records again."""
        rng = self._broker.rng
        while True:
            await self._flow.wait()
            chunk = self._fetch()
            if chunk is None:
                await self._broker.news(self._host.source, 1.0)
                continue
            await asyncio.sleep(rng.random() * 0.02)
            await self._queue.put(chunk)

    def _fetch(self) -> Chunk | None:
        rng, source = self._broker.rng, self._host.source
        numbers = list(self._positions)
        rng.shuffle(numbers)
        self._listen(numbers)
        for number in numbers:
            position = self._broker.in_range(source, number, self._positions[number])
            if position < self._positions[number]:
                self._positions[number] = position  # another log
            if position and rng.random() < 0.05:
                position = max(0, position - 1 - int(rng.random() * 3))
            records = self._broker.read(source, number, position, 1 + int(rng.random() * 8))
            end = self._broker.topics[source][number].end
            read_to = records[-1].offset + 1 if records else end
            if read_to > self._positions[number]:
                self._positions[number] = read_to
                away = number in self._away
                self._away.discard(number)
                return Chunk(number, records, self._taking, Place(read_to, end, end), away)
        return None

    def _listen(self, numbers: Iterable[int]) -> None:
        """As the real consumer notes which logs may be others by now."""
        answered = dict.fromkeys(numbers, self._broker.wall())
        ends = {number: self._broker.topics[self._host.source][number].end for number in answered}
        self._away |= left_alone(self._answered, answered) | shortened(self._ends, ends)
        self._answered |= answered
        self._ends |= ends

    async def _work(self) -> None:
        while True:
            await self._fold(await self._queue.get())
