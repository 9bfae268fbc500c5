"""The responses topic is re-created: its two lives add up, and neither writes over the other."""

from __future__ import annotations

import asyncio
import signal
import uuid
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from pipeline.errors import KafkaError
from pipeline.operate.generations import begin_generation
from pipeline.operate.pauses import Pause, find_pauses, resume
from pipeline.operate.topics import TopicReport, ensure_topics
from pipeline.score.worker import ScoreWorker
from pipeline.settings import KafkaSettings, Settings
from pipeline.sink.service import Sink
from pipeline.wire import lives
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.generations import encode_generation, generation_key, read_generations
from pipeline.wire.kafka import consumer, partition_counts, producer, started
from pipeline.wire.lives import AWAY_MS, Mark, other_logs
from pipeline.wire.topics import Topics
from tests.fixtures.scoring import (
    WorkerProcess,
    eventually,
    ledger,
    now_ms,
    received,
    response,
    scoring,
    start_worker,
)
from tests.fixtures.sink import Pipe, piping, start_sink

pytestmark = pytest.mark.broker

NAMES_THE_COMMAND = "the topic was re-created; `cxpulse topics --new-generation`"
PANES = (
    "SELECT generation, partition, sum(counts[1]) FROM score_panes FINAL "
    "WHERE measure = 'response' GROUP BY generation, partition ORDER BY ALL"
)
ROWS = (
    "SELECT offset, event_id FROM responses WHERE (generation, partition) = (1, 0) ORDER BY offset"
)
RAW = "SELECT generation, partition, count() FROM responses GROUP BY ALL ORDER BY ALL"
DAY = "SELECT n FROM rolling_now WHERE measure = 'trust' AND window = '24h'"


@pytest.fixture
async def pipe(kafka_settings: KafkaSettings, clickhouse: str, tables: str) -> AsyncIterator[Pipe]:
    async with piping(kafka_settings, clickhouse, tables) as made:
        yield made


@pytest.fixture
async def log(settings: Settings, topics: TopicReport) -> AsyncIterator[Pipe]:
    """Without tables."""
    async with started(producer(settings.kafka), settings.kafka) as client:
        yield Pipe(settings, client, None)


async def respond(pipe: Pipe, number: int, partition: int = 0, **fields: object) -> None:
    for _ in range(number):
        await pipe.send(pipe.topics.responses, response(**fields), partition)


async def delete(settings: Settings, client: AIOKafkaAdminClient) -> None:
    """Delete the responses topic, and wait until it is gone."""
    topic = Topics(settings.kafka.topic_prefix).responses
    await client.delete_topics([topic])
    async with asyncio.timeout(10):
        while topic in await partition_counts(settings.kafka):
            await asyncio.sleep(0.05)


async def recreate(pipe: Pipe, client: AIOKafkaAdminClient) -> None:
    """As an operator would."""
    await delete(pipe.settings, client)
    await ensure_topics(pipe.settings)


async def stops(run: Coroutine[None, None, None]) -> None:
    """A worker or a sink ends by itself, with the line that names the command."""
    with pytest.raises(KafkaError, match=NAMES_THE_COMMAND):
        await asyncio.wait_for(run, 30)


