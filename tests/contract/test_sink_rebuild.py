"""`cxpulse sink --rebuild` on real parts: emptied tables are as before, as far as Kafka goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from pipeline.core.updates import LedgerEntry
from pipeline.errors import KafkaError, TransientStoreError
from pipeline.operate.rebuild import behind
from pipeline.operate.rebuild.run import rebuild
from pipeline.operate.reconcile.journals import Origin
from pipeline.operate.reconcile.run import reconcile
from pipeline.operate.replay.choice import Filters
from pipeline.operate.replay.reinsert import reinsert
from pipeline.operate.replay.run import choose
from pipeline.operate.topic_scan import Told
from pipeline.settings import KafkaSettings, Settings
from pipeline.sink.patience import Stopped
from pipeline.store.migrate import migrate
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.ledger import decode_entry
from tests.fixtures.command_line import cxpulse
from tests.fixtures.damaged import damage_checkpoints, read_again_from_the_start
from tests.fixtures.door import door
from tests.fixtures.reconciling import FLUSH_SECONDS, edited
from tests.fixtures.scoring import (
    YEAR_MS,
    every_outcome,
    now_ms,
    outcomes,
    read,
    received,
    response,
    scoring,
    send,
)
from tests.fixtures.sink import Pipe, piping
from tests.fixtures.storing import everywhere, folded, stored, traffic

pytestmark = [
    pytest.mark.broker,
    pytest.mark.engine,
    pytest.mark.usefixtures("looks_often"),
]

DATA = (
    *("responses", "outcomes", "gaps", "beginnings", "ledger", "score_panes", "rolling_scores"),
    *("dead_letters", "sink_progress", "horizons", "unstored"),
)
TOLD = (
    "SELECT measure, n, responses, counts FROM "
    "benchmark(from = '2018-01-01 00:00:00', to = '2100-01-01 00:00:00', min_n = 1) ORDER BY ALL",
    "SELECT window, measure, n FROM rolling_now ORDER BY window, measure",
    "SELECT partition, offset, answers, comment FROM responses_current ORDER BY partition, offset",
    "SELECT partition, offset, outcome, reason FROM outcomes FINAL ORDER BY partition, offset",
    "SELECT partition, offset, stage, reason FROM dead_letters FINAL ORDER BY partition, offset",
)


@pytest.fixture
async def pipe(kafka_settings: KafkaSettings, clickhouse: str, tables: str) -> AsyncIterator[Pipe]:
    async with piping(kafka_settings, clickhouse, tables, FLUSH_SECONDS) as made:
        yield made


def told(pipe: Pipe) -> list[list[tuple[object, ...]]]:
    return [pipe.rows(query) for query in TOLD]


def untold(what: str) -> Told:
    return lambda done, total: None


def empty(pipe: Pipe) -> None:
    for table in DATA:
        pipe.command(f"TRUNCATE TABLE {table}")


def run(settings: Settings) -> str:
    done = cxpulse(
        *("sink", "--rebuild"),
        KAFKA_BOOTSTRAP=settings.kafka.bootstrap,
        KAFKA_TOPIC_PREFIX=settings.kafka.topic_prefix,
        KAFKA_GROUP_PREFIX=settings.kafka.group_prefix,
        CLICKHOUSE_URL=settings.clickhouse.url,
        CLICKHOUSE_DATABASE=settings.clickhouse.database,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_emptied_tables_are_as_before_and_a_sink_goes_on_from_there(
    pipe: Pipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await traffic(pipe)
    before = told(pipe)
    assert all(before)
    empty(pipe)
    stopped = asyncio.Event()
    stopped.set()
    with pytest.raises(Stopped):
        await rebuild(pipe.settings, untold, stopped)
    await rebuilt_though_the_store_goes_away(pipe.settings)
    assert told(pipe) == before
    said = await asyncio.to_thread(run, pipe.settings)  # over full tables
    assert said.startswith("rebuilt from the beginning of the log")
    assert told(pipe) == before
    await beside_a_live_sink_and_live_traffic(pipe)
    await judged_anew(pipe, tmp_path, monkeypatch)


async def beside_a_live_sink_and_live_traffic(pipe: Pipe) -> None:
    """A sink goes on with new traffic, and so it does while it is all emptied and rebuilt again."""
    async with scoring(pipe.settings), pipe.sinking():
        await everywhere(pipe)
        await received(pipe.settings, 40)
        await stored(pipe.settings)
        assert (await reconcile(pipe.settings, 20.0)).differences == ()
        assert pipe.rows("SELECT count() FROM responses FINAL") == [(36,)]
        empty(pipe)

        begun = asyncio.Event()

        def tell(what: str) -> Told:
            begun.set()
            return lambda done, total: None

        async def go_on() -> None:
            await begun.wait()
            for _ in range(2):
                await everywhere(pipe)

        made, _ = await asyncio.gather(rebuild(pipe.settings, tell, asyncio.Event()), go_on())
        await stored(pipe.settings)
        report = await reconcile(pipe.settings, 20.0)
    assert (made.horizons, made.broken) == ((), ())
    assert (report.differences, report.judged) == ((), 80)
    assert pipe.rows("SELECT count() FROM responses FINAL") == [(72,)]


async def judged_anew(pipe: Pipe, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fold that begins again, by a catalogue that knows an agency more, accepts what was dead.
    Sinks that have yet to read what was told before are waited for, if there are any."""
    settings = edited(pipe.settings, folder, "agencies.yaml", lambda text: text.replace(*NOBODY, 1))
    await damage_checkpoints(settings)
    dead = "SELECT count() FROM outcomes FINAL WHERE reason = 'unknown_agency'"
    async with scoring(settings, rebuild=True) as worker, pipe.sinking():
        for partition in range(settings.kafka.partitions):
            await send(settings, [response()], partition)
        await folded(settings, worker)
        await pipe.wait_for("SELECT sum(next_offset = 41) FROM ledger FINAL", [(2,)])
        assert (await outcomes(settings))["accepted"] == 42
        assert {"outcomes"} <= {str(d.kind) for d in (await reconcile(settings, 0.0)).differences}
    assert pipe.rows(dead) == [(8,)]
    await read_again_from_the_start(settings)
    with (
        monkeypatch.context() as hasty,
        pytest.raises(KafkaError, match=r"sinks are at offset 0 of \d+, .*would bring back"),
    ):
        hasty.setattr(behind, "STANDSTILL_SECONDS", 0.0)
        await rebuild(settings, untold, asyncio.Event())
    async with pipe.sinking():
        await rebuild(settings, untold, asyncio.Event())
    assert pipe.rows(dead) == [(0,)]
    assert (await reconcile(settings, 0.0)).differences == ()
    assert pipe.rows("SELECT count() FROM responses_current WHERE survey != ''") == [(34,)]


