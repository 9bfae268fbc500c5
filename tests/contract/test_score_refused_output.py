"""Output that Kafka does not take ends the worker: no result of a send is passed over."""

from __future__ import annotations

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from pipeline.core.updates import GENERATION_SHIFT
from pipeline.errors import KafkaError
from pipeline.operate.topics import TopicReport
from pipeline.settings import Settings
from pipeline.wire.dead_letters import read_dead_letter
from pipeline.wire.topics import Topics, topic_specs
from tests.fixtures.scoring import (
    counted,
    eventually,
    ledger,
    read,
    received,
    response,
    scoring,
    send,
    until,
    updates,
)

pytestmark = pytest.mark.broker

OFFSET = (1 << GENERATION_SHIFT) - 1
"""The part of a version that is an offset."""

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


async def assert_entered_before_told(settings: Settings) -> None:
    """Nothing was told of records that the ledger does not account for."""
    entries = await ledger(settings)
    reach = entries[0].next_offset if entries else 0
    assert all(update.version & OFFSET <= reach for update in await updates(settings))
    letters = [read_dead_letter(r.value, r.headers) for r in await read(settings, "dead_letters")]
    assert all(letter.offset < reach for letter in letters)


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
    await assert_entered_before_told(settings)
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
