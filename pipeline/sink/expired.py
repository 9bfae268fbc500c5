"""Records that expired in Kafka before a sink had read them: told, counted, and written down.

Raw rows of such records are lacking for good, though a score worker may have judged and counted
them: a recount of their hours would find less than there was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from pipeline import logs, metrics
from pipeline.core.judge import complete_from
from pipeline.sink.intake import Batch
from pipeline.sink.progress import stored_to
from pipeline.sink.rows import Block
from pipeline.sink.target import Tables
from pipeline.wire.generations import Generations

TABLE: Final = "unstored"
_WHAT: Final = "look for what expired"
_SECOND: Final = 1000
_log = logs.get(__name__)


class Log(Protocol):
    """What Kafka knows of the partitions of one topic. Both raise KafkaError."""

    async def starts(self, partitions: Iterable[int]) -> Mapping[int, int]:
        """Where the log of each begins now."""

    async def committed(self, partitions: Iterable[int]) -> Mapping[int, int]:
        """Below which offset each is done, where a sink has said so."""


class Hole(NamedTuple):
    """Offsets `[begin, end)` of which no record was read. `at` is the append time (ms) of the next
    one, or a time at which there was none."""

    partition: int
    begin: int
    end: int
    at: int


class Expired:
    """Watches the batches of one topic, whose progress is in `sink_progress`. With `raw` they are
    raw rows: where they lack is written down."""

    def __init__(
        self, tables: Tables, topic: str, generations: Generations, log: Log, *, raw: bool
    ) -> None:
        self._tables = tables
        self._topic = topic
        self._generations = generations
        self._log = log
        self._raw = raw
        self._epoch = -1
        self._read_to: dict[int, int] = {}

    async def notice(self, batch: Batch) -> None:
        """Tell what lies between what was stored before and the end of this batch, and is not in
        it, if it has expired. Call it before progress is told. Raises KafkaError, StoreError."""
        if batch.epoch != self._epoch:
            self._epoch, self._read_to = batch.epoch, {}
        present = batch.positions.keys() | {record.partition for record in batch.records}
        fresh = present - self._read_to.keys()
        if fresh:
            places = [(self._generations.of(p), p) for p in fresh]
            stored = await stored_to(self._tables, self._topic, places)
            # Scores of before there was a sink are nobody's loss: panes are counted from raw rows.
            self._read_to |= (dict.fromkeys(fresh, 0) if self._raw else {}) | stored
        holes, read_to = _holes(batch, self._read_to)
        if holes and (lost := await self._lost(holes)):
            await self._tell(lost)
        self._read_to = read_to

    async def _lost(self, holes: Sequence[Hole]) -> Sequence[Hole]:
        """What has expired of each hole. Most are marks of transactions, and the log begins before
        them. A commit may be ahead of the progress that was told before a sink died."""
        starts = await self._log.starts({hole.partition for hole in holes})
        gone = [
            hole._replace(end=min(hole.end, starts.get(hole.partition, 0)))
            for hole in holes
            if hole.begin < starts.get(hole.partition, 0)
        ]
        if not gone:
            return gone
        done = await self._log.committed({hole.partition for hole in gone})
        cut = [hole._replace(begin=max(hole.begin, done.get(hole.partition, 0))) for hole in gone]
        return [hole for hole in cut if hole.begin < hole.end]

    async def _tell(self, lost: Sequence[Hole]) -> None:
        if self._raw:
            await self._tables.insert(unstored(lost, self._generations.of))
        what = "raw rows expired unread" if self._raw else "scores expired unread"
        for partition in {hole.partition for hole in lost}:
            holes = [hole for hole in lost if hole.partition == partition]
            records = sum(hole.end - hole.begin for hole in holes)
            where = {"topic": self._topic, "partition": partition, "offset": holes[0].begin}
            _log.error(what, **where, records=records)
            metrics.SINK_EXPIRED.labels(self._topic).inc(records)


def _holes(batch: Batch, read_to: Mapping[int, int]) -> tuple[list[Hole], dict[int, int]]:
    """What a batch does not have of all that follows `read_to`, or else its own first record, and
    how far it goes. Retention may overtake a reader at any record: what it had fetched before it
    still has."""
    holes = []
    reached = dict(read_to)
    for record in batch.records:
        partition, offset = record.partition, record.offset
        if offset > reached.setdefault(partition, offset):
            holes.append(Hole(partition, reached[partition], offset, record.timestamp))
        reached[partition] = max(reached[partition], offset + 1)
    now = time.time_ns() // 1_000_000
    for partition, position in batch.positions.items():
        if position > reached.setdefault(partition, position):
            holes.append(Hole(partition, reached[partition], position, now))
            reached[partition] = position
    return holes, reached


def unstored(lost: Sequence[Hole], generation_of: Callable[[int], int]) -> Block:
    """The rows that say where raw rows are lacking."""
    columns: dict[str, Sequence[object]] = {
        "generation": [generation_of(hole.partition) for hole in lost],
        "partition": [hole.partition for hole in lost],
        "from_offset": [hole.begin for hole in lost],
        "next_offset": [hole.end for hole in lost],
        "complete_from": [complete_from(hole.at) // _SECOND for hole in lost],
    }
    return Block(TABLE, columns)


class Lack(NamedTuple):
    """Raw rows may be lacking from an offset on, and answers before an hour (ms)."""

    offset: int
    hour: int


NO_LACK: Final = Lack(0, 0)


async def lacks(tables: Tables) -> dict[tuple[int, int], Lack]:
    """What each (generation, partition) lacks, of those that lack raw rows. Raises StoreError."""
    rows = await tables.rows(
        "SELECT generation, partition, lacking_from, toUnixTimestamp(complete_from) "
        "FROM whole_from",
        _WHAT,
    )
    found = (tuple(int(str(value)) for value in row) for row in rows)
    return {(g, p): Lack(offset, hour * _SECOND) for g, p, offset, hour in found}
