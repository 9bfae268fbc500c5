"""rolling_now on the real engine: right before any merge, whatever the order of arrival."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from pipeline.store.client import Client
from tests.fixtures.schema import at, golden, insert, migrated, score, table

pytestmark = pytest.mark.engine

LENGTHS = {"1h": timedelta(hours=1), "24h": timedelta(hours=24)}

QUERY = "SELECT * FROM rolling_now ORDER BY ALL"


@pytest.fixture(scope="module")
def client(clickhouse: str) -> Iterator[Client]:
    with migrated(clickhouse) as client:
        yield client


@pytest.fixture(autouse=True)
def empty(client: Client) -> None:
    client.command("TRUNCATE TABLE rolling_scores SYNC")
    client.command("SYSTEM STOP MERGES rolling_scores")


def window(
    service: str,
    measure: str,
    counts: list[int],
    end: str,
    *,
    name: str = "1h",
    partition: int = 0,
    offset: int = 1,
) -> dict[str, object]:
    return score(service, measure, counts, partition=partition, offset=offset) | {
        "window": name,
        "window_start": at(end) - LENGTHS[name],
        "window_end": at(end),
        "last_response_at": at("2026-01-05 11:59:01") + timedelta(seconds=partition),
        "as_of": at("2026-01-05 11:59:02"),
        "emitted_at": at("2026-01-05 11:59:03") + timedelta(milliseconds=offset),
    }


ROWS = [
    # Two partitions add up; the second is one pane behind, which is near enough.
    window("vha", "trust", [0, 1, 0, 0, 2, 3], "2026-01-05 12:00"),
    window("vha", "trust", [0, 0, 0, 1, 0, 1], "2026-01-05 11:59", partition=1, offset=9),
    window("vha", "response", [7, 0, 0, 0, 0, 0], "2026-01-05 12:00"),
    window("vha", "response", [2, 0, 0, 0, 0, 0], "2026-01-05 11:59", partition=1, offset=9),
    # More than one pane behind: its counts are of another interval.
    window("vha", "trust", [0, 0, 0, 0, 0, 90], "2026-01-05 11:58", partition=2, offset=99),
    # Never answered, and a group whose window slid to nothing: both stay, without a score.
    window("vha", "ease", [0, 0, 0, 0, 0, 0], "2026-01-05 12:00"),
    window("slid", "trust", [0, 0, 0, 0, 0, 0], "2026-01-05 12:00", offset=3),
    window("slid", "trust", [0, 0, 0, 0, 0, 1], "2026-01-05 11:59", offset=2),
    # The later interval wins over the higher version, and in one interval the higher version.
    window("slid", "up", [1, 8, 0, 0, 0, 0], "2026-01-05 12:00", offset=3),
    window("slid", "up", [1, 7, 0, 0, 0, 0], "2026-01-05 12:00", offset=2),
    window("slid", "up", [9, 9, 0, 0, 0, 0], "2026-01-05 11:59", offset=4),
    # The newest of each window counts for itself; a pane of a day's window is an hour.
    window("vha", "trust", [0, 0, 0, 0, 0, 5], "2026-01-05 12:00", name="24h"),
    window("vha", "trust", [0, 4, 0, 0, 0, 0], "2026-01-05 11:00", name="24h", partition=1),
    window("vha", "trust", [0, 3, 0, 0, 0, 0], "2026-01-05 10:00", name="24h", partition=2),
]


def test_the_golden_rows_come_out_exactly(client: Client) -> None:
    insert(client, "rolling_scores", ROWS)
    assert table(client, QUERY) == golden("rolling_now")


def test_the_order_of_arrival_replays_and_merges_change_nothing(client: Client) -> None:
    for row in reversed(ROWS):
        insert(client, "rolling_scores", [row])
    insert(client, "rolling_scores", ROWS[::2])
    assert table(client, QUERY) == golden("rolling_now")
    client.command("SYSTEM START MERGES rolling_scores")
    client.command("OPTIMIZE TABLE rolling_scores FINAL")
    assert client.command("SELECT count() FROM rolling_scores") == len(ROWS) - 1
    assert table(client, QUERY) == golden("rolling_now")


def test_an_empty_table_gives_no_rows(client: Client) -> None:
    assert client.query(QUERY).result_rows == []
