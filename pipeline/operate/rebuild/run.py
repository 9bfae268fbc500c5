"""`cxpulse sink --rebuild`: tables from Kafka, then panes from raw rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from pipeline.core.catalogue import Catalogue
from pipeline.core.judge import complete_from
from pipeline.operate.rebuild.lacking import note_lacking
from pipeline.operate.rebuild.panes import count_panes
from pipeline.operate.rebuild.refill import Refill
from pipeline.operate.reconcile import accounts, hours
from pipeline.operate.reconcile.differences import REPLAY, Difference
from pipeline.operate.reconcile.journals import Journals, Origin, minute_of, number, read_journals
from pipeline.operate.reconcile.logs import LogBounds, read_bounds
from pipeline.operate.topic_scan import Told
from pipeline.settings import Settings
from pipeline.sink.expired import Hole
from pipeline.sink.letters import Letters
from pipeline.sink.patience import Patience, Stopped, pause
from pipeline.sink.progress import Progress
from pipeline.sink.rows import Block
from pipeline.sink.service import TABLES
from pipeline.sink.target import Tables
from pipeline.store import asked
from pipeline.store.client import connect_async
from pipeline.store.failures import needing_tables
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.generations import read_generations
from pipeline.wire.kafka import producer, started
from pipeline.wire.topics import Topics

HORIZONS = "horizons"


@dataclass(frozen=True, slots=True)
class Horizon:
    """What is older than this is lost for the tables: raw rows of `partition` below `offset`, and
    hours of it before `complete_from` (ms)."""

    partition: int
    offset: int
    complete_from: int

    def __str__(self) -> str:
        return (
            f"partition {self.partition}: raw rows from offset {self.offset:,} on, panes from "
            f"{minute_of(self.complete_from / 1000)} on; Kafka has nothing older"
        )


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """`horizons` of partitions that do not go back to their beginning; `lacking`: what the tables
    lack of others, and Kafka has no more; `broken`: origins whose raw rows or outcomes do not match
    the ledger otherwise, so that their panes were not counted; `refused`: where the store refused
    raw rows, so that only panes were counted that were not there."""

    horizons: Sequence[Horizon]
    lacking: Sequence[Hole]
    broken: Sequence[Origin]
    refused: Sequence[Difference] = ()


async def rebuild(settings: Settings, tell: Callable[[str], Told], stop: asyncio.Event) -> Rebuilt:
    """Store again all that Kafka has, then count the panes of which all raw rows are stored.

    May run beside sinks and score workers, be stopped at any time and be repeated. Raises Stopped
    when told to stop, KafkaError, StoreError (after waiting, where that helps).
    """
    kafka, topics = settings.kafka, Topics(settings.kafka.topic_prefix)
    async with AsyncExitStack() as stack:
        stack.enter_context(needing_tables())
        client = await connect_async(settings.clickhouse)
        stack.push_async_callback(client.close)
        tables = Tables(client)
        await tables.look_at((*TABLES, HORIZONS, asked.TABLE))
        sender = await stack.enter_async_context(started(producer(kafka), kafka))
        bounds = await read_bounds(settings)
        generations = await read_generations(kafka)
        outbox = Letters(sender, topics.dead_letters, generations.of)
        refill = Refill(settings, tables, outbox, generations, stop)
        await refill.run(tell)
        patience = Patience("tables", pause, stop)
        horizons = await patience.until_done(partial(_horizons, tables, bounds, refill))
        behind = {one.partition for one in horizons}
        rest = {partition: log for partition, log in bounds.items() if partition not in behind}
        # Before progress is told: sinks look no further back than that.
        note = partial(note_lacking, tables, topics.responses, rest, refill)
        lacking = await patience.until_done(note)
        ends = {partition: log.end for partition, log in bounds.items() if log.end}
        progress = Progress(tables, topics.responses, generations.of)
        if generations.begun:
            await patience.until_done(partial(progress.begin, generations))
        await patience.until_done(partial(progress.tell, ends, settled=True))
        # Only now: hours that a sink counted meanwhile, of half the rows, are counted again.
        panes = _Panes(tables, topics.responses, load_catalogue(settings.catalog), patience)
        broken, refused = await panes.count(tell("panes"), stop)
        return Rebuilt(horizons, lacking, tuple(sorted(broken)), tuple(refused))


@dataclass(frozen=True, slots=True)
class _Panes:
    """The last step, of what is stored by then."""

    tables: Tables
    topic: str
    catalogue: Catalogue
    patience: Patience

    async def count(
        self, told: Told, stop: asyncio.Event
    ) -> tuple[Collection[Origin], Sequence[Difference]]:
        """Count all that can be; which origins are broken, and where rows were refused."""
        until_done = self.patience.until_done
        rows = await until_done(partial(self.tables.rows, asked.READ, "read what was asked"))
        past = asked.past_of(rows).followed_by(self.catalogue)
        journals = await until_done(partial(read_journals, self.tables, self.topic))
        found = await until_done(partial(_differences, self.tables, journals, self.topic))
        broken = accounts.broken(one for one in found if one.advice != REPLAY)
        refused = [one for one in found if one.advice == REPLAY and one.origin not in broken]
        whole = {origin: one for origin, one in journals.items() if origin not in broken}
        count = partial(count_panes, self.tables, refused=accounts.broken(refused))
        stretches = await until_done(partial(hours.stretches, self.tables)) if whole else []
        for done, stretch in enumerate(stretches):
            told(done, len(stretches))
            if stop.is_set():
                raise Stopped
            await until_done(partial(count, stretch, whole, self.catalogue, past))
        return broken, refused


async def _differences(tables: Tables, journals: Journals, topic: str) -> Sequence[Difference]:
    """What is lacking though Kafka has nothing more to give: where that is so, panes, told by the
    scorer of all rows, are better than any count."""
    found = await accounts.equations(tables, journals)
    for stretch in await accounts.stretches(tables, journals):
        found += await accounts.compare(tables, stretch, topic)
    return found


async def _horizons(
    tables: Tables, bounds: dict[int, LogBounds], refill: Refill
) -> Sequence[Horizon]:
    """Where the tables begin, if not at the beginning, and nothing older was in them."""
    rows = await tables.rows(
        "SELECT generation, partition, min(offset) FROM responses GROUP BY generation, partition",
        "look for older raw rows",
    )
    oldest = {Origin(number(g), number(p)): number(offset) for g, p, offset in rows}
    found = []
    for partition, log in sorted(bounds.items()):
        begin = refill.begin(partition, log.start)
        place = Origin(log.generation, partition)
        judged = partition in refill.judged_from
        if judged and begin > 0 and oldest.get(place, begin) >= begin:
            _, appended_at = refill.first.get(partition, (begin, 0))
            # Where nothing was stored, nothing can be lacking.
            hour = complete_from(appended_at) if appended_at else 0
            found.append(Horizon(partition, begin, hour))
    if found:
        columns: dict[str, Sequence[object]] = {
            "generation": [bounds[one.partition].generation for one in found],
            "partition": [one.partition for one in found],
            "next_offset": [one.offset for one in found],
            "complete_from": [one.complete_from // 1000 for one in found],
        }
        await tables.insert(Block(HORIZONS, columns))
    return tuple(found)
