"""The clients of `wire.kafka` against the real broker: limits that match, failures in one line."""

from __future__ import annotations

import asyncio
import os

import pytest
from aiokafka.errors import MessageSizeTooLargeError

from pipeline.errors import KafkaError
from pipeline.local.probe import free_port
from pipeline.operate.topics import TopicReport
from pipeline.settings import KafkaSettings, Settings
from pipeline.wire.kafka import admin, consumer, producer, started
from pipeline.wire.topics import DEAD_LETTER_BYTES, RESPONSE_BYTES, Topics

pytestmark = pytest.mark.broker


@pytest.mark.parametrize(
    ("topic", "size"), [("responses", RESPONSE_BYTES), ("dead_letters", DEAD_LETTER_BYTES)]
)
async def test_the_largest_record_goes_in_and_comes_out(
    settings: Settings, topics: TopicReport, topic: str, size: int
) -> None:
    name = getattr(Topics(settings.kafka.topic_prefix), topic)
    value = os.urandom(size)  # nothing that compression could make fit
    headers = [("reason", b"undecodable")]
    async with started(producer(settings.kafka), settings.kafka) as sender:
        await sender.send_and_wait(name, value, key=b"k" * 200, headers=headers)  # type: ignore[no-untyped-call]  # aiokafka
    async with started(consumer(settings.kafka, name), settings.kafka) as reader:
        async with asyncio.timeout(20):
            record = await reader.getone()
    assert record.value == value


async def test_a_record_that_no_topic_takes_is_refused_before_it_is_sent(
    settings: Settings, topics: TopicReport
) -> None:
    name = Topics(settings.kafka.topic_prefix).dead_letters
    async with started(producer(settings.kafka), settings.kafka) as sender:
        with pytest.raises(MessageSizeTooLargeError):
            await sender.send(name, bytes(DEAD_LETTER_BYTES + 128 * 1024))  # type: ignore[no-untyped-call]  # aiokafka


@pytest.mark.parametrize("make", [producer, consumer, admin])
async def test_a_broker_that_is_away_is_one_line_with_address_and_setting(
    make: type,
) -> None:
    away = KafkaSettings(bootstrap=f"127.0.0.1:{free_port()}")
    with pytest.raises(KafkaError, match=rf"^no Kafka at {away.bootstrap} \(kafka\.bootstrap\).*$"):
        async with started(make(away), away):
            pass