NOBODY = ("{code: va, ", "{code: va, aliases: [nobody], ")


async def rebuilt_though_the_store_goes_away(settings: Settings) -> None:
    """ClickHouse is away for a moment within each step, and at the start of another run."""
    async with door(settings.clickhouse.url) as way:
        behind = settings.clickhouse.model_copy(update={"url": way.url})
        settings = settings.model_copy(update={"clickhouse": behind})
        opening = []

        async def open_soon() -> None:
            await asyncio.sleep(0.2)
            await way.open()

        def tell(what: str) -> Told:
            way.shut()
            opening.append(asyncio.create_task(open_soon()))
            return lambda done, total: None

        rebuilt = await rebuild(settings, tell, asyncio.Event())
        assert (rebuilt.horizons, rebuilt.broken) == ((), ())
        assert way.shut_times == len(opening) == 5  # four topics, and the panes
        way.shut()
        with pytest.raises(TransientStoreError, match="cannot connect to ClickHouse"):
            await rebuild(settings, untold, asyncio.Event())


async def test_panes_are_counted_from_raw_rows_when_scores_have_expired(
    pipe: Pipe, kafka_admin: AIOKafkaAdminClient, tmp_path: Path
) -> None:
    await send(pipe.settings, [response(occurred_at=now_ms() - YEAR_MS), response()])
    await traffic(pipe)
    before = told(pipe)
    scores = [TopicPartition(pipe.topics.scores, n) for n in range(pipe.settings.kafka.partitions)]
    everything = {place: RecordsToDelete(-1) for place in scores}  # type: ignore[no-untyped-call]  # aiokafka
    await kafka_admin.delete_records(everything, timeout_ms=10_000)
    empty(pipe)
    rebuilt = await rebuild(pipe.settings, untold, asyncio.Event())
    assert (rebuilt.horizons, rebuilt.broken) == ((), ())
    after = told(pipe)
    assert after[1] == []  # windows come with the next scores, or by a repair
    assert [*after[:1], *after[2:]] == [*before[:1], *before[2:]]
    assert (await reconcile(pipe.settings, 0.0, repair=True)).differences == ()
    assert told(pipe) == before
    await refused_row(pipe, before)
    await survey_that_left(pipe, tmp_path)


