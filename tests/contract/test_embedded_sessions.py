"""What holds for one request, and what a session keeps."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

THREADS = "SELECT getSetting('max_threads')"
ROWS = "SELECT getSetting('max_block_size')"


@pytest.fixture
def client(clickhouse: str, database: str) -> Iterator[Client]:
    with contextlib.closing(
        clickhouse_connect.get_client(dsn=clickhouse, database=database)
    ) as client:
        yield client


@pytest.fixture
def stateless(clickhouse: str) -> Iterator[Client]:
    with contextlib.closing(
        clickhouse_connect.get_client(dsn=clickhouse, autogenerate_session_id=False)
    ) as client:
        yield client


def test_a_setting_given_with_a_query_is_gone_after_it(client: Client, stateless: Client) -> None:
    for each in (client, stateless):
        default = each.command(ROWS)
        assert each.command(ROWS, settings={"max_block_size": 77}) == 77
        assert each.command(ROWS) == default


def test_a_session_keeps_what_it_set_under_a_passing_override(client: Client) -> None:
    client.command("SET max_block_size = 55")
    assert client.command(ROWS, settings={"max_block_size": 77}) == 77
    assert client.command(ROWS) == 55
    client.command("SET max_block_size = 66", settings={"max_block_size": 77})
    assert client.command(ROWS) == 66


def test_set_without_a_session_leaks_into_no_other_request(stateless: Client) -> None:
    default = stateless.command(ROWS)
    stateless.command("SET max_block_size = 55")
    assert stateless.command(ROWS) == default


def test_temporary_tables_live_in_their_session_alone(client: Client, clickhouse: str) -> None:
    client.command("CREATE TEMPORARY TABLE mine (n Int32)")
    client.insert("mine", [[1], [2]], column_names=["n"])
    assert client.command("SELECT sum(n) FROM mine") == 3
    with (
        contextlib.closing(clickhouse_connect.get_client(dsn=clickhouse)) as other,
        pytest.raises(DatabaseError),
    ):
        other.command("SELECT sum(n) FROM mine")


def test_use_moves_a_session_and_a_database_parameter_does_not(
    clickhouse: str, database: str
) -> None:
    with contextlib.closing(clickhouse_connect.get_client(dsn=clickhouse)) as client:
        client.command(f"USE {database}")
        assert client.command("SELECT currentDatabase()") == database
        with_system = {"database": "system"}
        assert client.command("SELECT currentDatabase()", settings=with_system) == "system"
        assert client.command("SELECT currentDatabase()") == database


def test_a_failing_setting_leaves_the_session_usable(client: Client) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.command(THREADS, settings={"max_threads": "many"})
    assert caught.value.code is not None
    assert client.command(THREADS, settings={"max_threads": 2}) == 2


def test_an_unknown_database_is_named(clickhouse: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        clickhouse_connect.get_client(dsn=clickhouse, database="nosuch").command("SELECT 1")
    assert caught.value.code == 81
