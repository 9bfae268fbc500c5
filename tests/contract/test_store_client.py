"""The client against a real engine: aware times, concurrency, and errors by what helps."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from datetime import UTC, datetime

import pytest

from pipeline.errors import BadRowError, StoreError, TransientStoreError
from pipeline.settings import ClickHouseSettings
from pipeline.store.client import connect, connect_async, store_errors

pytestmark = pytest.mark.engine


@pytest.fixture
def settings(clickhouse: str, database: str) -> ClickHouseSettings:
    return ClickHouseSettings(url=clickhouse, database=database)


def test_times_go_in_and_out_aware(settings: ClickHouseSettings) -> None:
    time = datetime(2026, 1, 5, 12, 0, 0, 123000, tzinfo=UTC)
    with contextlib.closing(connect(settings)) as client:
        client.command("CREATE TABLE t (at DateTime64(3, 'UTC')) ENGINE = Memory")
        client.insert("t", [[time]], ["at"])
        assert client.query("SELECT at FROM t").result_rows == [(time,)]
        assert client.command("SELECT value FROM system.settings WHERE name = 'async_insert'") == 0


async def test_one_async_client_runs_queries_side_by_side(settings: ClickHouseSettings) -> None:
    client = await connect_async(settings)
    try:
        results = await asyncio.gather(
            *(client.query(f"SELECT {number}, sleep(0.05)") for number in range(4))
        )
    finally:
        await client.close()
    assert [result.result_rows[0][0] for result in results] == [0, 1, 2, 3]


async def test_a_bad_value_a_missing_table_and_a_typing_error(
    settings: ClickHouseSettings,
) -> None:
    client = await connect_async(settings)
    try:
        await client.command("CREATE TABLE t (n UInt8) ENGINE = Memory")
        with pytest.raises(BadRowError), store_errors("insert into t", rows=True):
            await client.insert("t", [["Jo"]], ["n"])
        with pytest.raises(StoreError) as caught, store_errors("read nowhere"):
            await client.query("SELECT 'Jo' FROM nowhere")
    finally:
        await client.close()
    assert str(caught.value) == "cannot read nowhere: ClickHouse error 60 UNKNOWN_TABLE"


def test_nobody_there_is_worth_waiting_for_and_a_wrong_database_is_not(
    settings: ClickHouseSettings,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(TransientStoreError, match=f"connect to ClickHouse .* at {url}: "):
            connect(ClickHouseSettings(url=url))
    with pytest.raises(StoreError) as caught:
        connect(settings, "no_such_database")
    assert caught.value.code == 81
