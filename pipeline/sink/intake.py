"""Reading one topic as a member of a group: batches, pauses, rebalances, commits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final, Protocol

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError
from aiokafka.errors import KafkaError as ClientError

from pipeline import logs
from pipeline.sink.patience import pause
from pipeline.sink.rows import Record
from pipeline.wire.kafka import read_errors
from pipeline.wire.lives import left_alone, shortened

_log = logs.get(__name__)

STEP_SECONDS: Final = 0.05
"""Between polls of one batch at low rates: a poll for every record would cost more than it."""
BUSY_RECORDS: Final = 500
"""A poll that brought this many is repeated at once: there is a backlog."""
PAUSED_SECONDS: Final = 0.5
"""Between polls while paused or idle; who does not poll for five minutes leaves the group."""
COMMIT_SECONDS: Final = 5.0
"""Longest wait for a commit, or for what is committed. An uncommitted batch is only read again, and
may not block the end."""
POSITION_SECONDS: Final = 0.05
"""Positions are known at once, save just after a rebalance; then the next batch will have them."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records as read, and how far each partition is read. `epoch` is that of the assignment;
    `away` are partitions whose log may be another one than before these records."""

    records: tuple[Record, ...]
    positions: Mapping[int, int]
    epoch: int
    away: frozenset[int] = frozenset()

    def firsts(self) -> dict[int, Record]:
        """The first record of each partition."""
        return {record.partition: record for record in reversed(self.records)}

    def then(self, later: Batch) -> Batch:
        """Both as one, unless a rebalance lies between: then what `self` holds is not ours now."""
        if later.epoch != self.epoch:
            return later
        return Batch(
            self.records + later.records,
            {**self.positions, **later.positions},  # right after a rebalance it may know none
            later.epoch,
            self.away | later.away,
        )


NOTHING: Final = Batch((), {}, -1)
"""Before the first batch."""


class Member(Protocol):
    """The part of aiokafka's consumer that is used here; it has no types of its own."""

    def subscribe(self, topics: Sequence[str], *, listener: ConsumerRebalanceListener) -> None: ...
    def assignment(self) -> Set[TopicPartition]: ...
    def pause(self, *partitions: TopicPartition) -> None: ...
    def resume(self, *partitions: TopicPartition) -> None: ...
    def last_poll_timestamp(self, partition: TopicPartition) -> int | None: ...
    def last_stable_offset(self, partition: TopicPartition) -> int | None: ...
    async def position(self, partition: TopicPartition) -> int: ...
    async def committed(self, partition: TopicPartition) -> int | None: ...
    async def beginning_offsets(
        self, partitions: Sequence[TopicPartition]
    ) -> Mapping[TopicPartition, int]: ...
    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None: ...
    async def getmany(
        self, *, timeout_ms: int, max_records: int
    ) -> Mapping[TopicPartition, Sequence[Record]]: ...


