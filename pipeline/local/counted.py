"""What ClickHouse holds of what was sent: asked over HTTP, as everybody does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from pipeline.core.reasons import Outcome
from pipeline.local.expected import Cells
from pipeline.local.verdict import Found
from pipeline.store.client import AsyncClient, store_errors

Row = Sequence[object]
OUTCOMES: Final = tuple(outcome.value for outcome in Outcome)


@dataclass(frozen=True, slots=True)
class Totals:
    """What the ledger says became of every record; raw rows, as `stored`."""

    received: int
    missing: int
    outcomes: dict[str, int]
    stored: int


class Counted:
    """The queries. Every method raises StoreError."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def found(self) -> Found:
        """Everything that a verdict needs."""
        totals = await self.totals()
        return Found(
            received=totals.received,
            missing=totals.missing,
            outcomes=totals.outcomes,
            dead_letters=await self.dead_letters(),
            cells=await self.cells(),
        )

    async def totals(self) -> Totals:
        """The newest ledger entry of each partition, added up."""
        ((*sums, stored),) = await self.rows(
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
        ((count,),) = await self.rows("SELECT count() FROM responses")
        return int(str(count))

    async def dead_letters(self) -> dict[tuple[str, str], int]:
        """How many of each stage and reason."""
        rows = await self.rows(
            "SELECT stage, reason, count() FROM dead_letters FINAL GROUP BY stage, reason"
        )
        return {(str(stage), str(reason)): int(str(n)) for stage, reason, n in rows}

    async def cells(self) -> Cells:
        """Everything that is counted."""
        rows = await self.rows(
            """
            SELECT agency, service, channel, survey, scale, measure,
                   toInt64(toUnixTimestamp(hour)) * 1000, sumForEach(counts) AS six
            FROM score_panes FINAL
            GROUP BY agency, service, channel, survey, scale, measure, hour
            HAVING arraySum(six) > 0
            """
        )
        return {tuple(row[:7]): tuple(cast("list[int]", row[7])) for row in rows}  # type: ignore[misc]  # as asked

    async def rows(self, query: str, parameters: dict[str, object] | None = None) -> list[Row]:
        """The answer to any query. Raises StoreError."""
        with store_errors("ask ClickHouse what it holds"):
            answer = await self._client.query(query, parameters=parameters)
        return list(answer.result_rows)
