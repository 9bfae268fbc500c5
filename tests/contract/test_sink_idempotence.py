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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.settings import ClickHouseSettings, Settings
from pipeline.store.client import Client, connect, connect_async
from pipeline.store.migrate import migrate
from tests.support.logs import Step, make_log, steps
from tests.support.naive import Naive
from tests.support.runs import Plan
from tests.support.sinks import NAMES, NEVER, Mortal, Records, Stay, plans, sink_all, told
from tests.support.world import CATALOGUE

pytestmark = pytest.mark.engine

TABLES = {
    "responses": "inserted_at",
    "outcomes": "inserted_at",
    "gaps": "inserted_at",
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

stays = st.lists(
    st.builds(
        Stay,
        topic=st.sampled_from(NAMES),
        records=st.integers(1, 30),
        piece=st.integers(1, 12),
        batch=st.integers(1, 12),
        calm=st.booleans(),
        fuse=st.sampled_from((NEVER, NEVER, 0, 1, 2, 3, 5, 8)),
        commits=st.booleans(),
        back=st.sampled_from((0, 0, 0, 3, 100)),
        recounts=st.booleans(),
    ),
    max_size=10,
)


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
        async with await connect_async(store) as client:
            await sink_all(Mortal(client), records, happened)

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


def due(script: list[Step]) -> dict[tuple[object, ...], list[int]]:
    """The same, by going through the log."""
    return {
        (*group, hour, measure): counts
        for (group, hour), measures in Naive().fold(make_log(script)).final_panes().items()
        for measure, counts in measures.items()
        if any(counts)
    }


@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(script=steps, plan=plans, happened=stays)
def test_batches_repeats_crashes_and_zombies_of_sinks_leave_no_trace(
    database: ClickHouseSettings, script: list[Step], plan: Plan, happened: list[Stay]
) -> None:
    records = told(make_log(script), plan)
    once = ended(database, records, [])
    assert once["counted"] == due(script)
    assert ended(database, records, happened) == once
