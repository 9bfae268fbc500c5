"""Partitions are added while everything runs, and repeats and retractions cross the change."""

from __future__ import annotations

import asyncio
import uuid
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pipeline.errors import KafkaError
from pipeline.operate.growth import grow
from pipeline.operate.topics import TopicReport, check_topics
from pipeline.settings import KafkaSettings, Settings
from pipeline.wire.kafka import partition_for
from tests.fixtures.scoring import KEY, eventually, now_ms, response, scoring
from tests.fixtures.sink import Pipe, piping

pytestmark = pytest.mark.broker

WIDE = 4
EACH = 5
CURRENT = "SELECT toString(event_id) FROM responses_current ORDER BY 1"
WIDEST = "SELECT n, partitions FROM rolling_now WHERE measure = 'trust' AND window = '24h'"


@pytest.fixture
async def pipe(kafka_settings: KafkaSettings, clickhouse: str, tables: str) -> AsyncIterator[Pipe]:
    async with piping(kafka_settings, clickhouse, tables) as made:
        yield made


def event() -> dict[str, Any]:
    return {"event_id": str(uuid.uuid4()), "occurred_at": now_ms()}


async def send(pipe: Pipe, partition: int, *events: dict[str, Any], **fields: object) -> None:
    for one in events:
        await pipe.send(pipe.topics.responses, response(**one, **fields), partition)


async def test_partitions_are_added_under_traffic_and_each_event_is_there_once(pipe: Pipe) -> None:
    kafka = pipe.settings.kafka
    steps: list[str] = []
    before = [event() for _ in range(EACH)]
    after = [event() for _ in range(EACH * WIDE)]
    async with scoring(pipe.settings), pipe.sinking():
        await send(pipe, partition_for(KEY, kafka.partitions), *before)
        await pipe.wait_for("SELECT count() FROM responses_current", [(EACH,)])
        await grow(kafka, WIDE, steps.append)
        await eventually(lambda: pipe.knows(WIDE))
        for partition in range(WIDE):  # as producers with other partitioners would
            await send(pipe, partition, *after[partition::WIDE])
        await pipe.wait_for(WIDEST, [(EACH + EACH * WIDE, WIDE)])
        elsewhere = WIDE - 1
        await send(pipe, elsewhere, *before[:2])  # a producer tries again, by the new number
        await send(pipe, elsewhere, *before[2:4], retracted=True)
        left = sorted(one["event_id"] for one in (*before[:2], *before[4:], *after))
        await pipe.wait_for(CURRENT, [(one,) for one in left])
    assert [step.split(":")[0] for step in steps][-1] == pipe.topics.responses
    await grow(kafka, WIDE, steps.append)
    assert len(steps) == 5, "safe to repeat"
    wide = pipe.settings.model_copy(update={"kafka": kafka.model_copy(update={"partitions": WIDE})})
    assert (await check_topics(wide)).good


async def test_a_group_that_partitioners_put_apart_has_the_same_totals_everywhere(
    pipe: Pipe,
) -> None:
    places = (partition_for(KEY, 2), 1 - partition_for(KEY, 2), zlib.crc32(KEY) % 2)
    async with scoring(pipe.settings), pipe.sinking():
        await asyncio.gather(*(send(pipe, place, event()) for place in places))
        await pipe.wait_for(WIDEST, [(len(places), 2)])
        ranked = "benchmark(from = '2000-01-01 00:00:00', to = '2100-01-01 00:00:00', min_n = 1)"
        query = f"SELECT n, responses FROM {ranked} WHERE measure = 'trust'"
        await pipe.wait_for(query, [(len(places), len(places))])
        await pipe.wait_for("SELECT count() FROM responses_current", [(len(places),)])


async def test_partitions_are_never_taken_away(settings: Settings, topics: TopicReport) -> None:
    with pytest.raises(KafkaError, match="has 2 partitions: Kafka cannot take any away"):
        await grow(settings.kafka, 1, lambda step: None)
