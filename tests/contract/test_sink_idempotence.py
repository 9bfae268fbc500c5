"""However often, in whatever batches and after whatever crashes sinks store what was told, tables
and views end as if each record had been stored once, in order.

`freshness` is no such view: it tells when rows came.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from pipeline.settings import ClickHouseSettings, Settings
from pipeline.sink.rows import Block
from pipeline.sink.target import Tables
from pipeline.store.client import AsyncClient, Client, connect, connect_async
from pipeline.store.migrate import migrate
from tests.support.logs import Step, make_log
from tests.support.runs import Plan
from tests.support.sinks import Fuse, Records, Stay, due, plans, scripts, sink_all, stays, told
from tests.support.world import CATALOGUE

pytestmark = pytest.mark.engine

TABLES = {
    "responses": "inserted_at",
    "outcomes": "inserted_at",
    "gaps": "inserted_at",
    "beginnings": "inserted_at",
    "dead_letters": "inserted_at",
    # What a worker told again after a crash it told in other pieces, at another time.
    "ledger": "inserted_at, from_offset",
    "score_panes": "inserted_at, last_response_at",
    "rolling_scores": "inserted_at, last_response_at, emitted_at",
}
"""Each with the columns that may differ."""
LOOKS = {
    **{name: f"SELECT * EXCEPT ({but}) FROM {name} FINAL" for name, but in TABLES.items()},
    "responses_current": "SELECT * EXCEPT inserted_at FROM responses_current",
    "rolling_now": "SELECT * EXCEPT (updated_at, last_response_at) FROM rolling_now",
    "benchmark": "SELECT * FROM benchmark(from = '2023-01-01 00:00:00', "
    "to = '2026-01-01 00:00:00', min_n = 1)",
    "quarterly": "SELECT * FROM quarterly(fiscal_year = 2024, quarter = 1, min_n = 1)",
}
PANES = (
    "SELECT agency, service, channel, survey, toUnixTimestamp(hour) * 1000, measure, counts "
    "FROM score_panes FINAL WHERE arraySum(counts) > 0"
)


class Mortal(Tables):
    """Tables whose users die at a write."""

    def __init__(self, client: AsyncClient, fuse: Fuse) -> None:
        super().__init__(client)
        self._fuse = fuse

    async def insert(self, block: Block) -> None:
        self._fuse.burn()
        await super().insert(block)
        self._fuse.burn()

    async def execute(self, statement: str, what: str) -> None:
        self._fuse.burn()
        await super().execute(statement, what)
        self._fuse.burn()


@pytest.fixture(scope="module")
def database(clickhouse: str) -> Iterator[ClickHouseSettings]:
    """A database for this module: examples empty its tables."""
    store = ClickHouseSettings(url=clickhouse, database=f"t_{uuid.uuid4().hex[:12]}")
    migrate(Settings(clickhouse=store), CATALOGUE)
    yield store
    with closing(connect(store)) as client:
        client.command(f"DROP DATABASE {store.database} SYNC")


def ended(store: ClickHouseSettings, records: Records, happened: list[Stay]) -> dict[str, object]:
    """What stands where once sinks have stored it all."""

    async def run() -> None:
        fuse = Fuse()
        async with await connect_async(store) as client:
            await sink_all(Mortal(client, fuse), fuse, records, happened)

    with closing(connect(store)) as client:
        for name in (*TABLES, "sink_progress"):
            client.command(f"TRUNCATE TABLE {name}")
        asyncio.run(run())
        return {name: rows(client, query) for name, query in LOOKS.items()} | {
            "counted": counted(client)
        }


def rows(client: Client, query: str) -> list[bytes]:
    return sorted(client.raw_query(query, fmt="JSONEachRow").splitlines())


def counted(client: Client) -> dict[tuple[object, ...], list[int]]:
    """What panes count, by group, hour and measure."""
    found = client.query(PANES).result_rows
    return {tuple(place): list(counts) for *place, counts in found}


@settings(
    max_examples=4,
    # An example takes a second; the law in memory finds small ones.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(script=scripts, plan=plans, happened=stays)
def test_batches_repeats_crashes_and_zombies_of_sinks_leave_no_trace(
    database: ClickHouseSettings, script: list[Step], plan: Plan, happened: list[Stay]
) -> None:
    log = make_log(script)
    records = told(log, plan)
    once = ended(database, records, [])
    assert once["counted"] == due(log, records)
    assert ended(database, records, happened) == once
