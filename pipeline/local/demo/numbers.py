"""What the demo asks ClickHouse, over HTTP as everybody does."""

from __future__ import annotations

from typing import Final, NamedTuple, cast

from pipeline.local.counted import Counted, Row
from pipeline.local.expected import Hour

FRESH_SECONDS: Final = 15
"""At 200 responses a second 3,000 values: enough for a p99, and it follows what happens."""


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


class Published(NamedTuple):
    """One measure of a fiscal quarter."""

    measure: str
    responses: int
    counts: tuple[int, ...]


class Numbers(Counted):
    """The queries. Every method raises StoreError."""

    async def scores(self) -> list[Score]:
        """What is asked first of each group: trust, satisfaction, or yes or no."""
        rows = await self.rows(
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
        rows = await self.rows(
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

    async def quarter(self, fiscal_year: int, quarter: int, survey: str) -> list[Published]:
        """The measures of one survey in one fiscal quarter."""
        rows = await self.rows(
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
        rows = await self.rows(
            """
            SELECT DISTINCT toString(event_id), agency, service, channel, survey,
                   intDiv(toUnixTimestamp64Milli(occurred_at), 3600000) * 3600000
            FROM responses
            """
        )
        return [(str(row[0]), cast(Hour, tuple(row[1:]))) for row in rows]


def _group(row: Row) -> tuple[str, str, str, str]:
    return cast("tuple[str, str, str, str]", tuple(row[:4]))
