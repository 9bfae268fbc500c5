"""A score worker on the real broker: what it tells, and what it remembers."""

from __future__ import annotations

import time

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from pipeline.errors import KafkaError
from pipeline.operate.topics import TopicReport
from pipeline.score.serve import serve
from pipeline.settings import Settings
from pipeline.wire.dead_letters import read_dead_letter
from pipeline.wire.kafka import producer, started
from pipeline.wire.topics import Topics
from tests.fixtures.scoring import (
    VHA,
    counted,
    eventually,
    now_ms,
    outcomes,
    read,
    received,
    response,
    scoring,
    send,
    until,
    updates,
)

pytestmark = pytest.mark.broker

CREATE_TIME = 0
"""The timestamp type of a record that has its producer's time."""


async def test_one_response_is_told_with_its_counts_in_pane_and_windows(
    settings: Settings, topics: TopicReport
) -> None:
    async with scoring(settings):
        await send(settings, [response(answers={"satisfaction": 4, "trust": 1})])
        await received(settings, 1)
    (update, *_) = [found for found in await updates(settings) if found.panes]
    assert update.group == VHA
    measures = [measure for measure, _ in update.measures]
    counts = update.panes[0].counts
    assert counts[measures.index("satisfaction") * 6 + 4] == 1
    assert counts[measures.index("trust") * 6 + 1] == 1
    assert sum(counts) == 3  # the two answers, and the response itself
    assert {row.window for row in update.windows} == {"1h", "24h", "7d", "28d"}
    assert all(row.counts == counts for row in update.windows)


async def test_bad_records_become_dead_letters_and_the_partition_goes_on(
    settings: Settings, topics: TopicReport
) -> None:
    bad = {
        "not_avro": b"not avro at all",
        "tombstone": None,
        "truncated": response()[:-3],
        "trailing_bytes": response() + b"!",
        "unknown_service": response(service="no-such-service"),
        "value_out_of_scale": response(answers={"trust": 9}),
        "occurred_in_future": response(occurred_at=now_ms() + 3_600_000),
    }
    async with scoring(settings):
        await send(settings, [response(), *bad.values(), response()])
        total = await received(settings, 2 + len(bad))
    assert (total["accepted"], total["dead_letter"]) == (2, len(bad))
    letters = [read_dead_letter(r.value, r.headers) for r in await read(settings, "dead_letters")]
    assert {letter.reason: letter.value for letter in letters} == bad
    assert [letter.offset for letter in letters] == list(range(1, 1 + len(bad)))


async def test_a_replayed_record_that_fails_again_counts_its_attempts(
    settings: Settings, topics: TopicReport
) -> None:
    async with scoring(settings):
        await send(settings, [b"not avro"], headers=[("attempt", b"2")])
        await received(settings, 1)
    (letter,) = [read_dead_letter(r.value, r.headers) for r in await read(settings, "dead_letters")]
    assert (letter.attempt, letter.value) == (2, b"not avro")


async def test_a_restart_goes_on_from_the_checkpoint_and_counts_nothing_twice(
    settings: Settings, topics: TopicReport
) -> None:
    first = [response() for _ in range(20)]
    async with scoring(settings):
        await send(settings, first)
        await received(settings, 20)
    told = len(await read(settings, "ledger"))
    async with scoring(settings):
        await send(settings, [*first, *(response() for _ in range(5))])
        total = await received(settings, 45)
    assert (total["accepted"], total["duplicate"]) == (25, 20)
    assert await counted(settings) == 25
    assert await counted(settings, "trust") == 25
    assert len(await read(settings, "ledger")) > told


async def test_a_stop_makes_a_last_cut_so_that_nothing_is_read_again(
    settings: Settings, topics: TopicReport
) -> None:
    async with scoring(settings) as worker:
        await send(settings, [response() for _ in range(10)], partition=1)
        await received(settings, 10)
        began = time.monotonic()
        worker.stop()
    assert time.monotonic() - began < 5
    async with scoring(settings) as worker:
        await until(lambda: worker.health().facts["partitions"])
        partitions = worker.health().facts["partitions"]
    assert partitions == {0: {"lag": 0, "at": 0}, 1: {"lag": 0, "at": 10}}
    assert (await outcomes(settings))["received"] == 10


async def test_records_with_a_producers_clock_are_refused(
    settings: Settings, topics: TopicReport, kafka_admin: AIOKafkaAdminClient
) -> None:
    name = Topics(settings.kafka.topic_prefix).responses
    await send(settings, [response()])  # of before the change: a chunk may begin with it
    change = {"message.timestamp.type": "CreateTime"}
    await kafka_admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, change)])  # type: ignore[no-untyped-call]  # aiokafka
    async with started(producer(settings.kafka), settings.kafka) as client:

        async def taken() -> bool | None:
            """The broker acknowledges the change before it follows it."""
            sent = await client.send_and_wait(name, response(), partition=0)  # type: ignore[no-untyped-call]  # aiokafka
            return True if sent.timestamp_type == CREATE_TIME else None

        await eventually(taken)
    with pytest.raises(KafkaError, match="LogAppendTime"):
        async with scoring(settings) as worker:
            await until(lambda: worker.failure)


async def test_missing_topics_are_named_at_start(settings: Settings) -> None:
    with pytest.raises(KafkaError, match=r"no topic t-.*`cxpulse topics` creates it"):
        await serve(settings)
