"""What the demo asks ClickHouse, over HTTP as everybody does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

from pipeline.core.reasons import Outcome
from pipeline.local.demo.truth import Cells, Hour
from pipeline.store.client import AsyncClient, store_errors

Row = Sequence[object]
FRESH_SECONDS: Final = 15
"""At 200 responses a second 3,000 values: enough for a p99, and it follows what happens."""
OUTCOMES: Final = tuple(outcome.value for outcome in Outcome)


class Score(NamedTuple):
    """One measure of one group in the last hour; times are ms."""

    group: tuple[str, str, str, str]
    measure: str
    scale: str
    n: int
    mean: float
    share: float
    lo: float
    hi: float
    last_response_at: int


class Freshness(NamedTuple):
    """From append in Kafka to visible in ClickHouse; ms."""

    what: str
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Totals:
    """What the ledger says became of every record; raw rows, as `stored`."""

    received: int
    missing: int
    outcomes: dict[str, int]
    stored: int


class Published(NamedTuple):
    """One measure of a fiscal quarter."""

    measure: str
    responses: int
    counts: tuple[int, ...]


class Numbers:
    """The queries. Every method raises StoreError."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def scores(self) -> list[Score]:
        """What is asked first of each group: trust, satisfaction, or yes or no."""
        rows = await self._rows(
            """
            SELECT agency, service, channel, survey, measure, scale,
                   n, mean, share_positive, lo, hi,
                   toUnixTimestamp64Milli(assumeNotNull(last_response_at))
            FROM rolling_now
            WHERE window = '1h' AND measure IN ('trust', 'satisfaction', 'yes_no') AND n > 0
            """
        )
        return [Score(_group(row), *row[4:]) for row in rows]  # type: ignore[arg-type]  # as asked

    async def freshness(self) -> list[Freshness]:
        """Of raw rows and of scores, over the last seconds; the view `freshness` has it by minute.

        One value for each raw row, and one for each cut of a partition that changed scores.
        """
        rows = await self._rows(
            f"""
            WITH now64(3, 'UTC') - INTERVAL {FRESH_SECONDS} SECOND AS since
            SELECT stage, quantileExact(0.5)(lag), quantileExact(0.99)(lag) FROM
            (
                SELECT 'responses' AS stage,
                       dateDiff('millisecond', received_at, inserted_at) AS lag
                FROM responses WHERE received_at >= since
                UNION ALL
                SELECT 'scores' AS stage,
                       dateDiff('millisecond', any(as_of), min(inserted_at)) AS lag
                FROM rolling_scores WHERE window = '1h' AND measure = 'response' AND as_of >= since
                GROUP BY generation, partition, version
            )
            GROUP BY stage ORDER BY stage
            """
        )
        return [Freshness(str(s), float(str(p50)), float(str(p99))) for s, p50, p99 in rows]

    async def totals(self) -> Totals:
        """The newest ledger entry of each partition, added up."""
        ((*sums, stored),) = await self._rows(
            f"""
            SELECT {", ".join(f"sum(last.{i})" for i in range(1, len(OUTCOMES) + 3))},
                   (SELECT count() FROM responses)
            FROM
            (
                SELECT argMax((received, missing, {", ".join(OUTCOMES)}), next_offset) AS last
                FROM ledger GROUP BY generation, partition
            )
            """
        )
        received, missing, *outcomes = (int(str(number)) for number in sums)
        by_name = dict(zip(OUTCOMES, outcomes, strict=True))
        return Totals(received, missing, by_name, int(str(stored)))

    async def stored(self) -> int:
        """Raw rows; one that was written twice may count twice for a while."""
        ((count,),) = await self._rows("SELECT count() FROM responses")
        return int(str(count))

    async def dead_letters(self) -> dict[tuple[str, str], int]:
        """How many of each stage and reason."""
        rows = await self._rows(
            "SELECT stage, reason, count() FROM dead_letters FINAL GROUP BY stage, reason"
        )
        return {(str(stage), str(reason)): int(str(n)) for stage, reason, n in rows}

    async def cells(self) -> Cells:
        """Everything that is counted."""
        rows = await self._rows(
            """
            SELECT agency, service, channel, survey, scale, measure,
                   toInt64(toUnixTimestamp(hour)) * 1000, sumForEach(counts) AS six
            FROM score_panes FINAL
            GROUP BY agency, service, channel, survey, scale, measure, hour
            HAVING arraySum(six) > 0
            """
        )
        return {tuple(row[:7]): tuple(cast("list[int]", row[7])) for row in rows}  # type: ignore[misc]  # as asked

    async def quarter(self, fiscal_year: int, quarter: int, survey: str) -> list[Published]:
        """The measures of one survey in one fiscal quarter."""
        rows = await self._rows(
            f"""
            SELECT measure, responses, counts
            FROM quarterly(fiscal_year = {fiscal_year}, quarter = {quarter}, min_n = 1)
            WHERE survey = {{survey:String}}
            """,
            {"survey": survey},
        )
        return [Published(str(m), int(str(n)), tuple(cast("list[int]", c))) for m, n, c in rows]

    async def sightings(self) -> list[tuple[str, Hour]]:
        """Event id, and group and hour, of every raw row."""
        rows = await self._rows(
            """
            SELECT DISTINCT toString(event_id), agency, service, channel, survey,
                   intDiv(toUnixTimestamp64Milli(occurred_at), 3600000) * 3600000
            FROM responses
            """
        )
        return [(str(row[0]), cast(Hour, tuple(row[1:]))) for row in rows]

    async def _rows(self, query: str, parameters: dict[str, object] | None = None) -> list[Row]:
        with store_errors("ask ClickHouse for what the demo shows"):
            answer = await self._client.query(query, parameters=parameters)
        return list(answer.result_rows)


def _group(row: Row) -> tuple[str, str, str, str]:
    return cast("tuple[str, str, str, str]", tuple(row[:4]))