async def test_two_lives_of_the_topic_add_up_and_whoever_stops_names_the_command(
    pipe: Pipe, kafka_admin: AIOKafkaAdminClient
) -> None:
    settings = pipe.settings
    same: dict[str, Any] = {"event_id": str(uuid.uuid4()), "occurred_at": now_ms()}
    async with scoring(settings), pipe.sinking():
        await respond(pipe, 3)
        await respond(pipe, 2, **same)
        await pipe.send(pipe.topics.responses, b"garbage")
        await pipe.wait_for(PANES, [(1, 0, 4)])
        await pipe.wait_for("SELECT generation, reason FROM dead_letters", [(1, "not_avro")])
        await pipe.wait_for(DAY, [(4,)])
    before = pipe.rows(ROWS)
    await recreate(pipe, kafka_admin)
    await respond(pipe, 8)  # further than what was folded before: no offset tells
    await respond(pipe, 1, partition=1)
    await pipe.send(pipe.topics.responses, b"garbage")
    await stops(ScoreWorker(settings, load_catalogue(settings.catalog)).run())
    await stops(Sink(settings).run(asyncio.Event()))
    assert pipe.rows(ROWS) == before

    begun = await begin_generation(settings.kafka)
    assert (begun.newest, set(begun.partitions)) == (2, {0})  # in 1 nothing collides
    assert (await begin_generation(settings.kafka)).partitions == {}
    async with scoring(settings), pipe.sinking():
        await respond(pipe, 1, **same)
        await pipe.wait_for(PANES, [(1, 0, 4), (1, 1, 1), (2, 0, 9)])
        await pipe.wait_for(RAW, [(1, 0, 5), (1, 1, 1), (2, 0, 9)])
        letters = "SELECT generation, offset FROM dead_letters ORDER BY generation"
        await pipe.wait_for(letters, [(1, 5), (2, 8)])
        # What costs most to ask comes last: it is there by now, and asked once.
        current = "SELECT count(), uniqExact(event_id) FROM responses_current"
        await pipe.wait_for(current, [(13, 13)])
        await pipe.wait_for(DAY, [(14,)])
    assert pipe.rows(ROWS) == before
    (row,) = pipe.rows(
        "SELECT n, responses FROM benchmark(from = '2000-01-01 00:00:00', "
        "to = '2100-01-01 00:00:00', min_n = 1) WHERE measure = 'trust'"
    )
    assert row == (14, 14)


async def test_a_worker_and_a_sink_that_run_on_stop_before_they_write_over_anything(
    pipe: Pipe, kafka_admin: AIOKafkaAdminClient
) -> None:
    settings = pipe.settings
    worker = ScoreWorker(settings, load_catalogue(settings.catalog))
    ends = asyncio.gather(stops(worker.run()), stops(Sink(settings).run(asyncio.Event())))
    await respond(pipe, 5)
    await pipe.wait_for(PANES, [(1, 0, 5)])
    await pipe.wait_for("SELECT count() FROM responses", [(5,)])
    before = pipe.rows(ROWS)
    await recreate(pipe, kafka_admin)
    await respond(pipe, 1)
    await ends
    assert pipe.rows(ROWS) == before
    assert set((await begin_generation(settings.kafka)).partitions) == {0}


async def test_who_runs_on_stops_though_marks_of_transactions_fill_the_new_log_to_where_it_was(
    pipe: Pipe, kafka_admin: AIOKafkaAdminClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lives, "AWAY_MS", 1 << 40)  # however long the broker takes for it
    settings = pipe.settings
    worker, sink = ScoreWorker(settings, load_catalogue(settings.catalog)), Sink(settings)
    scorer_ends = asyncio.create_task(stops(worker.run()))
    sink_ends = asyncio.create_task(stops(sink.run(asyncio.Event())))
    await respond(pipe, 3)
    await pipe.wait_for(PANES, [(1, 0, 3)])
    await pipe.wait_for("SELECT max(next_offset) FROM sink_progress", [(3,)])
    before = pipe.rows(ROWS)
    await recreate(pipe, kafka_admin)
    (raw_lane,) = (lane for lane in sink._lanes if lane.topic == pipe.topics.responses)

    async def seen() -> bool:
        return raw_lane._intake._ends.get(0) == 0

    await eventually(seen)
    await _send_in_transactions(pipe, 2, commit=False)
    await respond(pipe, 1)
    await asyncio.wait_for(asyncio.gather(scorer_ends, sink_ends), 30)
    assert pipe.rows(ROWS) == before


async def outgrow(log: Pipe, client: AIOKafkaAdminClient, *processes: Process) -> None:
    """Re-create the topic while they stand still, and make it longer than they have read."""
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        await recreate(log, client)
        await respond(log, 8)
        await asyncio.sleep(AWAY_MS / 1000)
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


async def ended_by_itself(worker: WorkerProcess, settings: Settings) -> None:
    """With the line, and nothing told of the new log."""
    assert await asyncio.wait_for(worker.process.wait(), 30) == 1
    assert NAMES_THE_COMMAND in worker.text()
    assert (await ledger(settings))[0].next_offset == 5


