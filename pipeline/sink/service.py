"""The sink as a whole: four lanes and the repairs, from connecting to the last commit."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

from pipeline import logs
from pipeline.errors import KafkaError
from pipeline.observe import Health
from pipeline.settings import KafkaSettings, Settings
from pipeline.sink import dead, outcomes, raw, scored
from pipeline.sink.dead import DeadLetterRows
from pipeline.sink.expired import TABLE as UNSTORED
from pipeline.sink.expired import Expired
from pipeline.sink.guard import Guard
from pipeline.sink.intake import Intake
from pipeline.sink.lane import Lane, Pace
from pipeline.sink.letters import Letters
from pipeline.sink.patience import Patience, Stopped, pause
from pipeline.sink.progress import TABLE as PROGRESS
from pipeline.sink.progress import Progress
from pipeline.sink.raw import RawRows
from pipeline.sink.repairs import Repairs
from pipeline.sink.rows import Convert
from pipeline.sink.target import Tables
from pipeline.sink.writer import Writer
from pipeline.store.client import connect_async
from pipeline.store.failures import needing_tables
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.catalogue_watch import follow_catalogue
from pipeline.wire.generations import Generations, raw_rows_group, read_generations
from pipeline.wire.kafka import consumer, producer, read_errors, started
from pipeline.wire.responses import ResponseDecoder
from pipeline.wire.topics import Topics

_log = logs.get(__name__)

SCORE_ROWS: Final = 10
"""Rows that one score update makes at least: seven measures and the reserved one, and a window."""
CALM: Final = 10
"""All but the windows comes in batches this many times as long: nobody waits for it at the second,
and an insert costs the store some 15 ms however small it is."""
FULL_FETCH_BYTES: Final = 256 * 1024
LONGEST_FETCH_MS: Final = 500
"""Otherwise nearly each record is an answer of its own, which costs both sides a millisecond."""
TABLES: Final = (
    raw.TABLE,
    scored.PANES,
    scored.ROLLING,
    outcomes.OUTCOMES,
    outcomes.GAPS,
    outcomes.BEGINNINGS,
    outcomes.LEDGER,
    dead.TABLE,
    PROGRESS,
    UNSTORED,
)
"""All are looked at before anything is read: a missing migration shows at the start."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one topic is moved."""

    topic: str
    group: str
    convert: Convert
    pace: Pace
    repairs: Repairs | None = None
    live: Convert | None = None