class Intake(ConsumerRebalanceListener):
    """One topic of one consumer. `lost` is told the partitions that a rebalance takes away.

    Use it from one task only.
    """

    def __init__(self, consumer: Member, topic: str, lost: Callable[[Iterable[int]], None]) -> None:
        self._consumer = consumer
        self._topic = topic
        self._lost = lost
        self._pending: list[Record] = []
        self._read: dict[int, int] = {}
        self._committed: dict[int, int] = {}
        self._heard: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._away: set[int] = set()
        self._epoch = 0
        self._collected = 0.0
        consumer.subscribe([topic], listener=self)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Drop what is not stored yet: whoever gets the partition reads it from the commit on."""
        self._epoch += 1
        self._pending.clear()
        self._read.clear()
        self._committed.clear()
        self._heard.clear()
        self._ends.clear()
        self._away.clear()
        self._lost([tp.partition for tp in revoked])

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Nothing to prepare: positions come from the commits."""

    @property
    def epoch(self) -> int:
        """Rises with every rebalance; a batch of an earlier one must not be committed."""
        return self._epoch

    async def collect(self, most: int, seconds: float, stop: asyncio.Event) -> Batch:
        """Up to about `most` records, `seconds` after the batch before: what comes while that one
        is stored is gathered meanwhile, and after a silence a record goes at once.

        Comes back empty after half a second at most without any: other duties get their turn, and
        `stop` is seen.
        """
        now = asyncio.get_running_loop().time
        idle = min(seconds, PAUSED_SECONDS)
        while not stop.is_set() and len(self._pending) < most:
            got = await self._poll(most - len(self._pending), 0.0 if self._pending else idle)
            left = self._collected + seconds - now()
            if not self._pending or (left <= 0 and got < BUSY_RECORDS):
                break
            if got < BUSY_RECORDS:
                await asyncio.sleep(min(left, STEP_SECONDS))
        self._collected = now()
        return await self.take()

    async def take(self) -> Batch:
        """What was read so far, without reading more."""
        epoch = self._epoch
        records = tuple(self._pending)
        self._pending.clear()
        away = frozenset(self._away.intersection(record.partition for record in records))
        self._away -= away
        return Batch(records, await self._positions(records), epoch, away)

    async def pause(self, seconds: float, stop: asyncio.Event) -> None:
        """Wait, or until `stop`, with all partitions paused, and stay a member of the group."""
        now = asyncio.get_running_loop().time
        end = now() + seconds
        try:
            while (left := end - now()) > 0 and not stop.is_set():
                self._consumer.pause(*self._consumer.assignment())
                await self._poll(1, 0.0)
                await pause(min(left, PAUSED_SECONDS), stop)
        finally:
            self._consumer.resume(*self._consumer.assignment())

    async def commit(self, batch: Batch, floors: Mapping[int, int]) -> None:
        """Commit the batch's positions, but nowhere beyond `floors`.

        A commit that fails is made good by the next one: rows read twice are the same rows.
        """
        if batch.epoch != self._epoch:
            return
        mine = {tp.partition for tp in self._consumer.assignment()}
        wanted = {
            partition: min(position, floors.get(partition, position))
            for partition, position in batch.positions.items()
            if partition in mine
        }
        news = {p: offset for p, offset in wanted.items() if self._committed.get(p) != offset}
        if not news:
            return
        offsets = {TopicPartition(self._topic, p): offset for p, offset in news.items()}
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                await self._consumer.commit(offsets)
        except (ClientError, TimeoutError) as error:
            _log.warning("commit put off", topic=self._topic, error=type(error).__name__)
        else:
            self._committed.update(news)

    async def starts(self, partitions: Iterable[int]) -> dict[int, int]:
        """Where the log of each partition begins. Raises KafkaError."""
        tps = [TopicPartition(self._topic, partition) for partition in partitions]
        with read_errors(self._topic):
            found = await self._consumer.beginning_offsets(tps)
        return {tp.partition: start for tp, start in found.items()}

    async def committed(self, partitions: Iterable[int]) -> dict[int, int]:
        """What any sink has committed of each partition, if ever. Raises KafkaError."""
        found = {}
        with read_errors(self._topic):
            async with asyncio.timeout(COMMIT_SECONDS):
                for partition in partitions:
                    at = await self._consumer.committed(TopicPartition(self._topic, partition))
                    if at is not None:
                        found[partition] = at
        return found

    def lag(self) -> int:
        """Offsets known to be in the topic and not read yet, over the assigned partitions; those of
        open transactions cannot be read yet, and do not count."""
        behind = 0
        for tp in self._consumer.assignment():
            end = self._consumer.last_stable_offset(tp)
            if end is not None:
                behind += max(0, end - self._read.get(tp.partition, 0))
        return behind

    def silence(self) -> float:
        """Seconds since the broker last answered, though it had only "nothing new" to say.

        0 without partitions, and before the first answer.
        """
        heard = [self._consumer.last_poll_timestamp(tp) for tp in self._consumer.assignment()]
        last = max((at for at in heard if at), default=0)
        return max(0.0, time.time() - last / 1000) if last else 0.0

    async def _poll(self, most: int, seconds: float) -> int:
        with read_errors(self._topic):
            found = await self._consumer.getmany(timeout_ms=int(seconds * 1000), max_records=most)
        got = 0
        for records in found.values():
            self._pending.extend(records)
            got += len(records)
        self._listen()
        return got

    def _listen(self) -> None:
        """Note which partitions were not read for a while, or have a shorter log than they had,
        until records of them are taken."""
        assigned = self._consumer.assignment()
        heard = _known(assigned, self._consumer.last_poll_timestamp)
        ends = _known(assigned, self._consumer.last_stable_offset)
        self._away |= left_alone(self._heard, heard) | shortened(self._ends, ends)
        self._heard |= heard
        self._ends |= ends

    async def _positions(self, records: Iterable[Record]) -> dict[int, int]:
        """The next offset of each partition: past markers too, where the consumer knows it."""
        positions: dict[int, int] = {}
        for record in records:
            positions[record.partition] = record.offset + 1
        with read_errors(self._topic):
            try:
                async with asyncio.timeout(POSITION_SECONDS):
                    for tp in self._consumer.assignment():
                        position = await self._consumer.position(tp)
                        positions[tp.partition] = max(position, positions.get(tp.partition, 0))
            except (TimeoutError, IllegalStateError):
                _log.debug("positions not known yet", topic=self._topic)
        self._read.update(positions)
        return positions


def _known(
    assigned: Iterable[TopicPartition], ask: Callable[[TopicPartition], int | None]
) -> dict[int, int]:
    return {tp.partition: value for tp in assigned if (value := ask(tp)) is not None}