async def test_a_worker_that_stood_still_while_paused_notices_though_the_new_log_outgrew_it(
    log: Pipe, kafka_admin: AIOKafkaAdminClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = log.settings
    monkeypatch.setenv("CXPULSE_SCORE_BREAKER_RECORDS", "5")
    worker = await start_worker(settings, tmp_path)
    await worker.ready()
    for _ in range(5):
        await log.send(log.topics.responses, b"garbage")
    await received(settings, 5)
    await eventually(lambda: paused_partitions(settings))
    await outgrow(log, kafka_admin, worker.process)
    await resume(settings.kafka)
    await ended_by_itself(worker, settings)


async def paused_partitions(settings: Settings) -> list[Pause] | None:
    return await find_pauses(settings.kafka) or None


async def test_a_worker_and_a_sink_that_stood_still_notice_though_the_new_log_outgrew_them(
    pipe: Pipe, kafka_admin: AIOKafkaAdminClient, tmp_path: Path
) -> None:
    settings = pipe.settings
    worker, sink = await start_worker(settings, tmp_path), await start_sink(settings)
    await worker.ready()
    await respond(pipe, 5)
    await received(settings, 5)
    await pipe.wait_for("SELECT max(next_offset) FROM sink_progress", [(5,)])
    before = pipe.rows(ROWS)
    await outgrow(pipe, kafka_admin, worker.process, sink)
    _, errors = await asyncio.wait_for(sink.communicate(), 30)
    assert NAMES_THE_COMMAND in errors.decode()
    assert pipe.rows(ROWS) == before
    await ended_by_itself(worker, settings)


async def test_an_interrupted_command_is_completed_by_the_next(
    settings: Settings, topics: TopicReport
) -> None:
    kafka = settings.kafka
    async with started(producer(kafka), kafka) as client:
        await client.send_and_wait(  # type: ignore[no-untyped-call]  # aiokafka
            Topics(kafka.topic_prefix).checkpoints, encode_generation([0]), generation_key(2), 1
        )
    assert (await begin_generation(kafka)).newest == 2
    generations = await read_generations(kafka)
    assert (generations.of(0), generations.of(1)) == (2, 1)
    assert (await begin_generation(kafka)).partitions == {}
    forced = await begin_generation(kafka, force=True)
    assert (forced.newest, set(forced.partitions)) == (3, {0, 1})


async def test_without_the_topic_nothing_is_begun(
    settings: Settings, topics: TopicReport, kafka_admin: AIOKafkaAdminClient
) -> None:
    await delete(settings, kafka_admin)
    with pytest.raises(KafkaError, match=r"does not exist; run `cxpulse topics`"):
        await begin_generation(settings.kafka)


async def test_another_log_shows_though_a_mark_of_a_transaction_is_where_reading_ended(
    log: Pipe, kafka_admin: AIOKafkaAdminClient
) -> None:
    kafka, topic = log.settings.kafka, log.topics.responses
    await _send_in_transactions(log, 3)
    mark = await _read_to_the_end(kafka, topic)
    assert not await other_logs(kafka, topic, {0: mark})
    await recreate(log, kafka_admin)
    await _send_in_transactions(log, 4)
    assert await other_logs(kafka, topic, {0: mark})


async def _send_in_transactions(pipe: Pipe, number: int, *, commit: bool = True) -> None:
    kafka = pipe.settings.kafka
    async with started(producer(kafka, transactional_id=kafka.topic_prefix), kafka) as client:
        for _ in range(number):
            await client.begin_transaction()  # type: ignore[no-untyped-call]  # aiokafka
            await client.send_and_wait(pipe.topics.responses, response(), partition=0)  # type: ignore[no-untyped-call]  # aiokafka
            await (client.commit_transaction if commit else client.abort_transaction)()  # type: ignore[no-untyped-call]  # aiokafka


async def _read_to_the_end(kafka: KafkaSettings, topic: str) -> Mark:
    tp = TopicPartition(topic, 0)
    last = 0
    async with started(consumer(kafka), kafka) as client:
        client.assign([tp])  # type: ignore[no-untyped-call]  # aiokafka
        end = (await client.end_offsets([tp]))[tp]  # type: ignore[no-untyped-call]  # aiokafka
        while await client.position(tp) < end:  # type: ignore[no-untyped-call]  # aiokafka
            for records in (await client.getmany(timeout_ms=100)).values():
                last = records[-1].timestamp
    return Mark(end, last)
