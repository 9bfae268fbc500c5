"""Topics on the real broker: created as specified, never changed, every difference told."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from pipeline.errors import KafkaError
from pipeline.operate.topics import Drift, TopicReport, check_topics, ensure_topics
from pipeline.settings import Settings
from pipeline.wire.kafka import producer, started
from pipeline.wire.topics import Topics, topic_specs

pytestmark = pytest.mark.broker


async def test_missing_topics_are_created_and_a_second_look_finds_nothing(
    settings: Settings,
) -> None:
    before = await check_topics(settings)
    created = await ensure_topics(settings)
    again = await ensure_topics(settings)
    names = Topics(settings.kafka.topic_prefix).all
    assert set(before.missing) == set(created.created) == set(again.present) == set(names)
    assert not before.good
    assert created.good
    assert again.good
    assert again.created == ()


async def test_an_altered_setting_is_reported_and_left_alone(
    settings: Settings, topics: TopicReport, kafka_admin: AIOKafkaAdminClient
) -> None:
    scores = Topics(settings.kafka.topic_prefix).scores
    config = dict(next(s.config for s in topic_specs(settings.kafka) if s.name == scores))
    altered = config | {"retention.ms": "60000"}
    resource = ConfigResource(ConfigResourceType.TOPIC, scores, altered)  # type: ignore[no-untyped-call]  # aiokafka
    await kafka_admin.alter_configs([resource])
    for _ in range(100):  # the broker hears of it from its controller, a moment later
        if not (await ensure_topics(settings)).good:
            break
        await asyncio.sleep(0.05)
    for report in (await ensure_topics(settings), await check_topics(settings)):
        assert report.drift == (Drift(scores, "retention.ms", "604800000", "60000"),)


async def test_too_few_partitions_are_reported_for_every_follower_of_responses(
    settings: Settings, kafka_admin: AIOKafkaAdminClient
) -> None:
    names = Topics(settings.kafka.topic_prefix)
    config = {"message.timestamp.type": "LogAppendTime"}
    wide = NewTopic(names.responses, 5, 1, topic_configs=config)  # type: ignore[no-untyped-call]  # aiokafka
    await kafka_admin.create_topics([wide])
    drift = (await ensure_topics(settings)).drift
    assert Drift(names.ledger, "partitions", "at least 5", "2") in drift
    assert Drift(names.checkpoints, "partitions", "at least 5", "2") in drift
    assert not [d for d in drift if d.topic == names.responses and d.setting == "partitions"]


async def test_responses_with_the_producers_times_are_refused(
    settings: Settings, kafka_admin: AIOKafkaAdminClient
) -> None:
    name = Topics(settings.kafka.topic_prefix).responses
    await kafka_admin.create_topics([NewTopic(name, 2, 1)])  # type: ignore[no-untyped-call]  # aiokafka
    with pytest.raises(KafkaError, match=rf"{name}: message\.timestamp\.type is CreateTime"):
        await ensure_topics(settings)


async def test_the_broker_stamps_responses_with_its_own_clock(
    settings: Settings, topics: TopicReport
) -> None:
    name = Topics(settings.kafka.topic_prefix).responses
    async with started(producer(settings.kafka), settings.kafka) as sender:
        told = await sender.send_and_wait(name, b"x", timestamp_ms=1_000)  # type: ignore[no-untyped-call]  # aiokafka
    assert abs(told.timestamp - time.time() * 1000) < 60_000
    assert told.timestamp_type == 1
