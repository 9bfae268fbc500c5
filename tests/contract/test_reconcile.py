"""`cxpulse reconcile` on real parts: silent while all is well, and each damage is named."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.environment import PREFIX
from pipeline.errors import StoreError
from pipeline.operate.rebuild.run import rebuild
from pipeline.operate.reconcile import accounts, hours
from pipeline.operate.reconcile.run import Report, reconcile
from pipeline.settings import ClickHouseSettings, KafkaSettings, Settings
from pipeline.store.client import Client, connect
from tests.fixtures.command_line import cxpulse
from tests.fixtures.reconciling import FLUSH_SECONDS, arrived, edited
from tests.fixtures.scoring import every_outcome, scoring, send, until
from tests.fixtures.sink import piping
from tests.fixtures.storing import everywhere

pytestmark = [
    pytest.mark.broker,
    pytest.mark.engine,
    pytest.mark.usefixtures("looks_often"),
]

TABLES = (
    *("responses", "outcomes", "ledger", "score_panes", "rolling_scores", "dead_letters"),
    "sink_progress",
)
"""Those that are not empty, and that tests damage."""


async def fill(settings: Settings, store: str, database: str) -> None:
    async with (
        piping(settings.kafka, store, database, FLUSH_SECONDS) as pipe,
        scoring(settings),
        pipe.sinking(),
    ):
        await everywhere(pipe)
        await arrived(pipe, 20)
        report = await reconcile(settings, 20.0)
        assert (report.differences, report.judged) == ((), 20)


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
def client(filled: Settings) -> Iterator[Client]:
    """One for all statements, and beside the tables what is in them while all is well."""
    kept = f"{filled.clickhouse.database}_kept"
    with closing(connect(filled.clickhouse)) as made:
        made.command(f"CREATE DATABASE {kept}")
        for table in TABLES:
            made.command(f"CREATE TABLE {kept}.{table} ENGINE = Memory AS SELECT * FROM {table}")
        yield made
        made.command(f"DROP DATABASE {kept} SYNC")


@pytest.fixture
def store(filled: Settings, client: Client) -> Client:
    """The tables as good as new, to be damaged."""
    for table in TABLES:
        client.command(f"TRUNCATE TABLE {table}")
        client.command(
            f"INSERT INTO {table} SELECT * FROM {filled.clickhouse.database}_kept.{table}"
        )
    return client


async def test_a_system_at_rest_is_equal(filled: Settings, store: Client) -> None:
    report = await reconcile(filled, 0.0)
    assert report.differences == ()
    assert (report.judged, report.windows) == (20, 8)
    assert report.hours in (2, 3)


ROWS = "INSERT INTO {0} SELECT * REPLACE ({1}) FROM {0} FINAL WHERE partition = {2} AND {3}"
MORE = "arrayMap(n -> n + 1, counts) AS counts"
AHEAD = "version + 1000 AS version"
WEEK = "measure = 'trust' AND window = '7d'"


def kinds(report: Report) -> list[list[str]]:
    """Of the differences of the two partitions."""
    found = [(one.origin.partition, str(one.kind)) for one in report.differences if one.origin]
    return [sorted({kind for there, kind in found if there == here}) for here in (0, 1)]


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (
            (
                ROWS.format("score_panes", MORE, 0, "measure = 'trust'"),
                "DELETE FROM rolling_scores WHERE window = '7d' AND partition = 0",
                "DELETE FROM responses WHERE offset = 8 AND partition = 0",
                "DELETE FROM dead_letters WHERE offset = 9 AND partition = 0",
                "DELETE FROM score_panes WHERE measure = 'response' AND partition = 1",
                f"DELETE FROM rolling_scores WHERE {WEEK} AND partition = 1",
                ROWS.format("ledger", "accepted + 1 AS accepted", 1, "next_offset = 10"),
            ),
            (["dead letters", "pane", "raw rows", "window"], ["ledger", "pane", "window"]),
        ),
        (
            (
                "DELETE FROM score_panes WHERE hour > now() - INTERVAL 2 DAY AND partition = 0",
                ROWS.format("rolling_scores", MORE, 0, WEEK),
                "DELETE FROM outcomes WHERE offset = 9 AND partition = 0",
                ROWS.format("score_panes", AHEAD, 1, "measure = 'trust'"),
                ROWS.format("rolling_scores", AHEAD, 1, WEEK),
                ROWS.format("outcomes", "'late' AS outcome", 1, "offset = 4"),
            ),
            (["outcomes", "pane", "raw rows", "window"], ["outcomes", "pane", "window"]),
        ),
        (("TRUNCATE TABLE sink_progress",), (["log"], ["log"])),
        (("TRUNCATE TABLE ledger",), (["log"], ["log"])),
    ],
)
async def test_each_damage_is_named(
    filled: Settings, store: Client, damage: Sequence[str], named: Sequence[list[str]]
) -> None:
    """In each partition as many at once as are told apart by their kinds; a survey takes long."""
    for statement in damage:
        store.command(statement)
    assert kinds(await reconcile(filled, 0.0)) == [*named]


SHOWN = "SELECT window, measure, partitions, counts FROM rolling_now ORDER BY ALL"


async def test_absent_windows_are_named_and_counted_again(filled: Settings, store: Client) -> None:
    before = store.query(SHOWN).result_rows
    store.command("TRUNCATE TABLE rolling_scores")
    report = await reconcile(filled, 0.0)
    named = [one.line for one in report.differences]
    assert len(named) == 8
    assert all("no row, expected [3, 0" in line and "--repair" in line for line in named)
    assert store.query(SHOWN).result_rows == []
    assert (await reconcile(filled, 0.0, repair=True)).differences == ()
    assert store.query(SHOWN).result_rows == before


def three_days_ago(settings: Settings, store: Client) -> None:
    older = {
        "responses": "occurred_at - INTERVAL 3 DAY AS occurred_at",
        "score_panes": "hour - INTERVAL 3 DAY AS hour",
        "ledger": "as_of - INTERVAL 3 DAY AS as_of",
    }
    for table, change in older.items():
        store.command(f"TRUNCATE TABLE {table}")
        source = f"{settings.clickhouse.database}_kept.{table}"
        store.command(f"INSERT INTO {table} SELECT * REPLACE ({change}) FROM {source}")
    store.command("DELETE FROM rolling_scores WHERE window IN ('1h', '24h')")


async def test_windows_of_who_was_silent_for_days_are_counted_again_whatever_is_asked_since(
    filled: Settings, store: Client, tmp_path: Path
) -> None:
    """All of it three days old; what partition 1 tells shows that it is now. There a row lacks."""
    three_days_ago(filled, store)
    asked = "wording: [likert, trust-increased]\n"
    settings = edited(
        filled,
        tmp_path,
        "surveys.yaml",
        lambda text: text.replace(asked, f"{asked}    omits: [satisfaction, employee]\n", 1),
    )
    before = [row for row in store.query(SHOWN).result_rows if row[1] != "employee"]
    store.command(
        "DELETE FROM rolling_scores WHERE partition = 0 OR (measure = 'trust' AND partition = 1)"
    )
    assert {row[2] for row in store.query(SHOWN).result_rows} == {1}
    assert (await reconcile(settings, 0.0, repair=True)).differences == ()
    after = store.query(SHOWN).result_rows
    assert [row for row in after if row[1] != "employee"] == before
    zeros = "SELECT count() FROM rolling_scores WHERE partition = 0 AND measure = 'employee'"
    assert store.query(zeros).result_rows == [(0,)]


async def test_a_database_that_lacks_the_newest_migration_names_the_command(
    filled: Settings, client: Client
) -> None:
    client.command("RENAME TABLE beginnings TO not_yet")
    try:
        with pytest.raises(StoreError, match="run `cxpulse migrate`"):
            await reconcile(filled, 0.0)
        with pytest.raises(StoreError, match="run `cxpulse migrate`"):
            await rebuild(filled, lambda _: lambda done, total: None, asyncio.Event())
    finally:
        client.command("RENAME TABLE not_yet TO beginnings")


async def test_a_limit_that_is_reached_is_told_and_every_repair_goes_on(
    filled: Settings, store: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hours are wrong, or three where one began meanwhile: each repair sees one."""
    monkeypatch.setattr(hours, "MOST_SUSPECTS", 1)
    monkeypatch.setattr(hours, "ROWS_A_LOOK", 1)
    store.command(ROWS.format("score_panes", MORE, 0, "measure = 'trust'"))
    report = await reconcile(filled, 0.0)
    assert {str(one.kind) for one in report.differences} == {"pane", "survey"}
    assert report.differences[0].kind == "survey"
    assert "all partitions, panes: stored 1 or more differ" in report.differences[0].line
    for _ in range(3):
        report = await reconcile(filled, 0.0, repair=True)
        if not report.differences:
            break
    assert report.differences == ()


