"""An INSERT whose rows come with the request: streamed into the engine, committed at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pipeline.store.embedded.failures import QueryError
from pipeline.store.embedded.leases import Lease
from pipeline.store.embedded.shapes import Statement
from pipeline.store.embedded.staging import Stage, target_of


class _Done(Protocol):
    rows_written: int
    bytes_written: int


class _Inserter(Protocol):
    def append(self, data: bytes) -> None: ...
    def finish(self) -> _Done: ...
    def cancel(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Written:
    """What an INSERT did."""

    rows: int = 0
    bytes: int = 0


class Writing:
    """One INSERT; `close` it in any case. All methods block. `push(..., last=True)` writes, and
    returns when all is stored; very many rows may be several parts, as on a server."""

    def __init__(self, lease: Lease, statement: Statement, params: Mapping[str, str]) -> None:
        self._lease = lease
        self._sql = statement.sql
        self._form = statement.format or "Values"
        self._params = {f"param_{name}": value for name, value in params.items()}
        self._open = False
        self._stage: Stage | None = None

    def push(self, data: bytes, *, last: bool) -> Written:
        """Gives the engine the next bytes; with `last` commits.

        Raises:
            QueryError: the table, the columns or the rows are wrong; nothing more may be pushed.
        """
        try:
            if not self._open:
                self._start()
            if data:
                self._inserter.append(data)
            if not last:
                return Written()
            self._open = False
            done = self._inserter.finish()
        except RuntimeError as error:
            raise QueryError.from_engine(error) from error
        if self._stage is not None:
            self._stage.write(int(done.rows_written))
        return Written(int(done.rows_written), int(done.bytes_written))

    def _start(self) -> None:
        handle = self._lease.handle()
        handle.set(self._params)
        target = target_of(self._sql)
        self._stage = Stage(handle, self._sql, target) if target else None
        into = self._stage.insert if self._stage else self._sql
        self._inserter: _Inserter = handle.connection.send_insert(into, self._form)
        self._open = True

    def close(self) -> None:
        """Takes everything back that was not committed."""
        if self._open:
            self._open = False
            self._inserter.cancel()
        if self._stage is not None:
            self._stage.drop()
            self._stage = None


def summary(written: Written, read_rows: int = 0, result_bytes: int = 0) -> str:
    """The value of X-ClickHouse-Summary: numbers as strings, as ClickHouse sends them."""
    numbers = {
        "read_rows": read_rows,
        "written_rows": written.rows,
        "written_bytes": written.bytes,
        "result_rows": read_rows or written.rows,
        "result_bytes": result_bytes or written.bytes,
    }
    return json.dumps({name: str(number) for name, number in numbers.items()})
