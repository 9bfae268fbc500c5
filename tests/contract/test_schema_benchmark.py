"""benchmark and quarterly on the real engine: bounds, ranks, thresholds, and the statistics."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import pytest

from pipeline.core.rating import rate
from pipeline.core.vocabulary import Scale
from pipeline.errors import StoreError
from pipeline.store.client import Client, store_errors
from tests.fixtures.schema import at, golden, insert, migrated, score, table

pytestmark = pytest.mark.engine

JANUARY = "from = '2026-01-01 05:00:00', to = '2026-04-01 04:00:00'"


def pane(
    service: str,
    measure: str,
    counts: list[int],
    hour: str = "2026-02-01 00:00",
    *,
    partition: int = 0,
    offset: int = 1,
) -> dict[str, object]:
    return score(service, measure, counts, partition=partition, offset=offset) | {"hour": at(hour)}


ROWS = [
    # Best by mean; three hours, two partitions, and an older version that arrives later.
    pane("best", "trust", [0, 0, 0, 0, 0, 10], "2026-01-01 05:00", offset=5),
    pane("best", "trust", [0, 0, 0, 0, 3, 7], "2026-04-01 03:00", partition=1),
    pane("best", "trust", [0, 99, 0, 0, 0, 0], "2026-01-01 05:00", offset=4),
    pane("best", "response", [11, 0, 0, 0, 0, 0], "2026-01-01 05:00"),
    pane("best", "response", [10, 0, 0, 0, 0, 0], "2026-04-01 03:00", partition=1),
    # Outside of [from, to), and of the quarter in New York.
    pane("best", "trust", [0, 50, 0, 0, 0, 0], "2026-01-01 04:00"),
    pane("best", "trust", [0, 50, 0, 0, 0, 0], "2026-04-01 04:00"),
    # A tie, then the place after it.
    pane("tied", "trust", [0, 0, 0, 0, 20, 0]),
    pane("even", "trust", [0, 0, 0, 10, 0, 10]),
    pane("last", "trust", [0, 20, 0, 0, 0, 0]),
    # Too thin to be ranked, never answered, and another wording: that is ranked by itself.
    pane("thin", "trust", [0, 0, 0, 0, 0, 9]),
    pane("none", "trust", [0, 0, 0, 0, 0, 0]),
    pane("svc-other", "trust", [0, 0, 0, 0, 20, 20]),
    # Another scale: by the positive share.
    pane("best", "up", [5, 5, 0, 0, 0, 0]),
    pane("last", "up", [1, 9, 0, 0, 0, 0]),
    # Quarters are cut in the survey's zone: the same hours, in the quarter or not.
    pane("svc-west", "trust", [0, 0, 0, 0, 0, 40], "2026-01-01 07:00"),
    pane("svc-west", "trust", [0, 0, 0, 0, 40, 0], "2026-01-01 08:00"),
    pane("svc-west", "trust", [0, 0, 0, 40, 0, 0], "2026-04-01 06:00"),
    pane("svc-west", "trust", [0, 0, 40, 0, 0, 0], "2026-04-01 07:00"),
]


@pytest.fixture(scope="module")
def client(clickhouse: str) -> Iterator[Client]:
    with migrated(clickhouse) as client:
        client.command("SYSTEM STOP MERGES score_panes")
        insert(client, "score_panes", ROWS[:2])
        insert(client, "score_panes", ROWS[2:])
        insert(client, "score_panes", ROWS[1::2])
        yield client


def test_the_golden_rows_of_an_interval_come_out_exactly(client: Client) -> None:
    found = table(client, f"SELECT * FROM benchmark({JANUARY}, min_n = 10) ORDER BY ALL")
    assert found == golden("benchmark")


def test_the_golden_rows_of_a_quarter_come_out_exactly(client: Client) -> None:
    query = "SELECT * FROM quarterly(fiscal_year = 2026, quarter = 2, min_n = 10) ORDER BY ALL"
    assert table(client, query) == golden("quarterly")


def test_bounds_that_are_not_whole_hours_are_refused(client: Client) -> None:
    half = "from = '2030-01-01 00:30:00', to = '2030-01-02 00:00:00'"
    with (
        pytest.raises(StoreError, match="must be whole hours"),
        store_errors("compare", detail=True),
    ):
        client.query(f"SELECT * FROM benchmark({half}, min_n = 1)")


def test_statistics_agree_with_the_python_ones(client: Client) -> None:
    dice = random.Random(280)
    cells: dict[str, tuple[Scale, list[int]]] = {}
    for number in range(150):
        size = dice.choice([0, 1, 3, 40, 10_000_000])
        likert = [0, *(dice.randint(0, size) for _ in range(5))]
        cells[f"l{number}"] = (Scale.LIKERT5, likert)
        cells[f"t{number}"] = (Scale.THUMBS, [*likert[1:3], 0, 0, 0, 0])
    cells["all"] = (Scale.THUMBS, [0, 7, 0, 0, 0, 0])
    cells["nobody"] = (Scale.THUMBS, [7, 0, 0, 0, 0, 0])
    rows = [
        pane(name, "trust" if scale is Scale.LIKERT5 else "up", counts, "2027-01-01 00:00")
        for name, (scale, counts) in cells.items()
    ]
    insert(client, "score_panes", rows)
    day = "from = '2027-01-01 00:00:00', to = '2027-01-02 00:00:00', min_n = 0"
    found = client.query(
        f"SELECT service, n, mean, share_positive, lo, hi FROM benchmark({day})"
    ).result_rows
    assert len(found) == len(cells)
    for name, n, *numbers in found:
        rating = rate(*cells[name])
        expected = [rating.mean, rating.share_positive, rating.lo, rating.hi]
        assert n == rating.n
        for number, wanted in zip(numbers, expected, strict=True):
            assert number == wanted or math.isclose(number, wanted or 0, rel_tol=0, abs_tol=1e-9)