async def test_a_lacking_response_is_named_in_all_that_counts_it_and_a_list_cut_short_says_so(
    filled: Settings, store: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "MOST_FOUND", 1)
    store.command("DELETE FROM responses WHERE offset = 2 AND partition = 1")
    report = await reconcile(filled, 0.0)
    assert kinds(report) == [[], ["pane", "raw rows", "window"]]
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


async def test_the_command_prints_what_differs_and_where(
    filled: Settings, store: Client, in_process: CliRunner
) -> None:
    store.command(
        "INSERT INTO score_panes SELECT * REPLACE ([9, 9, 9, 9, 9, 9] AS counts) "
        "FROM score_panes FINAL WHERE measure = 'trust' AND partition = 0 AND hour > now() - 86400"
    )
    where = {
        "KAFKA_BOOTSTRAP": filled.kafka.bootstrap,
        "KAFKA_TOPIC_PREFIX": filled.kafka.topic_prefix,
        "KAFKA_GROUP_PREFIX": filled.kafka.group_prefix,
        "CLICKHOUSE_URL": filled.clickhouse.url,
        "CLICKHOUSE_DATABASE": filled.clickhouse.database,
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
    # A process of its own takes longer to start than to compare: for one that is enough.
    env = {PREFIX + name: value for name, value in where.items()}
    asked = ["reconcile", "--patience", "0", "--json"]
    told = await asyncio.to_thread(in_process.invoke, app, asked, env=env)
    assert told.exit_code == 1
    assert [one["kind"] for one in json.loads(told.stdout)["differences"]] == ["pane"]
    assert in_process.invoke(app, ["reconcile", "--patience", "-1"], env=env).exit_code == 2


async def test_live_traffic_raises_no_alarm(
    kafka_settings: KafkaSettings, clickhouse: str, tables: str
) -> None:
    """At the pace of the product: each flush is an insert into each table."""
    async with piping(kafka_settings, clickhouse, tables) as pipe:
        settings = pipe.settings
        stop = asyncio.Event()

        async def keep_sending() -> int:
            rounds = 0
            while not stop.is_set():
                for partition in range(settings.kafka.partitions):
                    values = every_outcome()
                    await asyncio.gather(
                        *(pipe.send(pipe.topics.responses, value, partition) for value in values)
                    )
                rounds += 1
                await asyncio.sleep(0.4)  # live, but nothing that has to be caught up with
            return rounds

        async with scoring(settings), pipe.sinking():
            sending = asyncio.create_task(keep_sending())
            await arrived(pipe, 20)
            first, second = await reconcile(settings, 20.0), await reconcile(settings, 20.0)
            stop.set()
            assert await sending > 2
    assert (first.differences, second.differences) == ((), ())
    assert second.judged > first.judged > 0
