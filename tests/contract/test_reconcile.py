"""`cxpulse reconcile` on real parts: silent while all is well, and each damage is named."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.errors import StoreError
from pipeline.operate.rebuild.run import rebuild
from pipeline.operate.reconcile import accounts, hours
from pipeline.operate.reconcile.run import reconcile
from pipeline.settings import ClickHouseSettings, KafkaSettings, Settings
from pipeline.store.client import connect
from pipeline.store.migrate import migrate
from pipeline.wire.catalogue import load_catalogue
from tests.fixtures.command_line import cxpulse
from tests.fixtures.reconciling import FLUSH_SECONDS, edited
from tests.fixtures.scoring import every_outcome, received, scoring, send, until
from tests.fixtures.sink import piping

pytestmark = [
    pytest.mark.broker,
    pytest.mark.engine,
    pytest.mark.usefixtures("looks_often"),
]

TABLES = (
    *("responses", "outcomes", "ledger", "score_panes", "rolling_scores", "dead_letters"),
    *("sink_progress", "gaps", "beginnings", "horizons", "unstored"),
)


async def fill(settings: Settings, store: str, database: str) -> None:
    async with (
        piping(settings.kafka, store, database, FLUSH_SECONDS) as pipe,
        scoring(settings),
        pipe.sinking(),
    ):
        for partition in range(settings.kafka.partitions):
            await send(settings, every_outcome(), partition)
        report = await reconcile(settings, 20.0)
        assert (report.differences, report.judged) == ((), 20)


async def compared(settings: Settings, patience: float) -> Sequence[str]:
    """The kinds of the differences that last."""
    report = await reconcile(settings, patience)
    return sorted({str(difference.kind) for difference in report.differences})


@pytest.fixture(scope="module")
async def filled(kafka: str, clickhouse: str) -> AsyncIterator[Settings]:
    """A system in which all is equal and nothing runs any more."""
    unique = f"t-{uuid.uuid4().hex[:12]}"
    broker = KafkaSettings(bootstrap=kafka, topic_prefix=unique, group_prefix=unique, partitions=2)
    store = ClickHouseSettings(url=clickhouse, database=unique.replace("-", "_"))
    settings = Settings(kafka=broker, clickhouse=store)
    await fill(settings, clickhouse, store.database)
    yield settings
    with closing(connect(store)) as client:
        client.command(f"DROP DATABASE {store.database} SYNC")


@pytest.fixture(scope="module")
def copy(filled: Settings) -> Iterator[Settings]:
    """The same with a database of its own."""
    name = f"{filled.clickhouse.database}_copy"
    store = filled.clickhouse.model_copy(update={"database": name})
    settings = filled.model_copy(update={"clickhouse": store})
    migrate(settings, load_catalogue(settings.catalog))
    yield settings
    command(settings, f"DROP DATABASE {name} SYNC")


@pytest.fixture
def copied(filled: Settings, copy: Settings) -> Settings:
    """The copy as good as new, to be damaged."""
    with closing(connect(copy.clickhouse)) as client:
        for table in TABLES:
            client.command(f"TRUNCATE TABLE {table}")
            client.command(
                f"INSERT INTO {table} SELECT * FROM {filled.clickhouse.database}.{table}"
            )
    return copy


def command(settings: Settings, statement: str) -> None:
    with closing(connect(settings.clickhouse)) as client:
        client.command(statement)


async def test_a_system_at_rest_is_equal(copied: Settings) -> None:
    report = await reconcile(copied, 0.0)
    assert report.differences == ()
    assert (report.judged, report.windows) == (20, 8)
    assert report.hours in (2, 3)


ROWS = "INSERT INTO {0} SELECT * REPLACE ({1}) FROM {0} FINAL WHERE partition = {2} AND {3}"
MORE = "arrayMap(n -> n + 1, counts) AS counts"
AHEAD = "version + 1000 AS version"
WEEK = "measure = 'trust' AND window = '7d'"


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (
            (
                ROWS.format("score_panes", MORE, 0, "measure = 'trust'"),
                "DELETE FROM score_panes WHERE measure = 'response' AND partition = 1",
            ),
            (["pane"], ["pane"]),
        ),
        (
            (
                "DELETE FROM score_panes WHERE hour > now() - INTERVAL 2 DAY AND partition = 0",
                ROWS.format("score_panes", AHEAD, 1, "measure = 'trust'"),
            ),
            (["pane"], ["pane"]),
        ),
        (
            (
                ROWS.format("rolling_scores", MORE, 0, WEEK),
                ROWS.format("rolling_scores", AHEAD, 1, WEEK),
            ),
            (["window"], ["window"]),
        ),
        (
            (
                "DELETE FROM rolling_scores WHERE window = '7d' AND partition = 0",
                f"DELETE FROM rolling_scores WHERE {WEEK} AND partition = 1",
            ),
            (["window"], ["window"]),
        ),
        (
            (
                "DELETE FROM responses WHERE offset = 8 AND partition = 0",
                "DELETE FROM responses WHERE offset = 2 AND partition = 1",
            ),
            (["raw rows"], ["pane", "raw rows", "window"]),
        ),
        (
            (
                "DELETE FROM outcomes WHERE offset = 9 AND partition = 0",
                ROWS.format("outcomes", "'late' AS outcome", 1, "offset = 4"),
            ),
            (["outcomes", "raw rows"], ["outcomes"]),
        ),
        (
            (
                "DELETE FROM dead_letters WHERE offset = 9 AND partition = 0",
                ROWS.format("ledger", "accepted + 1 AS accepted", 1, "next_offset = 10"),
            ),
            (["dead letters"], ["ledger"]),
        ),
        (("TRUNCATE TABLE sink_progress",), (["log"], ["log"])),
        (("TRUNCATE TABLE ledger",), (["log"], ["log"])),
    ],
)
async def test_each_damage_is_named(
    copied: Settings, damage: Sequence[str], named: Sequence[list[str]]
) -> None:
    """One in each of the two partitions, or one in both."""
    for statement in damage:
        command(copied, statement)
    report = await reconcile(copied, 0.0)
    kinds = [
        sorted({str(d.kind) for d in report.differences if d.origin and d.origin.partition == here})
        for here in (0, 1)
    ]
    assert kinds == [*named]


async def test_absent_windows_are_named_and_counted_again(copied: Settings) -> None:
    shown = "SELECT window, measure, partitions, counts FROM rolling_now ORDER BY ALL"
    with closing(connect(copied.clickhouse)) as client:
        before = client.query(shown).result_rows
        client.command("TRUNCATE TABLE rolling_scores")
        report = await reconcile(copied, 0.0)
        named = [one.line for one in report.differences]
        assert len(named) == 8
        assert all("no row, expected [3, 0" in line and "--repair" in line for line in named)
        assert client.query(shown).result_rows == []
        assert (await reconcile(copied, 0.0, repair=True)).differences == ()
        assert client.query(shown).result_rows == before
        client.command("DELETE FROM rolling_scores WHERE measure = 'trust' AND partition = 0")
        assert (await reconcile(copied, 0.0, repair=True)).differences == ()
        assert client.query(shown).result_rows == before


async def test_windows_of_who_was_silent_for_days_are_counted_again_whatever_is_asked_since(
    filled: Settings, copied: Settings, tmp_path: Path
) -> None:
    """All of it three days old; what partition 1 tells shows that it is now."""
    older = {
        "responses": "occurred_at - INTERVAL 3 DAY AS occurred_at",
        "score_panes": "hour - INTERVAL 3 DAY AS hour",
        "ledger": "as_of - INTERVAL 3 DAY AS as_of",
    }
    for table, change in older.items():
        command(copied, f"TRUNCATE TABLE {table}")
        source = f"{filled.clickhouse.database}.{table}"
        command(copied, f"INSERT INTO {table} SELECT * REPLACE ({change}) FROM {source} FINAL")
    command(copied, "DELETE FROM rolling_scores WHERE window IN ('1h', '24h')")
    shown = "SELECT window, measure, partitions, counts FROM rolling_now ORDER BY ALL"
    asked = "wording: [likert, trust-increased]\n"
    settings = edited(
        copied,
        tmp_path,
        "surveys.yaml",
        lambda text: text.replace(asked, f"{asked}    omits: [satisfaction, employee]\n", 1),
    )
    with closing(connect(copied.clickhouse)) as client:
        before = [row for row in client.query(shown).result_rows if row[1] != "employee"]
        command(copied, "DELETE FROM rolling_scores WHERE partition = 0")
        assert {row[2] for row in client.query(shown).result_rows} == {1}
        assert (await reconcile(settings, 0.0, repair=True)).differences == ()
        after = client.query(shown).result_rows
        assert [row for row in after if row[1] != "employee"] == before
        zeros = "SELECT count() FROM rolling_scores WHERE partition = 0 AND measure = 'employee'"
        assert client.query(zeros).result_rows == [(0,)]


async def test_a_database_that_lacks_the_newest_migration_names_the_command(
    copied: Settings,
) -> None:
    command(copied, "RENAME TABLE beginnings TO not_yet")
    try:
        with pytest.raises(StoreError, match="run `cxpulse migrate`"):
            await reconcile(copied, 0.0)
        with pytest.raises(StoreError, match="run `cxpulse migrate`"):
            await rebuild(copied, lambda _: lambda done, total: None, asyncio.Event())
    finally:
        command(copied, "RENAME TABLE not_yet TO beginnings")


async def test_a_limit_that_is_reached_is_told_and_every_repair_goes_on(
    copied: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hours, "MOST_SUSPECTS", 1)
    monkeypatch.setattr(hours, "ROWS_A_LOOK", 1)
    command(
        copied,
        "INSERT INTO score_panes SELECT * REPLACE (arrayMap(n -> n + 1, counts) AS counts) "
        "FROM score_panes FINAL WHERE measure = 'trust' AND partition = 0",
    )
    assert await compared(copied, 0.0) == ["pane", "survey"]
    report = await reconcile(copied, 0.0, repair=True)
    assert report.differences[0].kind == "survey"
    assert "all partitions, panes: stored 1 or more differ" in report.differences[0].line
    for _ in range(2):
        report = await reconcile(copied, 0.0, repair=True)
    assert report.differences == ()


async def test_a_list_that_is_cut_short_says_so(
    copied: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "MOST_FOUND", 1)
    command(copied, "TRUNCATE TABLE outcomes")
    report = await reconcile(copied, 0.0)
    lines = [one.line for one in report.differences if one.kind == "survey"]
    assert lines
    assert all("stored 1 or more differ" in line for line in lines)


async def test_a_pause_is_named_where_a_partition_is_behind(
    kafka_settings: KafkaSettings, clickhouse: str, tables: str
) -> None:
    async with piping(kafka_settings, clickhouse, tables, FLUSH_SECONDS) as pipe:
        score = pipe.settings.score.model_copy(update={"breaker_records": 20})
        settings = pipe.settings.model_copy(update={"score": score})
        async with scoring(settings) as worker:
            await send(settings, [b"no survey response"] * 100)
            await until(lambda: worker._tenures and worker._tenures[0].paused_at)
        report = await reconcile(settings, 0.0)
    (behind,) = [one for one in report.differences if one.place.startswith("ledger")]
    assert "paused by the circuit breaker at offset" in behind.line
    assert "`cxpulse resume" in behind.line


async def test_the_command_prints_what_differs_and_where(copied: Settings) -> None:
    command(
        copied,
        "INSERT INTO score_panes SELECT * REPLACE ([9, 9, 9, 9, 9, 9] AS counts) "
        "FROM score_panes FINAL WHERE measure = 'trust' AND partition = 0 AND hour > now() - 86400",
    )
    where = {
        "KAFKA_BOOTSTRAP": copied.kafka.bootstrap,
        "KAFKA_TOPIC_PREFIX": copied.kafka.topic_prefix,
        "KAFKA_GROUP_PREFIX": copied.kafka.group_prefix,
        "CLICKHOUSE_URL": copied.clickhouse.url,
        "CLICKHOUSE_DATABASE": copied.clickhouse.database,
    }
    done = await asyncio.to_thread(cxpulse, "reconcile", "--patience", "0", **where)
    assert done.returncode == 1, done.stderr
    (line, total) = done.stdout.splitlines()
    assert line.startswith(
        "pane: partition 0 generation 1, va/va-vha/email/va-vha-post-visit, hour"
    )
    assert "trust (likert5)" in line
    assert "stored [9, 9, 9, 9, 9, 9], expected [0, 0, 0, 0, 3, 0]" in line
    assert total.startswith("1 differences: 20 offsets judged")
    done = await asyncio.to_thread(cxpulse, "reconcile", "--patience", "0", "--json", **where)
    assert [one["kind"] for one in json.loads(done.stdout)["differences"]] == ["pane"]
    done = await asyncio.to_thread(cxpulse, "reconcile", "--patience", "-1", **where)
    assert done.returncode == 2


async def test_live_traffic_raises_no_alarm(
    kafka_settings: KafkaSettings, clickhouse: str, tables: str
) -> None:
    async with piping(kafka_settings, clickhouse, tables, FLUSH_SECONDS) as pipe:
        settings = pipe.settings
        stop = asyncio.Event()

        async def keep_sending() -> int:
            rounds = 0
            while not stop.is_set():
                for partition in range(settings.kafka.partitions):
                    for value in every_outcome():
                        await pipe.send(pipe.topics.responses, value, partition)
                rounds += 1
                await asyncio.sleep(0.05)  # live, but nothing that has to be caught up with
            return rounds

        async with scoring(settings), pipe.sinking():
            sending = asyncio.create_task(keep_sending())
            await received(settings, 20)
            first, second = await reconcile(settings, 20.0), await reconcile(settings, 20.0)
            stop.set()
            assert await sending > 5
    assert (first.differences, second.differences) == ((), ())
    assert second.judged > first.judged > 0
