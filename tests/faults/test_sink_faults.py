"""The sink while ClickHouse is away, while others join, and when the tables are missing."""

from __future__ import annotations

import asyncio
import signal

import pytest

from pipeline.errors import StoreError
from pipeline.settings import ClickHouseSettings, KafkaSettings, Settings
from pipeline.sink.service import Sink
from tests.fixtures.sink import Pipe, event, piping, start_sink

pytestmark = [pytest.mark.broker, pytest.mark.engine]


async def test_two_sinks_share_the_partitions_and_one_takes_over_from_the_other(
    kafka_settings: KafkaSettings, clickhouse: str, tables: str
) -> None:
    async with piping(kafka_settings, clickhouse, tables) as pipe, pipe.sinking():
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
    kafka_settings: KafkaSettings, clickhouse: str, tables: str
) -> None:
    async with piping(kafka_settings, clickhouse, tables) as pipe:
        await pipe.respond(event(1))
        process = await start_sink(pipe.settings)
        await pipe.wait_for("SELECT count() FROM responses", [(1,)])
        process.send_signal(signal.SIGTERM)
        _, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