async def refused_row(pipe: Pipe, before: list[list[tuple[object, ...]]]) -> None:
    """The same while the store refuses one of two rows: the pane of the other is gone."""
    pipe.command("ALTER TABLE responses ADD CONSTRAINT no CHECK partition != 0 OR offset != 1")
    pipe.command("TRUNCATE TABLE responses")
    pipe.command("DELETE FROM score_panes WHERE hour < now() - INTERVAL 30 DAY")
    said = await asyncio.to_thread(run, pipe.settings)
    assert said.startswith("only panes that were not there are counted, without these: raw rows")
    assert "1 records that the store refused" in said
    assert said.count("\n") == 1
    assert pipe.rows(TOLD[0]) == before[0]  # the one as it was told, the other counted
    pipe.command("ALTER TABLE responses DROP CONSTRAINT no")
    again = await choose(pipe.settings, Filters(stage="sink"), untold(""))
    await reinsert(pipe.settings, again, untold(""), asyncio.Event())
    assert (await reconcile(pipe.settings, 0.0)).differences == ()
    assert told(pipe)[:4] == before[:4]


async def survey_that_left(pipe: Pipe, folder: Path) -> None:
    """The same while nobody asks any more what was asked then."""
    before = answered(pipe)

    def without(text: str) -> str:
        entries = text.split("\n  - ")
        kept = [one for one in entries if not one.startswith("id: va-vha-post-visit\n")]
        return "\n  - ".join(kept)

    settings = edited(pipe.settings, folder, "surveys.yaml", without)
    await asyncio.to_thread(migrate, settings, load_catalogue(settings.catalog))
    pipe.command("TRUNCATE TABLE score_panes")
    assert (await rebuild(settings, untold, asyncio.Event())).broken == ()
    assert answered(pipe) == before
    pipe.command("DELETE FROM score_panes WHERE measure = 'trust'")
    assert answered(pipe) != before
    assert (await reconcile(settings, 0.0, repair=True)).differences == ()
    assert answered(pipe) == before


def answered(pipe: Pipe) -> list[tuple[object, ...]]:
    """What anybody has answered, in all time."""
    return [row for row in pipe.rows(TOLD[0]) if row[1]]


async def test_horizons_are_named_and_all_behind_them_agrees(
    kafka_settings: KafkaSettings, clickhouse: str, tables: str, kafka_admin: AIOKafkaAdminClient
) -> None:
    """In partition 0 no ledger tells of older raw rows any more, in 1 are none; 2 is whole."""
    three = kafka_settings.model_copy(update={"partitions": 3})
    async with piping(three, clickhouse, tables, FLUSH_SECONDS) as pipe:
        await horizons(pipe, kafka_admin)


