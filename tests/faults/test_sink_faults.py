"""The sink while ClickHouse is away, while others join, and when the tables are missing."""

from __future__ import annotations

import asyncio
import signal

import pytest

from pipeline.errors import StoreError
from pipeline.settings import ClickHouseSettings, KafkaSettings, Settings
from pipeline.sink.service import Sink
from tests.fixtures.scoring import until
from tests.fixtures.sink import Pipe, event, piping, start_sink

pytestmark = [pytest.mark.broker, pytest.mark.engine]


async def test_two_sinks_share_the_partitions_and_one_that_a_signal_ends_is_taken_over_from(
    kafka_settings: KafkaSettings, clickhouse: str, tables: str
) -> None:
    async with piping(kafka_settings, clickhouse, tables) as pipe, pipe.sinking() as stays:
        process = await start_sink(pipe.settings)
        await until(lambda: _shares(stays, pipe.topics.responses))
        await _respond(pipe, range(1, 21))
        await pipe.wait_for("SELECT count(), uniq(event_id) FROM responses", [(20, 20)])
        process.send_signal(signal.SIGTERM)
        _, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        await _respond(pipe, range(21, 41))
        await pipe.wait_for("SELECT count() FROM responses FINAL", [(40,)])


def _shares(sink: Sink, topic: str) -> bool:
    """Whether another one has the other partition."""
    lanes = [lane for lane in sink._lanes if lane.topic == topic]
    return bool(lanes) and len(lanes[0]._intake._consumer.assignment()) == 1


async def _respond(pipe: Pipe, numbers: range) -> None:
    for number in numbers:
        await pipe.respond(event(number), partition=number % 2)


async def test_missing_tables_end_the_sink_with_one_line_that_says_what_to_do(
    kafka_settings: KafkaSettings, clickhouse: str, database: str
) -> None:
    store = ClickHouseSettings(url=clickhouse, database=database)
    with pytest.raises(StoreError, match="run `cxpulse migrate`"):
        await Sink(Settings(kafka=kafka_settings, clickhouse=store)).run(asyncio.Event())
