"""clickhouse-connect, sync, against the embedded engine: what the pipeline and analysts use."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError


@pytest.fixture
def client(clickhouse: str, database: str) -> Iterator[Client]:
    with contextlib.closing(
        clickhouse_connect.get_client(dsn=clickhouse, database=database)
    ) as client:
        client.command("CREATE TABLE t (n Int32, s String) ENGINE = MergeTree ORDER BY n")
        yield client


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", False])
def test_rows_come_back_as_inserted_in_every_compression(
    clickhouse: str, database: str, client: Client, compress: str | bool
) -> None:
    rows = [[n, f"é {n}"] for n in range(50_000)]
    with contextlib.closing(
        clickhouse_connect.get_client(dsn=clickhouse, database=database, compress=compress)
    ) as other:
        summary = other.insert("t", rows, column_names=["n", "s"])
        assert summary.written_rows == len(rows)
        found = other.query("SELECT n, s FROM t ORDER BY n")
    assert [list(row) for row in found.result_rows] == rows


def test_parameters_are_bound_in_the_url_and_as_identifiers(client: Client) -> None:
    client.insert("t", [[1, "it's"], [2, "back\\slash\t"]], column_names=["n", "s"])
    sql = "SELECT n FROM {t:Identifier} WHERE s = {s:String}"
    assert client.query(sql, parameters={"t": "t", "s": "it's"}).result_rows == [(1,)]
    assert client.query(sql, parameters={"t": "t", "s": "back\\slash\t"}).result_rows == [(2,)]


def test_parameters_too_long_for_a_url_travel_as_form_fields(client: Client) -> None:
    wanted = list(range(5_000))
    found = client.query(
        "SELECT length({wanted:Array(UInt32)}), length({text:String})",
        parameters={"wanted": wanted, "text": "x" * 300_000},
    )
    assert found.result_rows == [(5_000, 300_000)]


def test_an_empty_result_and_a_probe_for_columns_work(client: Client) -> None:
    assert client.query("SELECT n FROM t WHERE n < 0").result_rows == []
    assert client.query("SELECT n, s FROM t LIMIT 0").column_names == ("n", "s")


def test_command_tells_a_result_from_none(client: Client) -> None:
    assert client.command("SELECT count() FROM t") == 0
    assert client.command("EXISTS TABLE t") == 1
    assert client.command("SELECT s FROM t") == ""
    assert not isinstance(client.command("TRUNCATE TABLE t"), str | int)


def test_milliseconds_survive_in_datetime64(client: Client) -> None:
    client.command("CREATE TABLE times (at DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY at")
    moment = datetime(2026, 11, 22, 15, 0, 0, 123_000, tzinfo=UTC)
    client.insert("times", [[moment]], column_names=["at"])
    at = client.query("SELECT at, toUnixTimestamp64Milli(at) FROM times", query_tz="UTC")
    assert at.result_rows[0][1] == int(moment.timestamp() * 1000)


def test_large_results_stream_as_rows_raw_bytes_and_arrow(client: Client) -> None:
    sql = "SELECT number, toString(number) AS s FROM numbers(300000)"
    with client.query_row_block_stream(sql) as blocks:
        assert sum(len(block) for block in blocks) == 300_000
    with client.raw_stream(sql, fmt="CSV") as raw:
        assert sum(chunk.count(b"\n") for chunk in raw) == 300_000
    assert client.query_arrow(sql).num_rows == 300_000
    with client.query_arrow_stream(sql) as tables:
        assert sum(table.num_rows for table in tables) == 300_000


def test_arrow_and_raw_csv_can_be_inserted(client: Client) -> None:
    table = client.query_arrow("SELECT toInt32(number) AS n, 'a' AS s FROM numbers(10)")
    client.insert_arrow("t", table)
    client.raw_insert("t", ["n", "s"], b'10,"b"\n11,"c"\n', fmt="CSV")
    assert client.query("SELECT count(), max(n) FROM t").result_rows == [(12, 11)]


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT nosuch FROM t", 47),
        ("SELECT * FROM t WHERE", 62),
        ("SELECT * FROM system.nosuch", 60),
        ("SELECT 1 SETTINGS nosuch = 1", 115),
        ("SELECT throwIf(1)", 395),
        ("INSERT INTO t VALUES ('x', 1)", 6),
        ("SELECT 1; SELECT 2", 62),
    ],
)
def test_errors_carry_the_code_of_clickhouse(client: Client, sql: str, code: int) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.command(sql)
    assert caught.value.code == code
    assert client.command("SELECT 1") == 1


def test_an_error_inside_a_stream_is_never_taken_for_the_end(client: Client) -> None:
    sql = "SELECT throwIf(number = 2000000, 'too far') FROM numbers(3000000)"
    with pytest.raises(StreamFailureError, match="too far"):  # noqa: SIM117
        with client.query_row_block_stream(sql) as blocks:
            for _ in blocks:
                pass
    assert client.command("SELECT 1") == 1
