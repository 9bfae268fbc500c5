"""The whole path on real parts: broker → score worker → sink → the views analysts read."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest

from pipeline.emit.publish import publish
from pipeline.emit.published import load_published
from pipeline.settings import KafkaSettings
from pipeline.wire.topics import Topics
from tests.fixtures.scoring import now_ms, received, response, scoring
from tests.fixtures.sink import Pipe, piping

SIZE = 3_000
"""A small quarter with the same means: late hours are recounted in a second or two."""


@pytest.fixture
async def pipe(
    kafka_settings: KafkaSettings, clickhouse: str, database: str
) -> AsyncIterator[Pipe]:
    async with (
        piping(kafka_settings, clickhouse, database) as made,
        scoring(made.settings),
        made.sinking(),
    ):
        yield made


async def test_one_event_of_a_plain_kafka_client_shows_in_the_rolling_scores(pipe: Pipe) -> None:
    event_id = str(uuid.uuid4())
    await pipe.send(pipe.topics.responses, response(event_id=event_id))
    await pipe.wait_for(
        "SELECT window, n, mean FROM rolling_now WHERE measure = 'trust' ORDER BY window",
        [("1h", 1, 4.0), ("24h", 1, 4.0), ("28d", 1, 4.0), ("7d", 1, 4.0)],
    )
    await pipe.wait_for("SELECT toString(event_id) FROM responses_current", [(event_id,)])


async def test_a_retraction_takes_the_score_back_to_nothing(pipe: Pipe) -> None:
    same = {"event_id": str(uuid.uuid4()), "occurred_at": now_ms()}
    await pipe.send(pipe.topics.responses, response(**same))
    await pipe.send(pipe.topics.responses, response(**same, retracted=True))
    await pipe.wait_for(
        "SELECT n, mean FROM rolling_now WHERE measure = 'trust' AND window = '1h'", [(0, None)]
    )
    await pipe.wait_for("SELECT count() FROM responses_current", [(0,)])


async def test_a_quarter_published_after_live_traffic_gives_the_same_means(pipe: Pipe) -> None:
    settings = pipe.settings
    for partition in range(settings.kafka.partitions):
        await pipe.send(Topics(settings.kafka.topic_prefix).responses, response(), partition)
    await received(settings, settings.kafka.partitions)
    report = await publish(settings, "va-vha", 2020, 2, size=SIZE)
    assert report.sent == SIZE
    assert (await received(settings, SIZE + settings.kafka.partitions))["late"] == SIZE
    means = load_published("va-vha").quarter(2020, 2).means
    await pipe.wait_for(
        "SELECT measure, responses, round(mean, 2) FROM "
        "quarterly(fiscal_year = 2020, quarter = 2, min_n = 30) ORDER BY measure",
        [(measure, SIZE, float(mean)) for measure, mean in sorted(means.items())],
    )
