"""Records that expired in Kafka before a sink had read them: told, counted, and written down.

Raw rows of such records are lacking for good, though a score worker may have judged and counted
them: a recount of their hours would find less than there was.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

from pipeline import logs, metrics
from pipeline.core.judge import complete_from
from pipeline.sink.intake import Batch
from pipeline.sink.progress import stored_to
from pipeline.sink.rows import Block, Record
from pipeline.sink.target import Tables
from pipeline.wire.generations import Generations

TABLE: Final = "unstored"
_WHAT: Final = "look for what expired"
_SECOND: Final = 1000
_log = logs.get(__name__)

Starts = Callable[[Iterable[int]], Awaitable[Mapping[int, int]]]
"""Where the log of each partition begins now."""


class Expired:
    """Watches the batches of one topic, whose progress is in `sink_progress`. With `raw` they are
    raw rows: where they lack is written down."""

    def __init__(
        self, tables: Tables, topic: str, generations: Generations, starts: Starts, *, raw: bool
    ) -> None:
        self._tables = tables
        self._topic = topic
        self._generations = generations
        self._starts = starts
        self._raw = raw
        self._epoch = -1
        self._read_to: dict[int, int] = {}

    async def notice(self, batch: Batch) -> None:
        """Tell what lies between this batch and what was stored before, if it has expired. Call it
        before progress is told. Raises KafkaError, StoreError."""
        if batch.epoch != self._epoch:
            self._epoch, self._read_to = batch.epoch, {}
        firsts = batch.firsts()
        begins = {**batch.positions, **{p: first.offset for p, first in firsts.items()}}
        fresh = begins.keys() - self._read_to.keys()
        if fresh:
            places = [(self._generations.of(p), p) for p in fresh]
            self._read_to |= await stored_to(self._tables, self._topic, places)
        jumped = {p: at for p, at in begins.items() if at > self._read_to.get(p, at)}
        if jumped:
            await self._look(jumped, firsts)
        self._read_to |= batch.positions

    async def _look(self, jumped: Mapping[int, int], firsts: Mapping[int, Record]) -> None:
        """Most jumps only pass marks of transactions: then the log begins before them."""
        starts = await self._starts(jumped)
        for partition, at in jumped.items():
            begin, end = self._read_to[partition], min(at, starts.get(partition, 0))
            if begin < end:
                if self._raw:
                    first = firsts.get(partition)
                    at = time.time_ns() // 1_000_000 if first is None else first.timestamp
                    row = self._row(partition, begin, end, complete_from(at))
                    await self._tables.insert(row)
                where = {"topic": self._topic, "partition": partition, "offset": begin}
                what = "raw rows expired unread" if self._raw else "scores expired unread"
                _log.error(what, **where, records=end - begin)
                metrics.SINK_EXPIRED.labels(self._topic).inc(end - begin)
                self._read_to[partition] = end

    def _row(self, partition: int, begin: int, end: int, hour: int) -> Block:
        columns: dict[str, Sequence[object]] = {
            "generation": [self._generations.of(partition)],
            "partition": [partition],
            "from_offset": [begin],
            "next_offset": [end],
            "complete_from": [hour // _SECOND],
        }
        return Block(TABLE, columns)


async def whole_from(tables: Tables) -> dict[tuple[int, int], int]:
    """The first hour (ms) of which all answers are stored, for each (generation, partition) that
    lacks raw rows. Raises StoreError."""
    rows = await tables.rows(
        "SELECT generation, partition, toUnixTimestamp(complete_from) FROM whole_from", _WHAT
    )
    return {(int(str(g)), int(str(p))): int(str(hour)) * _SECOND for g, p, hour in rows}
