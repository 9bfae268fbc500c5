"""Taking a partition over: what is refused, what is mended, and that two owners never agree."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.records_to_delete import RecordsToDelete

from pipeline.core.updates import LedgerEntry, Loss
from pipeline.core.vocabulary import SLOTS
from pipeline.core.windows import HOUR
from pipeline.errors import CheckpointError, KafkaError
from pipeline.operate.topics import TopicReport
from pipeline.score.letters import Post
from pipeline.score.outbox import Letter, Outbox
from pipeline.score.pace import Pace
from pipeline.score.readers import Readers
from pipeline.score.restore import CheckpointStore
from pipeline.score.tenure import Tenure
from pipeline.score.transport import Place
from pipeline.settings import Settings
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.kafka import producer, started
from pipeline.wire.responses import ResponseDecoder
from pipeline.wire.topics import Topics
from tests.fixtures.scoring import (
    YEAR_MS,
    counted,
    eventually,
    ledger,
    now_ms,
    read,
    received,
    response,
    scoring,
    send,
    updates,
)

pytestmark = pytest.mark.broker


@pytest.fixture
async def outbox(settings: Settings, topics: TopicReport) -> AsyncIterator[Outbox]:
    async with started(producer(settings.kafka), settings.kafka) as client:
        yield Outbox(lambda: client)


def make_store(settings: Settings, outbox: Outbox, *, rebuild: bool = False) -> CheckpointStore:
    """A store as a worker has it."""
    readers = Readers(ResponseDecoder(), load_catalogue(settings.catalog))
    return CheckpointStore(settings.kafka, outbox, readers, rebuild=rebuild)


async def shorten(settings: Settings, client: AIOKafkaAdminClient, offset: int) -> None:
    """Remove the records of partition 0 below `offset`, as retention would."""
    tp = TopicPartition(Topics(settings.kafka.topic_prefix).responses, 0)
    await client.delete_records({tp: RecordsToDelete(before_offset=offset)})  # type: ignore[no-untyped-call]  # aiokafka


async def test_owners_that_claim_at_once_get_different_epochs(
    settings: Settings, outbox: Outbox
) -> None:
    stores = [make_store(settings, outbox) for _ in range(3)]
    taken = await asyncio.gather(*(store.restore([0, 1]) for store in stores))
    for partition in (0, 1):
        assert len({each[partition].writer.owner.epoch for each in taken}) == 3


async def test_a_log_that_lost_its_start_needs_a_checkpoint_or_an_explicit_rebuild(
    settings: Settings, outbox: Outbox, kafka_admin: AIOKafkaAdminClient
) -> None:
    await send(settings, [response() for _ in range(10)])
    await shorten(settings, kafka_admin, 4)
    with pytest.raises(CheckpointError, match=r"offset 4, not 0.*--rebuild-from-log-start"):
        await make_store(settings, outbox).restore([0])
    rebuilt = await make_store(settings, outbox, rebuild=True).restore([0])
    assert (rebuilt[0].state.start_offset, rebuilt[0].state.next_offset) == (4, 4)


async def test_records_that_expired_unread_are_counted_as_missing(
    settings: Settings, topics: TopicReport, kafka_admin: AIOKafkaAdminClient
) -> None:
    async with scoring(settings):
        await send(settings, [response() for _ in range(5)])
        await received(settings, 5)
    await send(settings, [response() for _ in range(10)])
    await shorten(settings, kafka_admin, 8)
    async with scoring(settings) as worker:
        await received(settings, 12)
        totals = worker._tenures[0].state.totals
    assert (totals.accepted, totals.missing, totals.marker) == (12, 3, 0)


async def shown(settings: Settings) -> set[int]:
    """Responses in the newest row of each window."""
    newest: dict[str, tuple[int, int, int]] = {}
    for update in await updates(settings):
        at = [name for name, _ in update.measures].index("response") * SLOTS
        for row in update.windows:
            found = (row.window_end, update.version, row.counts[at])
            newest[row.window] = max(newest.get(row.window, found), found)
    return {count for _, _, count in newest.values()}


@pytest.mark.parametrize("log_start", [4, 6, 8], ids=["some", "all", "more"])
async def test_what_a_killed_worker_had_told_of_records_that_expired_is_taken_back(
    settings: Settings,
    topics: TopicReport,
    kafka_admin: AIOKafkaAdminClient,
    monkeypatch: pytest.MonkeyPatch,
    log_start: int,
) -> None:
    async with scoring(settings):
        await send(settings, [response() for _ in range(2)])
        await received(settings, 2)
    earlier, late = now_ms() - 2 * HOUR, now_ms() - YEAR_MS
    with monkeypatch.context() as dying:
        dying.setattr(Tenure, "checkpoint", Tenure.emit)  # it dies before the next one
        async with scoring(settings):
            told = [response(), response(occurred_at=earlier), response(occurred_at=late)]
            await send(settings, [*told, b"garbage"])
            await received(settings, 6)
    assert await counted(settings) == 4
    await send(settings, [response() for _ in range(log_start - 6)])
    await shorten(settings, kafka_admin, log_start)
    async with scoring(settings):
        await send(settings, [response()])
        end = max(log_start, 6) + 1

        async def ended() -> LedgerEntry | None:
            entry = (await ledger(settings))[0]
            return entry if entry.next_offset == end else None

        totals = (await eventually(ended)).totals
        assert (totals.accepted, totals.missing, totals.dead_letter) == (3, end - 3, 0)
    assert await counted(settings) == 3
    assert await shown(settings) == {3}
    hour = late // HOUR * HOUR
    before, after = (one.version for one in await updates(settings) if hour in one.repairs)
    assert before < after


async def test_who_slept_while_another_took_over_tells_nothing_of_what_that_one_judged(
    settings: Settings, outbox: Outbox, kafka_admin: AIOKafkaAdminClient
) -> None:
    """Neither what it had judged before, nor as missing what it finds gone."""
    await send(settings, [response(), b"garbage", *[response() for _ in range(3)]])
    store = make_store(settings, outbox)
    slept = (await store.restore([0]))[0]
    post = await Post.find(Topics(settings.kafka.topic_prefix), outbox)
    tenure = Tenure(slept, slept.reader, post, outbox, Pace(10))
    tenure.fold((await read(settings, "responses"))[:2])
    async with scoring(settings):
        await received(settings, 5)
    told = [await read(settings, name) for name in ("scores", "dead_letters", "checkpoints")]
    await shorten(settings, kafka_admin, 3)
    tenure.lose(await store.loss(tenure.state, 3))
    tenure.reached(Place(6, 6, 6))
    assert tenure.state.totals.missing == 3
    with pytest.raises(KafkaError, match=r"partition 0 offset 0: another worker took it over"):
        await tenure.checkpoint()
    totals = (await ledger(settings))[0].totals
    assert (totals.received, totals.missing) == (5, 0)
    assert told == [
        await read(settings, name) for name in ("scores", "dead_letters", "checkpoints")
    ]


async def test_scores_or_a_ledger_narrower_than_the_responses_are_named(
    settings: Settings, outbox: Outbox, kafka_admin: AIOKafkaAdminClient
) -> None:
    topics = Topics(settings.kafka.topic_prefix)
    wider = NewPartitions(settings.kafka.partitions + 1)  # type: ignore[no-untyped-call]  # aiokafka
    for widened, narrow in ((topics.responses, topics.ledger), (topics.ledger, topics.scores)):
        await kafka_admin.create_partitions({widened: wider})
        async with started(producer(settings.kafka), settings.kafka) as client:
            with pytest.raises(KafkaError, match=f"{narrow} has fewer partitions than"):
                await Post.find(topics, Outbox(lambda: client))


async def test_checkpoints_that_cannot_be_read_stop_the_worker_unless_it_may_rebuild(
    settings: Settings, outbox: Outbox
) -> None:
    async with scoring(settings):
        await send(settings, [response()])
        await received(settings, 1)
    topic = Topics(settings.kafka.topic_prefix).checkpoints
    damaged = [r for r in await read(settings, "checkpoints") if b"/0000" in (r.key or b"")]
    await outbox.post(Letter(topic, r.partition, r.key or b"", b"damaged") for r in damaged)
    with pytest.raises(CheckpointError, match=r"none can be read.*--rebuild-from-log-start"):
        await make_store(settings, outbox).restore([0])
    rebuilt = await make_store(settings, outbox, rebuild=True).restore([0])
    assert rebuilt[0].state.next_offset == 0


async def test_a_checkpoint_beyond_the_end_of_the_log_means_another_topic(
    settings: Settings, outbox: Outbox, kafka_admin: AIOKafkaAdminClient
) -> None:
    restored = (await make_store(settings, outbox).restore([0]))[0]
    restored.state.lose(Loss(50))  # as if 50 records had been folded
    restored.state.emit(0, windows=False)
    await restored.writer.write(restored.state.cut(True))
    with pytest.raises(CheckpointError, match=r"log ends at 0, below 50: .*re-created"):
        await make_store(settings, outbox).restore([0])


async def test_two_complete_chains_stay_and_older_ones_go(
    settings: Settings, outbox: Outbox
) -> None:
    for _ in range(4):
        restored = (await make_store(settings, outbox).restore([0]))[0]
        restored.state.emit(0, windows=False)
        await restored.writer.write(restored.state.cut(True))
    live = {r.key: r.value for r in await read(settings, "checkpoints")}
    manifests = {key for key, value in live.items() if value and b"manifest" in (key or b"")}
    assert {key.split(b"/")[0] for key in manifests if key} == {b"00000003", b"00000004"}


async def test_a_damaged_checkpoint_is_named_and_the_one_before_it_is_used(
    settings: Settings, outbox: Outbox, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2):
        async with scoring(settings):
            await send(settings, [response()])
            await received(settings, number)
    topic = Topics(settings.kafka.topic_prefix).checkpoints
    segments = [
        r
        for r in await read(settings, "checkpoints")
        if r.partition == 0 and re.fullmatch(rb"00000002/\w+/[0-9a-f]{8}/\d+", r.key or b"")
    ]
    await outbox.post(Letter(topic, 0, r.key or b"", (r.value or b"")[:-1]) for r in segments)
    capsys.readouterr()
    restored = await make_store(settings, outbox).restore([0])
    assert restored[0].state.next_offset == 1
    (line, *_) = [one for one in capsys.readouterr().out.splitlines() if "passed over" in one]
    for told in ("partition=0", "epoch=2", "owner=", "offset=2", "missing or damaged"):
        assert told in line


async def test_an_idle_partition_writes_no_checkpoint(
    settings: Settings, topics: TopicReport
) -> None:
    often = settings.score.model_copy(update={"checkpoint_seconds": 0.1})
    async with scoring(settings.model_copy(update={"score": often})):
        await send(settings, [response()])
        await received(settings, 1)
        await asyncio.sleep(0.5)
        written = len(await read(settings, "checkpoints"))
        await asyncio.sleep(1.0)
        assert len(await read(settings, "checkpoints")) == written
