"""A tenure and the worker around it at moments that a broker seldom brings about."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import RequestTimedOutError
from aiokafka.structs import ConsumerRecord

from pipeline.core.breaker import Limits
from pipeline.core.catalogue import Catalogue
from pipeline.core.partition import PartitionState
from pipeline.core.response import Validator
from pipeline.core.windows import MINUTE
from pipeline.errors import CatalogueError, KafkaError
from pipeline.score import restore
from pipeline.score.checkpoints import CheckpointWriter
from pipeline.score.folding import APPEND_TIME
from pipeline.score.ledger import Ledger
from pipeline.score.letters import Post
from pipeline.score.outbox import Outbox
from pipeline.score.pace import Pace
from pipeline.score.readers import Readers
from pipeline.score.restore import CheckpointStore, Restored
from pipeline.score.tenure import Tenure, this_minute
from pipeline.score.transport import Chunk, Place
from pipeline.score.worker import ScoreWorker
from pipeline.settings import Settings
from pipeline.wire.catalogue import make_catalogue
from pipeline.wire.manifests import Owner
from pipeline.wire.reading import ResponseReader
from pipeline.wire.responses import ResponseDecoder, encode_response
from pipeline.wire.topics import Topics
from tests.support.world import CATALOGUE, START, response

TOPICS = Topics("cx")
OTHER = make_catalogue(
    CATALOGUE.agencies.values(), CATALOGUE.services.values(), list(CATALOGUE.surveys.values())[:-1]
)


MOVED = make_catalogue(
    CATALOGUE.agencies.values(),
    CATALOGUE.services.values(),
    [replace(survey, service="va-vba") for survey in CATALOGUE.surveys.values()],
)


class Acknowledging:
    """A producer whose acknowledgements come once `open` is set, or else `error`. `offset` is where
    the next record of each topic will stand."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.asked = asyncio.Event()
        self.error: Exception | None = None
        self.sent: list[str] = []
        self.offset = 0

    async def send(self, topic: str, **_: object) -> asyncio.Task[Any]:
        offset = self.offset + self.sent.count(topic)
        self.sent.append(topic)
        self.asked.set()
        return asyncio.create_task(self._acknowledge(offset))

    async def _acknowledge(self, offset: int) -> SimpleNamespace:
        await self.open.wait()
        if self.error is not None:
            error, self.error = self.error, None  # the next one is acknowledged
            raise error
        return SimpleNamespace(offset=offset)


def reader(catalogue: Catalogue) -> ResponseReader:
    return ResponseReader(ResponseDecoder({}), Validator(catalogue))


def tenure_of(producer: Acknowledging, told_to: int = 0) -> Tenure:
    """A partition whose breaker three dead letters trip, and that is far behind at ten."""
    outbox = Outbox(lambda: producer)  # type: ignore[arg-type,return-value]
    ours = reader(CATALOGUE)
    restored = Restored(
        PartitionState(0, 1, 0, CATALOGUE, limits=Limits(3, 0.5, 60_000)),
        ours,
        CheckpointWriter(outbox, TOPICS.checkpoints, 0, Owner(1, "me"), CATALOGUE),
        log_end=10,
        cut_at=-1,
        ledger=Ledger(Settings().kafka, outbox, TOPICS.ledger, 0, 0),
        told_to=told_to,
    )
    tenure = Tenure(restored, ours, Post(TOPICS, 1), outbox, Pace(10))
    tenure.stamp = 1
    return tenure


def records(*values: bytes) -> list[ConsumerRecord[bytes, bytes]]:
    return [
        ConsumerRecord(
            topic=TOPICS.responses,
            partition=0,
            offset=offset,
            timestamp=START,
            timestamp_type=APPEND_TIME,
            key=b"",
            value=value,
            checksum=None,
            serialized_key_size=0,
            serialized_value_size=len(value),
            headers=(),
        )
        for offset, value in enumerate(values)
    ]


GARBAGE, GOOD = b"no survey response", encode_response(response())


async def test_a_chunk_whose_pause_was_lifted_while_a_checkpoint_waited_is_read_again() -> None:
    producer = Acknowledging()
    tenure = tenure_of(producer, told_to=5)
    worker = ScoreWorker(Settings(), CATALOGUE)
    worker._tenures = {0: tenure}
    tenure.adopt(reader(OTHER))
    chunk = Chunk(0, records(*[GARBAGE] * 5, *[GOOD] * 5), 1, Place(10, 10, 10))
    folding = asyncio.create_task(worker._folding.fold(tenure, chunk))
    await producer.asked.wait()
    assert tenure.paused_at == 3
    tenure.state.breaker.lift(3)
    worker.begin([0], 2)  # as the consumer does when it seeks back
    producer.open.set()
    await folding
    assert tenure.state.next_offset == 3
    assert tenure.state.totals.marker == 0


async def test_no_checkpoint_follows_what_could_not_be_told() -> None:
    producer = Acknowledging()
    tenure = tenure_of(producer)
    tenure.fold(records(GOOD))
    telling = asyncio.create_task(tenure.emit())
    await producer.asked.wait()
    cutting = asyncio.create_task(tenure.checkpoint())  # waits for its turn
    await asyncio.sleep(0)
    producer.error = RequestTimedOutError()
    producer.open.set()
    with pytest.raises(KafkaError):
        await telling
    await cutting
    assert TOPICS.checkpoints not in producer.sent


