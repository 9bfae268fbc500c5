"""The clients of `wire.kafka` against the real broker: limits that match, failures in one line."""

from __future__ import annotations

import asyncio
import gc
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from unittest.mock import patch

import pytest
from aiokafka.conn import AIOKafkaConnection
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


def counting(kafka: KafkaSettings, make: Callable[[KafkaSettings], Any]) -> Any:
    """A client whose connections are told from those of all other tests."""
    client = make(kafka)
    inner = getattr(client, "client", None) or client._client
    inner._client_id = kafka.topic_prefix
    return client


@contextmanager
def nothing_unclosed() -> Iterator[None]:
    """Fails when a connection goes that nobody has closed."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        yield
        gc.collect()
    assert [str(one.message) for one in told if "Unclosed" in str(one.message)] == []


@pytest.mark.parametrize("make", [producer, consumer, admin])
async def test_a_client_that_is_cancelled_at_any_request_of_its_start_leaves_no_connection(
    kafka_settings: KafkaSettings, make: Callable[[KafkaSettings], Any]
) -> None:
    entered: list[int] = []
    send = AIOKafkaConnection.send

    async def use(request: int) -> None:
        async with started(counting(kafka_settings, make), kafka_settings):
            entered.append(request)

    async def cancel_at(request: int) -> None:
        sent = count(1)

        def cancel(self: Any, *args: Any, **options: Any) -> Any:
            if self._client_id == kafka_settings.topic_prefix and next(sent) == request:
                task.cancel()
            return send(self, *args, **options)  # type: ignore[no-untyped-call]  # aiokafka

        with patch.object(AIOKafkaConnection, "send", cancel):
            task = asyncio.create_task(use(request))
            await asyncio.wait([task])

    for request in count(1):
        with nothing_unclosed():
            await cancel_at(request)
        if entered:
            break
    assert entered[0] > 2


async def test_a_consumer_that_stops_while_a_failed_fetch_waits_leaves_no_connection(
    settings: Settings, topics: TopicReport
) -> None:
    kafka = settings.kafka
    reader = consumer(kafka, Topics(kafka.topic_prefix).responses, retry_backoff_ms=60_000)
    async with started(reader, kafka):
        await reader.getmany(timeout_ms=200)
        for connection in list(reader._client._conns.values()):
            connection.close()
        await reader.topics()  # type: ignore[no-untyped-call]  # by a new connection
        left = list(reader._client._conns.values())
        assert any(one.connected() for one in left)
    assert not any(one.connected() for one in left)
