"""A broker that hangs, or is gone for good: health tells it, and whoever is told to stop does so
soon all the same."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.local.broker_properties import JVM_QUICK
from pipeline.local.kafka import LocalKafka
from pipeline.operate.topics import ensure_topics
from pipeline.score import health
from pipeline.settings import KafkaSettings, Settings
from tests.fixtures.scoring import (
    WorkerProcess,
    received,
    response,
    scoring,
    send,
    start_worker,
    until,
)
from tests.fixtures.sink import Pipe, piping, start_sink

pytestmark = pytest.mark.broker

STOP_SECONDS = 30.0
"""A last cut (5 s), a commit and a goodbye (10 s), each tried and given up; and a slow machine."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """One that no other file uses."""
    with LocalKafka(tmp_path_factory.mktemp("kafka"), port=0, jvm=JVM_QUICK) as own:
        yield own


@pytest.fixture
def kafka(broker: LocalKafka) -> str:
    """Its address; when a test has killed it, it is started again."""
    broker.start()
    return broker.bootstrap


async def test_a_worker_that_is_caught_up_and_hears_nothing_says_so(
    broker: LocalKafka, kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "STUCK_SECONDS", 1.5)
    settings = Settings(kafka=kafka_settings.model_copy(update={"partitions": 1}))
    await ensure_topics(settings)
    async with scoring(settings) as worker:
        await send(settings, [response()])
        await received(settings, 1)
        await until(lambda: worker._tenures[0].checkpoint_age == 0)
        assert worker.health().good
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            await until(lambda: not worker.health().good)
            reasons = worker.health().reasons
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        await until(lambda: worker.health().good)
    assert len(reasons) == 1
    assert "partition 0: no answer from Kafka for" in reasons[0]


@pytest.mark.engine
async def test_scorer_and_sink_end_when_told_though_the_broker_is_gone(
    broker: LocalKafka, kafka_settings: KafkaSettings, clickhouse: str, tables: str, tmp_path: Path
) -> None:
    async with piping(kafka_settings, clickhouse, tables) as pipe:
        worker, sink = await _running(pipe, tmp_path)
    await asyncio.to_thread(broker.kill)
    await asyncio.sleep(2.0)  # both have noticed
    began = time.monotonic()
    worker.process.send_signal(signal.SIGTERM)
    sink.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await asyncio.gather(worker.process.wait(), sink.communicate())
    finally:
        for process in (worker.process, sink):
            if process.returncode is None:
                process.kill()
    assert time.monotonic() - began < STOP_SECONDS


async def _running(pipe: Pipe, folder: Path) -> tuple[WorkerProcess, asyncio.subprocess.Process]:
    """Both at work, with something behind them to tell, cut and commit."""
    worker = await start_worker(pipe.settings, folder)
    sink = await start_sink(pipe.settings)
    await worker.ready()
    await send(pipe.settings, [response() for _ in range(20)])
    await received(pipe.settings, 20)
    await pipe.wait_for("SELECT count() FROM responses", [(20,)])
    await asyncio.sleep(6.0)  # past the first commit for lag monitors (5 s)
    return worker, sink
