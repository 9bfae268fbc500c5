"""Where the rows of an INSERT wait until they are complete: a temporary table in memory.

chDB's streaming insert tells what it cannot parse, and is silent about what it cannot write (seen
with 26.9: a full disk, a constraint, too many partitions): the rows are gone, and no error comes.
INSERT ... SELECT tells everything. So rows are parsed into memory first, and written from there.
"""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from pipeline.store.embedded.engine import Handle, identifier
from pipeline.store.embedded.failures import UNKNOWN_INSERT, QueryError
from pipeline.store.embedded.tokens import Kind, Token, tokens

TABLE: Final = "_rows_of_this_insert"
"""One name will do: a temporary table belongs to its handle, which runs one statement at a time."""


class Target(NamedTuple):
    """The table that an INSERT names, and its list of columns without the brackets ("" for all)."""

    table: str
    columns: str


class Stage:
    """The rows of one INSERT on their way. All methods block and raise QueryError."""

    def __init__(self, handle: Handle, sql: str, target: Target) -> None:
        """Makes the temporary table: the columns of the target with their defaults, no more."""
        self._handle = handle
        self._sql = sql
        self._list = target.columns
        described = handle.query(f"DESCRIBE TABLE {target.table}", "JSONCompactEachRow")
        columns = [_column(*json.loads(line)[:4]) for line in described.splitlines()]
        handle.query(
            f"CREATE TEMPORARY TABLE {TABLE} ({', '.join(columns)}) ENGINE = Memory", "TSV"
        )

    @property
    def insert(self) -> str:
        """The statement that fills it."""
        return f"INSERT INTO {TABLE} ({self._list})" if self._list else f"INSERT INTO {TABLE}"

    def write(self, rows: int) -> None:
        """Writes all of it to the target; `rows` is how many were given.

        That as many were held is seen by what was read of them: to count them before would be
        another statement, a fifth of the time of an insert. Those that were held are then written.
        """
        held = self._handle.copy(f"{self._sql} SELECT {self._list or '*'} FROM {TABLE}")
        if held != rows:
            raise QueryError(UNKNOWN_INSERT, f"{held} of {rows} rows were written; send it again")

    def drop(self) -> None:
        """Leaves the handle as it was."""
        self._handle.query(f"DROP TEMPORARY TABLE {TABLE}", "TSV")


def target_of(sql: str) -> Target | None:
    """What `INSERT INTO [TABLE] name [(columns)]` names; None for a table function."""
    text = sql.encode("utf-8", "surrogateescape").decode("latin-1")
    found = list(tokens(text))[2:]  # after INSERT INTO
    if found and found[0].text == "table" and len(found) > 1 and found[1].is_name:
        found = found[1:]
    if not found or (found[0].text == "function" and found[0].kind is Kind.WORD):
        return None
    end = 3 if len(found) > 2 and found[1].text == "." else 1
    table, rest = (found[0].start, found[end - 1].end), found[end:]
    columns = _brackets(rest)
    return Target(*(_text(text, *place) for place in (table, columns)))


def _brackets(found: list[Token]) -> tuple[int, int]:
    """Where the inside of a leading pair of brackets is; nowhere without one."""
    depth = 0
    for token in found:
        if token.kind is Kind.SIGN:
            depth += (token.text == "(") - (token.text == ")")
        if depth == 0:
            return (found[0].end, token.start) if token.text == ")" else (0, 0)
    return 0, 0


def _text(text: str, start: int, end: int) -> str:
    return text[start:end].encode("latin-1").decode("utf-8", "surrogateescape")


def _column(name: str, kind: str, default: str, expression: str) -> str:
    """A column of the temporary table. One that is only there while inserting is a plain one here:
    it must be readable."""
    default = "DEFAULT" if default == "EPHEMERAL" else default
    return f"{identifier(name)} {kind} {default} {expression}"
