"""Output that Kafka does not take ends the worker: no result of a send is passed over."""

from __future__ import annotations

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from pipeline.errors import KafkaError
from pipeline.operate.topics import TopicReport
from pipeline.settings import Settings
from pipeline.wire.topics import Topics, topic_specs
from tests.fixtures.scoring import (
    counted,
    eventually,
    read,
    received,
    response,
    scoring,
    send,
    until,
)

pytestmark = pytest.mark.broker

ROUND = 6
"""Of each six records one is a dead letter."""


async def take_none(admin: AIOKafkaAdminClient, topic: str) -> None:
    """From soon on the broker refuses what is sent to this topic."""
    await _alter(admin, topic, {"max.message.bytes": "10"})


async def take_all(settings: Settings, admin: AIOKafkaAdminClient, topic: str) -> None:
    (spec,) = [spec for spec in topic_specs(settings.kafka) if spec.name == topic]
    await _alter(admin, topic, dict(spec.config))


async def _alter(admin: AIOKafkaAdminClient, topic: str, config: dict[str, str]) -> None:
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, config)])  # type: ignore[no-untyped-call]  # aiokafka


@pytest.mark.parametrize("refused", ["ledger", "scores", "dead_letters", "checkpoints"])
async def test_a_refused_record_ends_the_worker_and_the_next_one_makes_it_good(
    settings: Settings, topics: TopicReport, kafka_admin: AIOKafkaAdminClient, refused: str
) -> None:
    topic: str = getattr(Topics(settings.kafka.topic_prefix), refused)
    sent = 0
    with pytest.raises(KafkaError, match="not acknowledged"):
        async with scoring(settings) as worker:
            await until(lambda: worker.health().facts["assigned"])
            await take_none(kafka_admin, topic)

            async def ended() -> bool | None:
                """The broker acknowledges the change before it follows it."""
                nonlocal sent
                await send(settings, [b"garbage", *(response() for _ in range(ROUND - 1))])
                sent += ROUND
                return True if worker.failure else None

            await eventually(ended)
    if refused == "ledger":
        told = [record.value for record in await read(settings, "ledger")]
        if not told:  # then nobody has been told anything else either
            assert await read(settings, "scores") == []
            assert await read(settings, "dead_letters") == []
    await take_all(settings, kafka_admin, topic)

    async def accounted() -> bool | None:
        try:
            async with scoring(settings):
                total = await received(settings, sent)
        except KafkaError:
            return None  # the broker does not follow that change yet
        assert (total["dead_letter"], total["accepted"]) == (sent // ROUND, sent - sent // ROUND)
        return True

    await eventually(accounted)
    assert await counted(settings) == sent - sent // ROUND
    letters = {record.key for record in await read(settings, "dead_letters")}
    assert len(letters) == sent // ROUND