class Sink:
    """One sink process; several share the partitions. Use `run`, and `health` from any thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topics = Topics(settings.kafka.topic_prefix)
        self._lanes: tuple[Lane, ...] = ()
        self._catalogue = load_catalogue(settings.catalog)
        self._decoder = ResponseDecoder(settings.kafka.confluent_ids)

    def health(self) -> Health:
        """Good while every lane stores batches or sits at the end of its topic."""
        if not self._lanes:
            return Health(("starting: waits for ClickHouse or the broker",))
        return Health(tuple(lane.problem for lane in self._lanes if lane.problem))

    async def run(self, stop: asyncio.Event) -> None:
        """Move records until `stop`, then store and commit what was read.

        Waits for ClickHouse, at the start too. Raises KafkaError when broker or topics are missing,
        StoreError when tables or rights are.
        """
        try:
            with needing_tables():
                async with AsyncExitStack() as stack:
                    client = await self._patience(stop).until_done(
                        lambda: connect_async(self._settings.clickhouse)
                    )
                    stack.push_async_callback(client.close)
                    tables = Tables(client)
                    await self._patience(stop).until_done(lambda: tables.look_at(TABLES))
                    await self._move(tables, stack, stop)
        except Stopped:
            return
        finally:
            self._lanes = ()

    async def _move(self, tables: Tables, stack: AsyncExitStack, stop: asyncio.Event) -> None:
        kafka = self._settings.kafka
        generations = await read_generations(kafka)
        raw_rows = RawRows(self._catalogue, self._decoder, generations.of)
        sender = await stack.enter_async_context(started(producer(kafka), kafka))
        outbox = Letters(sender, self._topics.dead_letters, generations.of)
        repairs = Repairs(tables, self._topics.responses)
        lanes = []
        for plan in self._plans(repairs, raw_rows, generations):
            member = consumer(kafka, group_id=plan.group, **_fetching(plan.pace))
            lost = _nothing if plan.repairs is None else plan.repairs.drop
            intake = Intake(member, plan.topic, lost)
            await stack.enter_async_context(started(member, kafka))
            with read_errors(plan.topic):
                existing = await member.topics()  # type: ignore[no-untyped-call]  # aiokafka
            if plan.topic not in existing:
                raise KafkaError(f"topic {plan.topic} does not exist; run `cxpulse topics`")
            writer = Writer(plan.convert, tables, outbox)
            raw_lane = plan.topic == self._topics.responses
            # Recounts ask how far raw rows are stored; of scores it only shows what expired.
            told = raw_lane or plan.repairs is not None
            progress = Progress(tables, plan.topic, generations.of) if told else None
            watched = (tables, plan.topic, generations, intake)
            guard = Guard(kafka, *watched) if raw_lane else None
            expired = Expired(*watched, raw=raw_lane) if told else None
            if progress is not None and raw_lane and generations.begun:
                await self._patience(stop).until_done(partial(progress.begin, generations))
            live = plan.live and Writer(plan.live, tables, outbox)
            rest = (progress, plan.repairs, plan.pace, stop, live, guard, expired)
            lanes.append(Lane(plan.topic, intake, writer, *rest))
        self._lanes = tuple(lanes)
        logs.hear_libraries()  # what failed so far was told in one line
        _log.info("sink runs", topics=[lane.topic for lane in lanes])
        names = follow_catalogue(self._settings.catalog, self._catalogue, raw_rows.adopt, stop)
        await _together([*(lane.run() for lane in lanes), repairs.run(stop), names], stop)

    def _patience(self, stop: asyncio.Event) -> Patience:
        return Patience("start", pause, stop)

    def _plans(
        self, repairs: Repairs, raw_rows: RawRows, generations: Generations
    ) -> Sequence[_Plan]:
        sink = self._settings.sink
        topics = self._topics
        calm = Pace(sink.flush_rows, sink.flush_seconds * CALM)
        scores = Pace(max(1, sink.flush_rows // SCORE_ROWS), sink.flush_seconds, calm.seconds)
        letters = DeadLetterRows(topics.responses)
        group = f"{self._settings.kafka.group_prefix}-sink-"
        raw_group = raw_rows_group(self._settings.kafka, generations)
        return (
            _Plan(topics.responses, raw_group, raw_rows.convert, calm),
            _Plan(topics.scores, f"{group}scores", scored.panes, scores, repairs, scored.windows),
            _Plan(topics.ledger, ledger_group(self._settings.kafka), outcomes.convert, calm),
            _Plan(topics.dead_letters, f"{group}dead-letters", letters.convert, calm),
        )


def ledger_group(kafka: KafkaSettings) -> str:
    """The consumer group of the sinks that read the ledger."""
    return f"{kafka.group_prefix}-sink-ledger"


def _fetching(pace: Pace) -> dict[str, int]:
    """How a lane fetches: where nobody waits, the broker gathers records before it answers."""
    if pace.rest:
        return {}
    wait = min(LONGEST_FETCH_MS, int(1000 * pace.seconds))
    return {"fetch_min_bytes": FULL_FETCH_BYTES, "fetch_max_wait_ms": wait}


def _nothing(partitions: Iterable[int]) -> None:
    """Lanes without notes lose nothing with a partition."""


async def _together(jobs: Iterable[Coroutine[None, None, None]], stop: asyncio.Event) -> None:
    """Run until all have ended; the first failure ends the others in good order, and is raised."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        stop.set()
        await asyncio.wait(tasks)
    finally:
        for task in tasks:
            task.cancel()
    for task in tasks:
        task.result()
