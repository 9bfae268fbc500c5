"""The client on the real broker: what it sends, what it refuses, and what it accounts for."""

from __future__ import annotations

import asyncio
import time
import uuid

import pytest

from pipeline.emit.blocking import BlockingEmitter
from pipeline.emit.client import Emitter, Report
from pipeline.emit.record import SurveyResponse
from pipeline.emit.refusal import ResponseRefusedError
from pipeline.errors import KafkaError
from pipeline.operate.topics import TopicReport
from pipeline.settings import KafkaSettings, Settings
from pipeline.wire.kafka import partition_for
from tests.fixtures.emitted import read_emitted

pytestmark = pytest.mark.broker


def response(number: int = 0, channel: str = "email", **changes: object) -> SurveyResponse:
    fields: dict[str, object] = {
        "event_id": uuid.UUID(int=number),
        "occurred_at": time.time_ns() // 1_000_000,
        "agency": "va",
        "service": "va-vha",
        "channel": channel,
        "survey": "va-vha-post-visit",
        "answers": {"trust": 1 + number % 5},
    }
    return SurveyResponse.model_validate(fields | changes)


async def test_what_is_sent_arrives_keyed_and_in_order(
    settings: Settings, topics: TopicReport
) -> None:
    channels = ("email", "phone", "in_person")
    sent = [response(i, channels[i % 3]) for i in range(3000)]
    async with Emitter(settings) as emitter:
        for one in sent:
            await emitter.send(one)
        report = await emitter.flush()
    assert report == Report(sent=3000)
    found = await read_emitted(settings)
    for channel in channels:
        key = f"va/va-vha/{channel}".encode()
        ours = [e for e in found if e.key == key]
        assert [e.record for e in ours] == [r.record() for r in sent if r.channel == channel]
        assert {e.partition for e in ours} == {partition_for(key, settings.kafka.partitions)}
    assert len(found) == 3000


async def test_an_alias_is_keyed_by_its_code(settings: Settings, topics: TopicReport) -> None:
    tax = {"service": "treas-irs", "survey": "treas-irs-taxpayer"}
    async with Emitter(settings) as emitter:
        await emitter.send(response(1, "phone", agency="usdt", **tax))
        await emitter.send(response(2, "phone", agency="treas", **tax))
    assert {e.key for e in await read_emitted(settings)} == {b"treas/treas-irs/phone"}


async def test_a_refused_response_is_not_sent_and_is_counted(
    settings: Settings, topics: TopicReport
) -> None:
    async with Emitter(settings) as emitter:
        for bad in (response(1, answers={"trust": 9}), {"event_id": "x"}, response(1, "pigeon")):
            with pytest.raises(ResponseRefusedError):
                await emitter.send(bad)
        await emitter.send(response(2))
        report = await emitter.flush()
    refused = {"value_out_of_scale": 1, "missing": 1, "unknown_channel": 1}
    assert report == Report(sent=1, refused=refused)
    assert len(await read_emitted(settings)) == 1


async def test_a_retraction_follows_its_response_to_the_same_partition(
    settings: Settings, topics: TopicReport
) -> None:
    async with Emitter(settings) as emitter:
        await emitter.send(response(5))
        await emitter.retract(response(5))
    first, second = await read_emitted(settings)
    assert first.partition == second.partition
    assert isinstance(second.record, dict)
    assert second.record["retracted"] is True


async def test_a_response_goes_out_without_a_flush(settings: Settings, topics: TopicReport) -> None:
    async with Emitter(settings) as emitter:
        await emitter.send(response(7))
        async with asyncio.timeout(10):
            while not await read_emitted(settings):
                assert emitter.report().failed == 0


async def test_the_blocking_client_sends_the_same(settings: Settings, topics: TopicReport) -> None:
    def work() -> Report:
        with BlockingEmitter(settings) as emitter:
            emitter.send(response(1))
            emitter.retract(response(1))
            emitter.send_all([response(i) for i in range(2, 50)] + [response(50, "pigeon")])
            return emitter.flush()

    assert await asyncio.to_thread(work) == Report(sent=50, refused={"unknown_channel": 1})
    assert len(await read_emitted(settings)) == 50


async def test_without_broker_or_topic_opening_says_what_to_do(settings: Settings) -> None:
    nowhere = Settings(kafka=KafkaSettings(bootstrap="127.0.0.1:1"))
    with pytest.raises(KafkaError, match="no Kafka at"):
        async with Emitter(nowhere):
            pass
    with pytest.raises(KafkaError, match="cxpulse topics"):
        async with Emitter(settings):
            pass
