"""Producers that use transactions: what they take back never counts, and marks hide nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer

from pipeline.errors import KafkaError
from pipeline.metrics import SINK_LAG_RECORDS
from pipeline.observe import Health
from pipeline.operate import originals
from pipeline.operate.topic_scan import Record, scan
from pipeline.score import health
from pipeline.settings import KafkaSettings, Settings
from pipeline.wire.kafka import producer, started
from tests.fixtures.scoring import KEY, ledger, outcomes, response, scoring, until
from tests.fixtures.sink import Pipe, piping

pytestmark = [pytest.mark.broker, pytest.mark.engine]

GARBAGE = b"no survey response"


@pytest.fixture
async def pipe(kafka_settings: KafkaSettings, clickhouse: str, tables: str) -> AsyncIterator[Pipe]:
    """Topics, tables, and the way into them."""
    async with piping(kafka_settings, clickhouse, tables) as made:
        yield made


class Bank:
    """A producer that sends to partition 0 in transactions."""

    def __init__(self, client: AIOKafkaProducer, topic: str) -> None:
        self._client = client
        self._topic = topic

    async def open(self, values: Sequence[bytes]) -> None:
        await self._client.begin_transaction()  # type: ignore[no-untyped-call]  # aiokafka
        for value in values:
            await self._client.send_and_wait(self._topic, value, KEY, 0)  # type: ignore[no-untyped-call]  # aiokafka

    async def commit(self, *values: bytes) -> None:
        await self.open(values)
        await self._client.commit_transaction()  # type: ignore[no-untyped-call]  # aiokafka

    async def abort(self, *values: bytes) -> None:
        await self.open(values)
        await self._client.abort_transaction()  # type: ignore[no-untyped-call]  # aiokafka

    async def finish(self) -> None:
        await self._client.commit_transaction()  # type: ignore[no-untyped-call]  # aiokafka


@asynccontextmanager
async def bank(pipe: Pipe) -> AsyncIterator[Bank]:
    kafka = pipe.settings.kafka
    client = producer(kafka, transactional_id=kafka.topic_prefix)
    async with started(client, kafka):
        yield Bank(client, pipe.topics.responses)


async def told(settings: Settings, offset: int) -> None:
    """Wait until the ledger reaches this offset."""

    async def reached() -> bool:
        entries = await ledger(settings)
        return 0 in entries and entries[0].next_offset >= offset

    while not await reached():
        pass


def at(found: Health) -> dict[str, object]:
    """Where partition 0 is; how long ago its last checkpoint was is another matter."""
    partitions = found.facts["partitions"]
    assert isinstance(partitions, dict)
    facts = partitions.get(0, {})  # it may still be taking it over
    return {name: facts[name] for name in ("lag", "at") if name in facts}


async def test_the_scorer_counts_what_was_committed_and_waits_for_no_mark(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "STUCK_SECONDS", 0.5)
    settings = pipe.settings
    async with bank(pipe) as sender, scoring(settings) as worker:
        await sender.commit(*(response() for _ in range(3)))  # 0 to 2, mark 3
        await sender.abort(response(), GARBAGE, response())  # 4 to 6, mark 7
        await sender.commit(response())  # 8, mark 9
        await told(settings, 10)
        await sender.abort(response())  # 10, mark 11: nothing follows
        await told(settings, 12)
        assert at(worker.health()) == {"lag": 0, "at": 12}
        await sender.open([response() for _ in range(5)])  # 12 to 16
        await pipe.send(pipe.topics.responses, response())  # 17, behind the open transaction
        await until(lambda: worker._tenures[0].open_records == 6)
        assert at(worker.health()) == {"lag": 0, "at": 12}
        await sender.finish()  # mark 18
        await told(settings, 19)
        found = worker.health()
        assert found.good, found.reasons
        assert worker._tenures[0].open_records == 0
    assert await outcomes(settings) == {
        "received": 10, "accepted": 10, "dead_letter": 0, "duplicate": 0, "late": 0, "retraction": 0
    }  # fmt: skip
    entry = (await ledger(settings))[0]
    assert (entry.next_offset, entry.totals.marker, entry.totals.missing) == (19, 9, 0)
    async with scoring(settings) as worker:
        await until(lambda: at(worker.health()) == {"lag": 0, "at": 19})


async def test_the_sink_stores_what_was_committed_and_waits_for_no_mark(pipe: Pipe) -> None:
    async with bank(pipe) as sender, pipe.sinking() as sink:
        await sender.commit(response(), response())
        await sender.abort(response(), GARBAGE)
        await sender.commit(response())
        await sender.abort(response())
        query = "SELECT offset FROM responses ORDER BY offset"
        await pipe.wait_for(query, [(0,), (1,), (6,)])
        progress = (
            "SELECT max(next_offset) FROM sink_progress "
            f"WHERE topic = '{pipe.topics.responses}' AND partition = 0"
        )
        await pipe.wait_for(progress, [(10,)])
        lag = SINK_LAG_RECORDS.labels(pipe.topics.responses)
        await until(lambda: lag._value.get() == 0)
        assert sink.health().good
    read: list[Record] = []
    heard: list[tuple[int, int]] = []
    await scan(pipe.settings, pipe.topics.responses, read.append, lambda *at: heard.append(at))
    assert [record.offset for record in read] == [0, 1, 6]
    assert heard[-1] == (10, 10)


async def test_a_record_that_does_not_come_is_an_error_and_not_one_that_expired(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(originals, "FETCH_MS", 300)
    topic = pipe.topics.responses
    async with bank(pipe) as sender:
        await sender.commit(response())
    async with originals.opened(pipe.settings) as log:
        assert await log.fetch(topic, 0, 7, at=0) is None  # beyond the end
        # Behind the response there is only the mark of its transaction, which no reader is given.
        with pytest.raises(KafkaError, match="partition 0 offset 1: nothing came"):
            await log.fetch(topic, 0, 1, at=0)
