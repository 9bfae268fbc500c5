"""clickhouse-connect, async: what the sink and the dashboards use."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import clickhouse_connect
import pytest
from clickhouse_connect.driver import AsyncClient


@pytest.fixture
async def client(clickhouse: str, database: str) -> AsyncIterator[AsyncClient]:
    client = await clickhouse_connect.get_async_client(dsn=clickhouse, database=database)
    await client.command("CREATE TABLE t (n Int32, s String) ENGINE = MergeTree ORDER BY n")
    yield client
    await client.close()


async def test_columns_are_inserted_and_read_back(client: AsyncClient) -> None:
    numbers = list(range(20_000))
    await client.insert(
        "t",
        [numbers, [str(n) for n in numbers]],
        column_names=["n", "s"],
        column_oriented=True,
        settings={"async_insert": 0},
    )
    found = await client.query("SELECT n, s FROM t ORDER BY n")
    assert list(found.result_rows) == [(n, str(n)) for n in numbers]


async def test_queries_run_side_by_side(client: AsyncClient) -> None:
    begun = time.monotonic()
    await asyncio.gather(*(client.query("SELECT sleep(0.5)") for _ in range(6)))
    assert time.monotonic() - begun < 2.0  # one after the other takes 3 s


async def test_ping_answers_while_queries_run(clickhouse: str, client: AsyncClient) -> None:
    running = asyncio.gather(*(client.query("SELECT sleep(1)") for _ in range(4)))
    await asyncio.sleep(0.1)
    begun = time.monotonic()
    async with aiohttp.ClientSession() as http, http.get(f"{clickhouse}/ping") as reply:
        assert await reply.text() == "Ok.\n"
    assert time.monotonic() - begun < 0.8
    await running


async def test_rows_stream(client: AsyncClient) -> None:
    count = 0
    async with await client.query_rows_stream("SELECT number FROM numbers(200000)") as rows:
        async for _ in rows:
            count += 1
    assert count == 200_000


async def test_a_session_takes_one_request_at_a_time(clickhouse: str) -> None:
    url = f"{clickhouse}/?session_id=busy"
    async with aiohttp.ClientSession() as http:
        first = asyncio.create_task(http.post(url, data="SELECT sleep(1)"))
        await asyncio.sleep(0.3)
        async with http.post(url, data="SELECT 1") as second:
            assert second.headers["X-ClickHouse-Exception-Code"] == "373"
        async with await first as reply:
            assert reply.status == 200


async def test_an_upload_cut_off_leaves_no_rows(
    clickhouse: str, database: str, client: AsyncClient
) -> None:
    async def half() -> AsyncIterator[bytes]:
        yield b"".join(b"%d\ta\n" % n for n in range(400_000))
        await asyncio.sleep(60)

    url = f"{clickhouse}/?query=INSERT+INTO+{database}.t+FORMAT+TSV"
    async with aiohttp.ClientSession() as http:
        upload = asyncio.create_task(http.post(url, data=half()))
        await asyncio.sleep(0.7)
        upload.cancel()
        await asyncio.gather(upload, return_exceptions=True)
    await asyncio.sleep(0.3)
    assert await client.command("SELECT count() FROM t") == 0
