"""The sink while ClickHouse is away, while others join, and when the tables are missing."""

from __future__ import annotations

import asyncio
import signal
import sys

import pytest

from pipeline.errors import StoreError
from pipeline.settings import ClickHouseSettings, KafkaSettings, Settings
from pipeline.sink.service import Sink
from pipeline.wire.topics import Topics
from tests.fixtures.sink import Pipe, event, piping

pytestmark = [pytest.mark.broker, pytest.mark.engine]


async def test_two_sinks_share_the_partitions_and_one_takes_over_from_the_other(
    kafka_settings: KafkaSettings, clickhouse: str, database: str
) -> None:
    async with piping(kafka_settings, clickhouse, database) as pipe, pipe.sinking():
        async with pipe.sinking():
            await _respond(pipe, range(1, 21))
            await pipe.wait_for("SELECT uniq(event_id) FROM responses", [(20,)])
        await _respond(pipe, range(21, 41))
        await pipe.wait_for("SELECT count() FROM responses FINAL", [(40,)])


async def _respond(pipe: Pipe, numbers: range) -> None:
    for number in numbers:
        await pipe.respond(event(number), partition=number % 2)


async def test_missing_tables_end_the_sink_with_one_line_that_says_what_to_do(
    kafka_settings: KafkaSettings, clickhouse: str, database: str
) -> None:
    store = ClickHouseSettings(url=clickhouse, database=database)
    with pytest.raises(StoreError, match="run `cxpulse migrate`"):
        await Sink(Settings(kafka=kafka_settings, clickhouse=store)).run(asyncio.Event())


async def test_a_signal_ends_the_process_with_what_it_read_stored(
    kafka_settings: KafkaSettings, clickhouse: str, database: str
) -> None:
    async with piping(kafka_settings, clickhouse, database) as pipe:
        await pipe.respond(event(1))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "pipeline.sink",
            env={
                "CXPULSE_KAFKA_BOOTSTRAP": kafka_settings.bootstrap,
                "CXPULSE_KAFKA_TOPIC_PREFIX": Topics(kafka_settings.topic_prefix).prefix,
                "CXPULSE_KAFKA_GROUP_PREFIX": kafka_settings.group_prefix,
                "CXPULSE_CLICKHOUSE_URL": clickhouse,
                "CXPULSE_CLICKHOUSE_DATABASE": database,
                "CXPULSE_SINK_METRICS_PORT": "0",
            },
            stderr=asyncio.subprocess.PIPE,
        )
        await pipe.wait_for("SELECT count() FROM responses", [(1,)])
        process.send_signal(signal.SIGTERM)
        _, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
