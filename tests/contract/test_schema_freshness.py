"""freshness on the real engine: by minute of append time, and blind to windows that only slide."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from pipeline.store.client import Client
from tests.fixtures.schema import at, golden, insert, migrated, score, table

pytestmark = pytest.mark.engine


def raw(offset: int, received: datetime, lag_ms: int) -> dict[str, object]:
    return {
        "generation": 1,
        "partition": 0,
        "offset": offset,
        "event_id": UUID(int=offset),
        "received_at": received,
        "inserted_at": received + timedelta(milliseconds=lag_ms),
    }


def pane(as_of: datetime, lag_ms: int, *, offset: int, measure: str) -> dict[str, object]:
    return score("vha", measure, [1, 0, 0, 0, 0, 0], offset=offset) | {
        "hour": at("2026-01-05 12:00"),
        "as_of": as_of,
        "inserted_at": as_of + timedelta(milliseconds=lag_ms),
    }


def window(as_of: datetime, end: datetime, lag_ms: int, *, offset: int) -> dict[str, object]:
    return score("vha", "response", [1, 0, 0, 0, 0, 0], offset=offset) | {
        "window": "1h",
        "window_end": end,
        "as_of": as_of,
        "inserted_at": as_of + timedelta(milliseconds=lag_ms),
    }


def fill(client: Client) -> None:
    first, second = at("2026-01-05 12:00"), at("2026-01-05 12:01")
    for table_name in ("responses", "score_panes", "rolling_scores"):
        client.command(f"SYSTEM STOP MERGES {table_name}")
    insert(client, "responses", [raw(n, first, 10 * n) for n in range(1, 101)])
    insert(client, "responses", [raw(100, first, 1000), raw(101, second, 7)])
    insert(
        client,
        "score_panes",
        [
            pane(first, 40, offset=1, measure="response"),
            pane(first, 40, offset=1, measure="trust"),
            pane(second, 60, offset=2, measure="response"),
        ],
    )
    insert(
        client,
        "rolling_scores",
        [
            # The same update as the first pane, seen a little earlier.
            window(first, second, 30, offset=1),
            # Nothing was folded in this window's last minute: it only slid.
            window(second, at("2026-01-05 12:09"), 420_000, offset=3),
        ],
    )


def test_the_golden_rows_come_out_exactly(clickhouse: str) -> None:
    with migrated(clickhouse) as client:
        fill(client)
        assert table(client, "SELECT * FROM freshness ORDER BY ALL") == golden("freshness")
