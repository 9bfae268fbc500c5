"""The tables as the sink sees them: synchronous columnar inserts over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Final

from pipeline import metrics
from pipeline.sink.rows import Block
from pipeline.store.client import AsyncClient, store_errors

MAX_STATEMENT: Final = 1024 * 1024
"""Bytes of a recount (bounded by `repair.chunks`); the embedded server allows no more."""
_SETTINGS: Final = {
    # The server writes the block before it answers: the offset is committed on that word.
    "async_insert": 0,
    # Two batches of the same rows are the same rows: nothing to deduplicate by block.
    "insert_deduplicate": 0,
}

_BESIDES: Final = {
    "max_query_size": MAX_STATEMENT,
    # Nobody waits for a recount; on all cores it would hold up the inserts that are waited for.
    "max_threads": 1,
}


class Tables:
    """Inserts blocks and runs statements; one client serves all lanes at the same time."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._types: dict[str, dict[str, str]] = {}

    async def look_at(self, tables: Iterable[str]) -> None:
        """Learn the columns of these tables. Raises StoreError when one is missing."""
        for table in tables:
            await self._column_types(table)

    async def insert(self, block: Block) -> None:
        """Insert one block and wait until it is stored. Raises StoreError, by what helps."""
        types = await self._column_types(block.table)
        names = list(block.columns)
        started = time.perf_counter()
        with store_errors(f"insert into {block.table}", rows=True):
            await self._client.insert(
                block.table,
                list(block.columns.values()),
                column_names=names,
                column_type_names=[types[name] for name in names],
                column_oriented=True,
                settings=_SETTINGS,
            )
        metrics.SINK_INSERT_SECONDS.labels(block.table).observe(time.perf_counter() - started)
        metrics.SINK_ROWS.labels(block.table).inc(block.rows)

    async def execute(self, statement: str, what: str) -> None:
        """Run a statement; `what` completes "cannot ...". Raises StoreError."""
        with store_errors(what):
            await self._client.command(statement, settings=_BESIDES)

    async def rows(self, query: str, what: str) -> Sequence[Sequence[object]]:
        """The rows of a query; `what` completes "cannot ...". Raises StoreError."""
        with store_errors(what):
            result = await self._client.query(query, settings=_BESIDES)
        rows: Sequence[Sequence[object]] = result.result_rows
        return rows

    async def _column_types(self, table: str) -> dict[str, str]:
        """Asked once a table: without them the driver describes it before every insert."""
        known = self._types.get(table)
        if known is None:
            rows = await self.rows(f"DESCRIBE TABLE `{table}`", f"describe table {table}")
            known = self._types[table] = {str(row[0]): str(row[1]) for row in rows}
        return known
