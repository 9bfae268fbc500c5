"""Taking a partition over: what is refused, what is mended, and that two owners never agree."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.records_to_delete import RecordsToDelete

from pipeline.core.updates import Loss, ScoreUpdate
from pipeline.core.vocabulary import SLOTS
from pipeline.core.windows import HOUR
from pipeline.errors import CheckpointError, KafkaError
from pipeline.operate.topics import TopicReport, ensure_topics
from pipeline.score.letters import Post
from pipeline.score.outbox import Letter, Outbox
from pipeline.score.pace import Pace
from pipeline.score.readers import Readers
from pipeline.score.restore import CheckpointStore
from pipeline.score.tenure import Tenure
from pipeline.score.transport import Place
from pipeline.score.worker import ScoreWorker
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
    outcomes,
    read,
    received,
    response,
    scoring,
    send,
    updates,
)
from tests.fixtures.storing import ends, folded

pytestmark = pytest.mark.broker


@pytest.fixture
async def outbox(settings: Settings, topics: TopicReport) -> AsyncIterator[Outbox]:
    async with started(producer(settings.kafka), settings.kafka) as client:
        yield Outbox(lambda: client)


def make_store(settings: Settings, outbox: Outbox, *, rebuild: bool = False) -> CheckpointStore:
    """A store as a worker has it."""
    readers = Readers(ResponseDecoder(), load_catalogue(settings.catalog))
    return CheckpointStore(settings.kafka, outbox, readers, rebuild=rebuild)


async def shorten(
    settings: Settings, client: AIOKafkaAdminClient, offset: int, partition: int = 0
) -> None:
    """Remove the records of a partition below `offset`, as retention would."""
    tp = TopicPartition(Topics(settings.kafka.topic_prefix).responses, partition)
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
    async with scoring(settings) as worker:
        await send(settings, [response() for _ in range(5)])
        await folded(settings, worker)
    assert (await outcomes(settings))["received"] == 5
    await send(settings, [response() for _ in range(10)])
    await shorten(settings, kafka_admin, 8)
    async with scoring(settings) as worker:
        await folded(settings, worker)
        totals = worker._tenures[0].state.totals
    assert (await outcomes(settings))["received"] == 12
    assert (totals.accepted, totals.missing, totals.marker) == (12, 3, 0)


def shown(told: list[ScoreUpdate]) -> set[int]:
    """Responses in the newest row of each window."""
    newest: dict[str, tuple[int, int, int]] = {}
    for update in told:
        at = [name for name, _ in update.measures].index("response") * SLOTS
        for row in update.windows:
            found = (row.window_end, update.version, row.counts[at])
            newest[row.window] = max(newest.get(row.window, found), found)
    return {count for _, _, count in newest.values()}


async def all_told(settings: Settings, worker: ScoreWorker) -> None:
    """Wait until the ledger has come as far as the log."""
    await folded(settings, worker)
    goals = {tp.partition: end for tp, end in (await ends(settings, ["responses"])).items()}

    async def done() -> bool | None:
        at = {partition: entry.next_offset for partition, entry in (await ledger(settings)).items()}
        return True if at == goals else None

    await eventually(done)


LOG_STARTS = (4, 6, 8)
"""Of what a killed worker had told (6 records) some expires, all of it, and more than that."""


async def test_what_a_killed_worker_had_told_of_records_that_expired_is_taken_back(
    settings: Settings, kafka_admin: AIOKafkaAdminClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Partition by partition, for each of `LOG_STARTS`."""
    kafka = settings.kafka.model_copy(update={"partitions": len(LOG_STARTS)})
    settings = settings.model_copy(update={"kafka": kafka})
    await ensure_topics(settings)
    partitions = range(len(LOG_STARTS))
    async with scoring(settings) as worker:
        for partition in partitions:
            await send(settings, [response() for _ in range(2)], partition)
        await all_told(settings, worker)
    late = now_ms() - YEAR_MS
    with monkeypatch.context() as dying:
        dying.setattr(Tenure, "checkpoint", Tenure.emit)  # it dies before the next one
        async with scoring(settings) as worker:
            told = [response(occurred_at=now_ms() - 2 * HOUR), response(occurred_at=late)]
            for partition in partitions:
                await send(settings, [response(), *told, b"garbage"], partition)
            await all_told(settings, worker)
    assert await counted(settings) == 4 * len(LOG_STARTS)
    for partition, log_start in enumerate(LOG_STARTS):
        await send(settings, [response() for _ in range(log_start - 6)], partition)
        await shorten(settings, kafka_admin, log_start, partition)
    async with scoring(settings) as worker:
        for partition in partitions:
            await send(settings, [response()], partition)
        await all_told(settings, worker)
    assert await counted(settings) == 3 * len(LOG_STARTS)
    for partition, log_start in enumerate(LOG_STARTS):
        await took_back(settings, partition, max(log_start, 6) + 1, late // HOUR * HOUR)


async def took_back(settings: Settings, partition: int, end: int, hour: int) -> None:
    """Of `end` records three count, and the late one in `hour` was told and taken back."""
    entry = (await ledger(settings))[partition]
    assert entry.next_offset == end
    totals = entry.totals
    assert (totals.accepted, totals.missing, totals.dead_letter) == (3, end - 3, 0)
    told = [one for one in await updates(settings) if one.partition == partition]
    assert shown(told) == {3}
    before, after = (one.version for one in told if hour in one.repairs)
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
    async with scoring(settings) as worker:
        await folded(settings, worker)
    assert (await outcomes(settings))["received"] == 5
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

    async def refusal() -> str | None:
        """Of one who comes now; brokers hear of new partitions a moment later."""
        async with started(producer(settings.kafka), settings.kafka) as client:
            try:
                await Post.find(topics, Outbox(lambda: client))
            except KafkaError as error:
                return str(error) if narrow in str(error) else None
        return None

    wider = NewPartitions(settings.kafka.partitions + 1)  # type: ignore[no-untyped-call]  # aiokafka
    for widened, narrow in ((topics.responses, topics.ledger), (topics.ledger, topics.scores)):
        await kafka_admin.create_partitions({widened: wider})
        assert f"{narrow} has fewer partitions than" in await eventually(refusal)


async def test_checkpoints_that_cannot_be_read_stop_the_worker_unless_it_may_rebuild(
    settings: Settings, outbox: Outbox
) -> None:
    async with scoring(settings) as worker:
        await send(settings, [response()])
        await folded(settings, worker)
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
    for _ in range(2):
        async with scoring(settings) as worker:
            await send(settings, [response()])
            await folded(settings, worker)
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
