"""What Kafka still has of each topic goes into its tables, by the sink's own converters."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from functools import partial

from pipeline.errors import SchemaError
from pipeline.operate.rebuild.behind import sinks_past
from pipeline.operate.rebuild.retold import Retold
from pipeline.operate.topic_scan import Record, Told, batches
from pipeline.settings import Settings
from pipeline.sink import outcomes, scored
from pipeline.sink.dead import DeadLetterRows
from pipeline.sink.patience import Patience, Stopped, pause
from pipeline.sink.raw import RawRows
from pipeline.sink.rows import Convert
from pipeline.sink.service import SCORE_ROWS
from pipeline.sink.target import Tables
from pipeline.sink.writer import Outbox, Writer
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.generations import Generations
from pipeline.wire.ledger import standing
from pipeline.wire.responses import ResponseDecoder
from pipeline.wire.topics import Topics


class Refill:
    """Reads each topic from its beginning to what is its end now; safe to repeat, since rows are
    the same. Raises Stopped when told to stop, KafkaError (also when sinks that stand still would
    bring back what it has to delete), and StoreError when waiting cannot help.
    """

    def __init__(
        self,
        settings: Settings,
        tables: Tables,
        outbox: Outbox,
        generations: Generations,
        stop: asyncio.Event,
    ) -> None:
        self._settings = settings
        self._topics = Topics(settings.kafka.topic_prefix)
        self._tables = tables
        self._outbox = outbox
        self._generations = generations
        self._stop = stop
        self._retold = Retold()
        self._retold_to: dict[int, int] = {}
        self.judged_from: dict[int, int] = {}
        """Partition → the first offset that the topic of the ledger tells of."""
        self.first: dict[int, tuple[int, int]] = {}
        """Partition → offset and append time of the first response that was stored."""

    async def run(self, tell: Callable[[str], Told]) -> None:
        """All topics; the ledger first, since a raw row without its outcome would count."""
        topics, rows = self._topics, self._settings.sink.flush_rows
        decoder = ResponseDecoder(self._settings.kafka.confluent_ids)
        catalogue = load_catalogue(self._settings.catalog)
        raw = RawRows(catalogue, decoder, self._generations.of)
        letters = DeadLetterRows(topics.responses)
        plans: Sequence[tuple[str, Convert, int]] = (
            (topics.ledger, outcomes.convert, rows),
            (topics.responses, raw.convert, rows),
            (topics.dead_letters, letters.convert, rows),
            # Repair notes are left out: all hours are counted again anyway.
            (topics.scores, scored.convert, max(1, rows // SCORE_ROWS)),
        )
        for topic, convert, most in plans:
            writer = Writer(convert, self._tables, self._outbox)
            await self._move(topic, writer, most, tell(topic))
            if topic == topics.ledger:
                await sinks_past(self._settings.kafka, self._retold_to, self._stop)
                patience = Patience(topic, pause, self._stop)
                await patience.until_done(partial(self._retold.delete, self._tables))

    def begin(self, partition: int, start: int) -> int:
        """The first offset that could be stored again, of a log that begins at `start`."""
        return max(start, self.judged_from.get(partition, start))

    async def _move(self, topic: str, writer: Writer, most: int, tell: Told) -> None:
        patience = Patience(topic, pause, self._stop)
        async with aclosing(batches(self._settings, topic, tell)) as read:
            async for records in read:
                kept = self._look(topic, records)
                for at in range(0, len(kept), most):
                    if self._stop.is_set():
                        raise Stopped
                    write = partial(writer.write, kept[at : at + most])
                    await patience.until_done(write)

    def _look(self, topic: str, records: Sequence[Record]) -> Sequence[Record]:
        """The records to store; notes where ledger and responses begin."""
        if topic == self._topics.ledger:
            for record in records:
                self._see_entry(record)
        if topic != self._topics.responses:
            return records
        kept = [r for r in records if r.offset >= self.judged_from.get(r.partition, 0)]
        for record in kept:
            self.first.setdefault(record.partition, (record.offset, record.timestamp))
        return kept

    def _see_entry(self, record: Record) -> None:
        try:
            entry = standing(record)
        except SchemaError:
            return
        if entry is None:
            return
        if self._retold.see(entry):
            self._retold_to[record.partition] = record.offset + 1
        if entry.generation == self._generations.of(entry.partition):
            known = self.judged_from.get(entry.partition, entry.from_offset)
            self.judged_from[entry.partition] = min(known, entry.from_offset)
