"""rolling_now on the real engine: right before any merge, whatever the order of arrival."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.core.updates import make_version
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
    for name in ("rolling_scores", "score_panes", "sink_progress"):
        client.command(f"TRUNCATE TABLE {name} SYNC")
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


def pane(measure: str, hour: str, counts: list[int], generation: int) -> dict[str, object]:
    return score("vha", measure, counts) | {
        "hour": at(hour),
        "generation": generation,
        "version": make_version(generation, 5),
        "last_response_at": at(hour),
        "as_of": at(hour),
    }


def begun(*generations: int) -> list[dict[str, object]]:
    """What a sink tells of partition 0 as it goes through these generations."""
    place = {"topic": "cx.responses", "partition": 0, "next_offset": 9}
    return [place | {"generation": one} for one in generations]


def counted(client: Client) -> dict[str, int]:
    """Answers by window."""
    rows = client.query("SELECT window, n FROM rolling_now WHERE measure = 'trust'").result_rows
    return {str(window): int(n) for window, n in rows}


def test_a_log_that_is_gone_counts_by_its_panes_as_long_as_a_window_reaches_them(
    client: Client,
) -> None:
    one, two = [0, 1, 0, 0, 0, 0], [0, 2, 0, 0, 0, 0]
    old = [
        # It counted 3 in the last day; these rows would slide no more.
        window("vha", "trust", [0, 90, 0, 0, 0, 0], "2026-01-05 12:00", name=name)
        for name in LENGTHS
    ]
    new = [
        window("vha", "trust", one, "2026-01-05 12:00", name=name)
        | {"generation": 2, "version": make_version(2, 1)}
        for name in LENGTHS
    ]
    panes = [
        pane("trust", "2026-01-05 11:00", one, 1),
        pane("trust", "2026-01-04 12:00", two, 1),
        pane("trust", "2026-01-04 11:00", [0, 40, 0, 0, 0, 0], 1),
        pane("trust", "2026-01-05 11:00", one, 2),
    ]
    insert(client, "score_panes", panes)
    insert(client, "sink_progress", begun(1))
    insert(client, "rolling_scores", old)
    assert counted(client) == {"1h": 90, "24h": 90}
    insert(client, "sink_progress", begun(2))
    assert counted(client) == {}  # the windows of these old panes are over by now
    insert(client, "rolling_scores", new)
    assert counted(client) == {"1h": 1, "24h": 1 + 3}


def test_before_anything_new_is_told_a_log_that_is_gone_counts_up_to_this_hour(
    client: Client,
) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    recent = hour - timedelta(hours=2)
    insert(client, "score_panes", [pane("trust", recent.isoformat(" "), [0, 1, 0, 0, 0, 0], 1)])
    insert(client, "sink_progress", begun(1, 2))
    assert counted(client) == {"24h": 1, "7d": 1, "28d": 1}


def minute(ahead: int = 0) -> datetime:
    """The end of the pane that a right clock is in, or of one some panes later."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    return now + timedelta(minutes=1 + ahead)


def ending(end: datetime, count: int, partition: int) -> dict[str, object]:
    row = window("vha", "trust", [0, count, 0, 0, 0, 0], "2026-01-05 12:00", partition=partition)
    return row | {"window_start": end - LENGTHS["1h"], "window_end": end}


@pytest.mark.parametrize("ahead", [3, 60 * 24 * 365])
def test_a_worker_whose_clock_is_ahead_hides_nobody(client: Client, ahead: int) -> None:
    before = [ending(minute(-1), 4, 0), ending(minute(-1), 8, 1)]
    insert(client, "rolling_scores", [*before, ending(minute(ahead), 1, 0)])
    assert counted(client) == {"1h": 4 + 8}


def test_a_clock_one_pane_ahead_counts_beside_the_others(client: Client) -> None:
    insert(client, "rolling_scores", [ending(minute(), 4, 0), ending(minute(1), 8, 1)])
    assert counted(client) == {"1h": 4 + 8}
