"""A broker that is gone for good: whoever is told to stop does so soon all the same."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from pipeline.local.broker_properties import JVM_QUICK
from pipeline.local.kafka import LocalKafka
from pipeline.settings import KafkaSettings
from tests.fixtures.scoring import WorkerProcess, received, response, send, start_worker
from tests.fixtures.sink import Pipe, piping, start_sink

pytestmark = [pytest.mark.broker, pytest.mark.engine]

STOP_SECONDS = 30.0
"""A last cut (5 s), a commit and a goodbye (10 s), each tried and given up; and a slow machine."""


async def test_scorer_and_sink_end_when_told_though_the_broker_is_gone(
    clickhouse: str, tables: str, tmp_path: Path
) -> None:
    with LocalKafka(tmp_path / "kafka", port=0, jvm=JVM_QUICK) as broker:
        kafka = KafkaSettings(bootstrap=broker.bootstrap, partitions=2)
        async with piping(kafka, clickhouse, tables) as pipe:
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
