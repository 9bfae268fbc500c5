"""Records that expire in Kafka before the sink reads them are told, and lower no pane."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from pipeline.metrics import SINK_EXPIRED
from pipeline.operate.rebuild.run import Rebuilt, rebuild
from pipeline.operate.reconcile.run import reconcile
from pipeline.settings import KafkaSettings
from tests.fixtures.scoring import read, received, scoring
from tests.fixtures.sink import HOUR, Pipe, event, piping
from tests.fixtures.storing import stored

pytestmark = [pytest.mark.broker, pytest.mark.engine]

BOTH = (0, 1)
ALL_STORED = (
    "SELECT max(next_offset) FROM sink_progress WHERE topic LIKE '%responses' GROUP BY partition"
)
PANES = (
    "SELECT toUnixTimestamp(hour) * 1000, counts[1] FROM score_panes FINAL "
    "WHERE measure = 'response' ORDER BY hour"
)
HOUR_MS = 3_600_000
EARLIER = HOUR - HOUR_MS
LATER = HOUR + 40 * 24 * HOUR_MS
"""So much later all of `HOUR` is late."""


@pytest.fixture
async def pipe(kafka_settings: KafkaSettings, clickhouse: str, tables: str) -> AsyncIterator[Pipe]:
    async with piping(kafka_settings, clickhouse, tables) as made:
        yield made


async def expire(client: AIOKafkaAdminClient, topic: str, start: int, partition: int = 0) -> None:
    tp = TopicPartition(topic, partition)
    await client.delete_records({tp: RecordsToDelete(before_offset=start)})  # type: ignore[no-untyped-call]  # aiokafka


def told(topic: str) -> float:
    value: float = SINK_EXPIRED.labels(topic)._value.get()
    return value


async def test_raw_rows_that_expired_unread_are_named_and_counted(
    pipe: Pipe, kafka_admin: AIOKafkaAdminClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """In partition 0 some of those unread, in 1 all of them."""
    async with pipe.sinking():
        for number in range(6):
            await pipe.respond(event(number), number % 2)
        await pipe.wait_for(ALL_STORED, [(3,)] * 2)
    for number in range(6, 16):
        await pipe.respond(event(number), number % 2)
    log_starts = {0: 6, 1: 8}
    for partition, log_start in log_starts.items():
        await expire(kafka_admin, pipe.topics.responses, log_start, partition)
    capsys.readouterr()
    async with pipe.sinking():
        await pipe.wait_for(ALL_STORED, [(8,)] * 2)
    assert told(pipe.topics.responses) == 3 + 5
    lines = [one for one in capsys.readouterr().out.splitlines() if "raw rows expired" in one]
    assert len(lines) == 2
    for partition, lost in ((0, 3), (1, 5)):
        (line,) = [one for one in lines if f"partition={partition}" in one]
        for said in ("offset=3", f"records={lost}"):
            assert said in line
    kept = "SELECT partition, count() FROM responses GROUP BY partition ORDER BY partition"
    assert pipe.rows(kept) == [(0, 5), (1, 3)]
    assert pipe.rows(
        "SELECT partition, from_offset, next_offset FROM unstored ORDER BY partition"
    ) == [(partition, 3, log_start) for partition, log_start in log_starts.items()]


async def test_no_recount_lowers_a_pane_whose_raw_rows_expired(
    pipe: Pipe, kafka_admin: AIOKafkaAdminClient
) -> None:
    """In partition 0 a sink notices, in 1 a rebuild that comes before any sink."""
    before: list[tuple[object, ...]] = [(HOUR, 3), (HOUR, 3), (LATER, 1), (LATER, 1)]
    after = [(EARLIER, 1), (EARLIER, 1), *before]
    async with scoring(pipe.settings):
        async with pipe.sinking():
            for partition in BOTH:
                await pipe.respond(event(partition), partition)
            await pipe.wait_for(PANES, [(HOUR, 1)] * 2)
            await pipe.wait_for(ALL_STORED, [(1,)] * 2)
        await expire_unread(pipe, kafka_admin, 1, judged=4)
        (hole,) = (await rebuilt(pipe)).lacking
        assert hole[:3] == (1, 1, 3)
        await expire_unread(pipe, kafka_admin, 0, judged=6)
        async with pipe.sinking():
            for partition in BOTH:
                await pipe.respond(event(6 + partition), partition, occurred_at=LATER)
            await pipe.wait_for(PANES, before)
            for partition in BOTH:  # late, and so are the next
                await pipe.respond(event(8 + partition), partition)
                await pipe.respond(event(10 + partition), partition, occurred_at=EARLIER)
            await pipe.wait_for(PANES, after)
            report = await reconcile(pipe.settings, 20.0, repair=True)
    assert report.differences == ()
    for partition, line in zip(BOTH, report.not_compared, strict=True):
        assert f"partition {partition} generation 1, offsets below 3 and hours before" in line
    again = await rebuilt(pipe)
    assert (again.broken, again.lacking) == ((), [])
    assert pipe.rows(PANES) == after


async def expire_unread(
    pipe: Pipe, kafka_admin: AIOKafkaAdminClient, partition: int, *, judged: int
) -> None:
    """Two more, which expire with all before them once `judged` records are judged in all."""
    for number in (2, 4):
        await pipe.respond(event(number + partition), partition)
    await received(pipe.settings, judged)
    await expire(kafka_admin, pipe.topics.responses, 3, partition)


async def rebuilt(pipe: Pipe) -> Rebuilt:
    return await rebuild(pipe.settings, lambda what: lambda done, total: None, asyncio.Event())


async def test_scores_that_expired_unread_are_named_and_mended_from_raw_rows(
    pipe: Pipe, kafka_admin: AIOKafkaAdminClient, capsys: pytest.CaptureFixture[str]
) -> None:
    async with scoring(pipe.settings):
        async with pipe.sinking():
            await pipe.respond(event(0))
            await pipe.wait_for(PANES, [(HOUR, 1)])
        await pipe.respond(event(1))
        await received(pipe.settings, 2)
    for record in await read(pipe.settings, "scores"):
        await expire(kafka_admin, pipe.topics.scores, record.offset + 1, record.partition)
    capsys.readouterr()
    async with pipe.sinking():
        await stored(pipe.settings)
        found = (await reconcile(pipe.settings, 0.0)).differences
        assert {str(one.kind) for one in found} == {"pane"}
        report = await reconcile(pipe.settings, 0.0, repair=True)
    assert (report.differences, report.not_compared) == ((), ())
    assert pipe.rows(PANES) == [(HOUR, 2)]
    assert "scores expired unread" in capsys.readouterr().out
    assert told(pipe.topics.scores) > 0
