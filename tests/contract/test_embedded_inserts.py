"""An insert that is acknowledged is stored: what cannot be written is an error, never silence."""

from __future__ import annotations

from collections.abc import Iterator

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import Error

pytestmark = pytest.mark.engine

TABLE = """
CREATE TABLE t
(
    n Int32,
    double Int32 DEFAULT n * 2,
    made Int32 MATERIALIZED n + 1,
    name LowCardinality(Nullable(String)) DEFAULT 'none',
    pairs Array(Tuple(a Int32, b String)) DEFAULT [(1, 'two\twords')] COMMENT 'two\nlines',
    CONSTRAINT small CHECK n < 100
)
ENGINE = ReplacingMergeTree ORDER BY n PARTITION BY n % 200
"""


@pytest.fixture
def client(clickhouse: str, database: str) -> Iterator[Client]:
    with clickhouse_connect.get_client(dsn=clickhouse, database=database) as client:
        client.command(TABLE)
        yield client


def rows(client: Client) -> list[tuple[object, ...]]:
    return [
        tuple(row) for row in client.query("SELECT * EXCEPT (pairs) FROM t ORDER BY n").result_rows
    ]


@pytest.mark.parametrize("form", ["Native", "VALUES"])
def test_a_full_disk_refuses_the_insert(client: Client, form: str) -> None:
    client.command("ALTER TABLE t MODIFY SETTING min_free_disk_bytes_to_perform_insert = 1e18")
    with pytest.raises(Error) as refused:
        insert(client, form, [1, 2])
    assert refused.value.code == 243
    assert rows(client) == []
    client.command("ALTER TABLE t MODIFY SETTING min_free_disk_bytes_to_perform_insert = 0")
    insert(client, form, [1, 2])
    assert [row[0] for row in rows(client)] == [1, 2]


@pytest.mark.parametrize("form", ["Native", "VALUES"])
def test_a_row_against_a_constraint_refuses_the_insert(client: Client, form: str) -> None:
    with pytest.raises(Error) as refused:
        insert(client, form, [1, 100])
    assert refused.value.code == 469
    assert rows(client) == []


def test_one_insert_over_too_many_partitions_is_refused(client: Client) -> None:
    with pytest.raises(Error) as refused:
        client.insert(
            "t",
            [[n] for n in range(-100, 100)],
            column_names=["n"],
            settings={"max_partitions_per_insert_block": 20},
        )
    assert refused.value.code == 252


def test_what_is_left_out_takes_its_default(client: Client) -> None:
    client.command("INSERT INTO t (n) VALUES (1)")
    client.command("INSERT INTO `t` (`n`, name) FORMAT TSV\n2\ttwo\n")
    client.command('INSERT INTO TABLE t FORMAT JSONEachRow {"n": 3} {"n": 4, "double": 0}')
    client.command("INSERT INTO t(* EXCEPT (double, pairs)) VALUES (5, NULL)")
    assert rows(client) == [
        (1, 2, "none"),
        (2, 4, "two"),
        (3, 6, "none"),
        (4, 0, "none"),
        (5, 10, None),
    ]
    assert client.query("SELECT sum(made) FROM t").result_rows == [(20,)]


def test_the_tables_of_a_session_take_rows_too(clickhouse: str, database: str) -> None:
    with clickhouse_connect.get_client(
        dsn=clickhouse, database=database, session_id=database
    ) as client:
        client.command("CREATE TEMPORARY TABLE mine (n Int32) ENGINE = Memory")
        for number in (1, 2):
            client.insert("mine", [[number]], column_names=["n"])
        assert client.query("SELECT n FROM mine ORDER BY n").result_rows == [(1,), (2,)]


def insert(client: Client, form: str, numbers: list[int]) -> None:
    if form == "Native":
        client.insert("t", [[n] for n in numbers], column_names=["n"])
    else:
        client.command("INSERT INTO t (n) VALUES " + ", ".join(f"({n})" for n in numbers))