async def horizons(pipe: Pipe, kafka_admin: AIOKafkaAdminClient) -> None:
    entry = await two_entries_of_which_one_stays(pipe, kafka_admin)
    place = TopicPartition(pipe.topics.responses, 1)
    await kafka_admin.delete_records({place: RecordsToDelete(4)}, timeout_ms=10_000)  # type: ignore[no-untyped-call]  # aiokafka
    empty(pipe)
    said = (await asyncio.to_thread(run, pipe.settings)).splitlines()
    assert len(said) == 2
    for partition, offset in enumerate((entry.from_offset, 4)):
        horizon = f"horizon of partition {partition}: raw rows from offset {offset} on"
        assert said[partition].startswith(f"{horizon}, panes from 20")
    assert pipe.rows(
        "SELECT partition, min(offset), countIf(partition > 0) FROM responses FINAL "
        "GROUP BY partition ORDER BY partition"
    ) == [(0, entry.from_offset, 0), (1, 4, 5), (2, 0, 9)]
    assert (await reconcile(pipe.settings, 0.0)).differences == ()
    await traffic(pipe)
    assert (await reconcile(pipe.settings, 20.0)).differences == ()


async def two_entries_of_which_one_stays(
    pipe: Pipe, kafka_admin: AIOKafkaAdminClient
) -> LedgerEntry:
    """The last of at least two that the ledger has of partition 0."""
    async with pipe.sinking():
        async with scoring(pipe.settings) as worker:
            await everywhere(pipe)
            await received(pipe.settings, 30)
            await send(pipe.settings, every_outcome(), 0)
            await folded(pipe.settings, worker)
        await stored(pipe.settings)
    told = [r for r in await read(pipe.settings, "ledger") if r.partition == 0]
    entries = [(r.offset, decode_entry(r.value or b"")) for r in told]
    # A worker that ends may say once more where it is.
    offset, entry = [one for one in entries if one[1].from_offset < one[1].next_offset][-1]
    assert 0 < entry.from_offset < entry.next_offset == 20
    place = TopicPartition(pipe.topics.ledger, 0)
    await kafka_admin.delete_records({place: RecordsToDelete(offset)}, timeout_ms=10_000)  # type: ignore[no-untyped-call]  # aiokafka
    return entry


async def test_panes_whose_raw_rows_are_lost_are_left_as_they_were_and_named(
    pipe: Pipe, kafka_admin: AIOKafkaAdminClient
) -> None:
    async with pipe.sinking():
        async with scoring(pipe.settings) as worker:
            for partition in range(pipe.settings.kafka.partitions):
                await send(pipe.settings, [response() for _ in range(6)], partition)
            await folded(pipe.settings, worker)
        await stored(pipe.settings)
    place = TopicPartition(pipe.topics.responses, 0)
    await kafka_admin.delete_records({place: RecordsToDelete(4)}, timeout_ms=10_000)  # type: ignore[no-untyped-call]  # aiokafka
    # As a rebuild leaves it that is stopped halfway while a sink goes on.
    pipe.command("DELETE FROM responses WHERE partition = 0 AND offset IN (2, 3)")
    columns = "generation, partition, offset, outcome"
    pipe.command(f"INSERT INTO outcomes ({columns}) VALUES (1, 1, 5, 'duplicate')")
    pipe.command("TRUNCATE TABLE score_panes")
    said = (await asyncio.to_thread(run, pipe.settings)).splitlines()
    assert said[0].startswith(
        "lacking in partition 0: raw rows or outcomes of offsets 0 to 3, which"
    )
    assert said[1].startswith("panes of partition 1 generation 1 are as told, not counted: raw")
    assert len(said) == 2
    panes = "SELECT partition, sum(counts[1]) FROM score_panes FINAL WHERE measure = 'response'"
    assert pipe.rows(f"{panes} GROUP BY partition ORDER BY partition") == [(0, 6), (1, 6)]
    report = await reconcile(pipe.settings, 0.0)
    assert {one.origin for one in report.differences} == {Origin(1, 1)}
    (line,) = report.not_compared
    assert line.startswith("not compared: partition 0 generation 1, offsets below 4 and hours")
