"""Which SQL files a database has seen: the table `schema_migrations`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from pipeline.store.client import Client, store_errors
from pipeline.store.sql_files import SqlFile

LEDGER: Final = SqlFile(
    name="schema_migrations",
    text="""
CREATE TABLE IF NOT EXISTS schema_migrations
(
    name     String,
    checksum String COMMENT 'SHA-256 of the file as shipped',
    state    LowCardinality(String) COMMENT 'begun, done',
    at       DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ${replicated}MergeTree
ORDER BY (name, at)
""",
    checksum="",
)
"""The one table that is not in a file: it must be there before the first."""

_DONE: Final = """
SELECT name, argMax(checksum, at) FROM schema_migrations WHERE state = 'done' GROUP BY name
"""

_RECORD: Final = """
INSERT INTO schema_migrations (name, checksum, state)
SELECT {name:String}, {checksum:String}, {state:String}
"""
"""One statement: the driver's own insert asks for the columns first, each time."""


def done_files(client: Client) -> dict[str, str]:
    """Name → checksum of the files recorded as done."""
    with store_errors("read schema_migrations"):
        rows = client.query(_DONE).result_rows
    return {str(name): str(checksum) for name, checksum in rows}


def record(client: Client, file: SqlFile, state: Literal["begun", "done"]) -> None:
    """A file that is begun and not done was interrupted: its statements are applied again."""
    row = {"name": file.name, "checksum": file.checksum, "state": state}
    with store_errors("write schema_migrations"):
        client.command(_RECORD, row)


def contradictions(files: Sequence[SqlFile], done: Mapping[str, str]) -> list[str]:
    """Files that changed after they were applied, and applied files that are not among `files`."""
    shipped = {file.name: file.checksum for file in files}
    edited = [
        f"{name}: was edited after it was applied; restore it, and put the change into a new file"
        for name, checksum in sorted(done.items())
        if shipped.get(name, checksum) != checksum
    ]
    unknown = [
        f"{name}: was applied by a newer version of cxpulse; use that version"
        for name in sorted(done.keys() - shipped.keys())
    ]
    return edited + unknown
