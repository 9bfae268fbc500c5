"""Looks, before raw rows are written, whether their log is still the one whose rows are stored.

A re-created topic has new records at the old offsets. Their rows would replace those of the records
that were there before, which exist nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from pipeline.errors import KafkaError
from pipeline.settings import KafkaSettings
from pipeline.sink.expired import Log
from pipeline.sink.intake import Batch
from pipeline.sink.target import Tables
from pipeline.wire.generations import Generations, read_generations
from pipeline.wire.lives import Mark, compare_logs, recreated


class Guard:
    """For one topic, read under what is known of its `generations`."""

    def __init__(
        self, kafka: KafkaSettings, tables: Tables, topic: str, generations: Generations, log: Log
    ) -> None:
        self._kafka = kafka
        self._tables = tables
        self._topic = topic
        self._generations = generations
        self._log = log
        self._epoch = -1
        self._next: dict[int, int] = {}

    async def check(self, batch: Batch) -> None:
        """Look at partitions that do not simply go on where the batch before has ended, or that
        were not read for a while.

        Raises KafkaError when one is another log than its rows come from, or that cannot be found
        out; StoreError.
        """
        if batch.epoch != self._epoch:
            self._epoch, self._next = batch.epoch, {}
        if unsure := batch.away | _sent_back(batch, self._next) | await self._lost(batch):
            await self._compare(unsure)
        self._next |= batch.positions

    async def _lost(self, batch: Batch) -> Set[int]:
        """Where the position moved without a record because what was there has expired. Mostly it
        moves past marks of transactions."""
        silent = batch.positions.keys() - batch.firsts().keys()
        moved = {p for p in silent if batch.positions[p] > self._next.get(p, batch.positions[p])}
        starts = await self._log.starts(moved) if moved else {}
        return {p for p in moved if starts.get(p, 0) > self._next[p]}

    async def _compare(self, partitions: Set[int]) -> None:
        marks = await last_rows(self._tables, [(self._generations.of(p), p) for p in partitions])
        others, same = await compare_logs(self._kafka, self._topic, marks)
        if same >= partitions:
            return
        # What could tell may have expired, or never was stored: then this tells.
        if await read_generations(self._kafka) != self._generations:
            raise KafkaError(f"topic {self._topic}: a new generation has begun: start it again")
        for partition, how in others.items():
            raise recreated(self._topic, partition, how)


def _sent_back(batch: Batch, read_to: Mapping[int, int]) -> Set[int]:
    """The partitions that do not go on at, or after, where they were read to."""
    firsts = batch.firsts()
    begins = {p: firsts[p].offset if p in firsts else at for p, at in batch.positions.items()}
    return {p for p, begin in begins.items() if begin < read_to.get(p, begin + 1)}


async def last_rows(tables: Tables, places: Iterable[tuple[int, int]]) -> dict[int, Mark]:
    """The last raw row of each (generation, partition), by partition. Raises StoreError."""
    each = " UNION ALL ".join(
        # Its own subquery: so that each reads the end of its range of the key, and no more.
        f"SELECT * FROM (SELECT partition, offset, toUnixTimestamp64Milli(received_at) "
        f"FROM responses WHERE generation = {generation} AND partition = {partition} "
        f"ORDER BY generation DESC, partition DESC, offset DESC LIMIT 1)"
        for generation, partition in places
    )
    rows = await tables.rows(each, "read the last raw rows")
    return {int(str(p)): Mark(int(str(offset)) + 1, int(str(at))) for p, offset, at in rows}