def told_before(monkeypatch: pytest.MonkeyPatch, told: bool) -> list[tuple[int, int]]:
    """Who looks into the ledger finds this; returns between which offsets they look."""
    looks: list[tuple[int, int]] = []

    async def told_between(_: Ledger, first: int, end: int) -> bool:
        looks.append((first, end))
        return told

    monkeypatch.setattr(Ledger, "told_between", told_between)
    return looks


@pytest.mark.parametrize("tell", [Tenure.emit, Tenure.checkpoint])
async def test_who_finds_that_another_has_told_something_meanwhile_tells_nothing_more(
    tell: Callable[[Tenure], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    between = told_before(monkeypatch, True)
    producer = Acknowledging()
    producer.open.set()
    tenure = tenure_of(producer)
    tenure.fold(records(GOOD, GARBAGE))
    producer.offset = 1  # the ledger ended at 0 when the partition was taken over
    with pytest.raises(KafkaError, match=r"cx\.ledger partition 0 offset 0: another worker"):
        await tell(tenure)
    assert producer.sent == [TOPICS.ledger]
    assert not tenure.alive
    assert between == [(0, 1)]


async def test_who_finds_only_void_entries_in_between_enters_its_own_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    between = told_before(monkeypatch, False)
    producer = Acknowledging()
    producer.open.set()
    tenure = tenure_of(producer)
    producer.offset = 2
    for number in (1, 2):
        tenure.fold(records(*[GOOD] * number))
        await tenure.emit()
    assert producer.sent.count(TOPICS.ledger) == 1 + 2
    assert between == [(0, 2)]
    producer.offset = -9  # known to Kafka, but not where
    tenure.fold(records(*[GOOD] * 3))
    with pytest.raises(KafkaError, match="offset 5: Kafka does not say that the entry is there"):
        await tenure.emit()


async def test_windows_slide_no_more_once_another_has_told_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What counts in them may have been taken back meanwhile, at the same offset."""
    told_before(monkeypatch, True)
    producer = Acknowledging()
    producer.open.set()
    tenure = tenure_of(producer)
    now = time.time_ns() // 1_000_000
    (record,) = records(encode_response(response(occurred_at=now)))
    tenure.fold([replace(record, timestamp=now)])
    await tenure.emit()
    later = (now + MINUTE) * 1_000_000
    monkeypatch.setattr(time, "time_ns", lambda: later)
    assert tenure.due()
    producer.offset = 1
    told = producer.sent.count(TOPICS.scores)
    with pytest.raises(KafkaError, match="another worker took it over"):
        await tenure.emit()
    assert producer.sent.count(TOPICS.scores) == told > 0


async def test_no_chain_of_checkpoints_begins_but_by_who_owns_the_ledger(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told_before(monkeypatch, True)
    producer = Acknowledging()
    producer.open.set()
    tenure = tenure_of(producer)
    tenure.fold(records(GOOD))
    await tenure.emit()
    tenure.adopt(reader(OTHER))
    producer.offset = 1
    with pytest.raises(KafkaError, match="another worker took it over"):
        await tenure.checkpoint()  # nothing new to tell, but by another catalogue
    assert TOPICS.checkpoints not in producer.sent


async def test_windows_of_a_paused_partition_slide_however_much_waits_behind_the_pause() -> None:
    producer = Acknowledging()
    producer.open.set()
    tenure = tenure_of(producer)
    tenure.fold(records(GOOD, *[GARBAGE] * 5))
    tenure.reached(Place(6, 100_000, 100_000))
    assert tenure.paused_at
    assert tenure.lag > tenure.pace.behind_records
    await tenure.emit()
    assert tenure.pace.told_minute in (this_minute(), this_minute() - 1)
    tenure.pace.told_minute -= 1  # a minute goes by
    assert tenure.due()


@pytest.mark.parametrize("paused", [False, True])
async def test_only_a_partition_that_goes_on_counts_as_far_behind(paused: bool) -> None:
    producer = Acknowledging()
    producer.open.set()
    tenure = tenure_of(producer)
    tenure.fold(records(GOOD, *[GARBAGE] * (5 if paused else 1)))
    tenure.reached(Place(2, 100_000, 100_000))
    await tenure.emit()
    assert tenure.pace.behind is not paused


async def test_what_was_told_beyond_the_log_end_that_was_seen_is_not_judged_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A zombie tells between our look at the log's end and our look at the ledger."""

    async def told_to(*_: object, **__: object) -> int:
        return 12

    monkeypatch.setattr(restore, "told_to", told_to)
    readers = Readers(ResponseDecoder({}), OTHER)
    outbox = Outbox(Acknowledging)  # type: ignore[arg-type]
    restored = Restored(
        PartitionState(0, 1, 0, CATALOGUE),
        readers.of(CATALOGUE),
        CheckpointWriter(outbox, TOPICS.checkpoints, 0, Owner(1, "me"), CATALOGUE),
        log_end=10,
        cut_at=3,
        ledger=Ledger(Settings().kafka, outbox, TOPICS.ledger, 0, 0),
    )
    store = CheckpointStore(Settings().kafka, outbox, readers)
    assert (await store._told(restored, 0)).told_to == 12


async def test_a_catalogue_that_moves_a_survey_ends_the_worker() -> None:
    tenure = tenure_of(Acknowledging())
    tenure.adopt(reader(MOVED))
    with pytest.raises(CatalogueError, match="give it a new id"):
        await tenure.checkpoint()
    assert tenure.state.catalogue is CATALOGUE
