"""A result: the first part for the reply's head, the rest as a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pipeline.store.embedded.failures import QueryError
from pipeline.store.embedded.leases import Lease
from pipeline.store.embedded.shapes import Shape, Statement

CONCATENATE = frozenset({"native", "tabseparated", "tsv", "csv", "rowbinary", "jsoneachrow"})
"""Formats without head or foot: the engine writes each block by itself, and blocks in these formats
can follow each other. The others are written in one go."""


class _Stream(Protocol):
    def fetch(self) -> _Chunk | None: ...
    def cancel(self) -> None: ...


class _Chunk(Protocol):
    def bytes(self) -> bytes: ...
    def rows_read(self) -> int: ...


class Reading:
    """Runs one statement and hands its answer out in parts. All methods block."""

    def __init__(
        self, lease: Lease, statement: Statement, form: str, params: Mapping[str, str]
    ) -> None:
        self._lease = lease
        self._statement = statement
        self._params = dict(params)
        self.form = statement.format or form
        self._stream: _Stream | None = None
        self.done = False
        self.rows = 0

    def head(self, size: int) -> bytes:
        """Everything, or at least `size` bytes; `done` tells which.

        Raises:
            QueryError: the statement fails.
        """
        streams = self._statement.shape is Shape.SELECT and self.form.lower() in CONCATENATE
        handle = self._lease.handle()
        if not streams:
            self.done = True
            return handle.query(self._statement.sql, self.form, self._params)
        try:
            self._stream = handle.connection.send_query(
                self._statement.sql, self.form, params=self._params
            )
        except RuntimeError as error:
            raise QueryError.from_engine(error) from error
        return self.more(size)

    def more(self, size: int) -> bytes:
        """The next part: at least `size` bytes, or the rest."""
        parts: list[bytes] = []
        total = 0
        while total < size and not self.done:
            chunk = self._fetch()
            if chunk is None:
                self.done = True
                break
            self.rows += chunk.rows_read()
            parts.append(chunk.bytes())
            total += len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _fetch(self) -> _Chunk | None:
        if self._stream is None:
            return None
        try:
            return self._stream.fetch()
        except RuntimeError as error:
            self._stream = None
            raise QueryError.from_engine(error) from error

    def close(self) -> None:
        """Stops the query if it still runs."""
        if self._stream is not None and not self.done:
            self._stream.cancel()
        self._stream = None
