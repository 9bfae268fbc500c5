"""Brings a database to the state of `deploy/clickhouse` and of the catalogue; safe to run twice.

DDL is not transactional, so every statement is idempotent, and a file is recorded as begun before
its first and as done after its last: after a crash it is simply applied again. There is no lock:
two runs at once do the same work twice. A file that is done never changes; a change is a new file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from pipeline.core.catalogue import Catalogue
from pipeline.errors import MigrationError, StoreError, TransientStoreError
from pipeline.resources import resource
from pipeline.settings import ClickHouseSettings, Settings
from pipeline.store import asked
from pipeline.store.catalogue_load import is_loaded, load
from pipeline.store.catalogue_rows import catalogue_tables
from pipeline.store.client import Client, connect, store_errors
from pipeline.store.migration_ledger import LEDGER, contradictions, done_files, record
from pipeline.store.sql_files import SqlFile, read_sql_files
from pipeline.wire.catalogue_moves import Past

UNKNOWN_DATABASE: Final = 81
UNKNOWN_TABLE: Final = 60


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What `migrate` did: files applied now, files found done, catalogue tables replaced."""

    database: str
    applied: tuple[str, ...]
    already: tuple[str, ...]
    loaded: tuple[str, ...]


def migrate(
    settings: Settings,
    catalogue: Catalogue,
    *,
    folder: Path | None = None,
    today: date | None = None,
) -> MigrationReport:
    """Creates the database, applies the files not yet done, loads the catalogue if it differs.

    `folder` holds the SQL files (default: those shipped); `today` (default: the day in UTC) sets
    how far quarter bounds reach. Raises MigrationError naming the file that changed or failed,
    CatalogueError for a survey that moves or changes a scale, and StoreError.
    """
    applied, already = apply_files(settings, folder or resource("deploy", "clickhouse"))
    with contextlib.closing(connect(settings.clickhouse)) as client:
        past = _past(client)
        past.followed_by(catalogue)
        _remember(client, asked.not_yet(past, catalogue))
        tables = catalogue_tables(catalogue, today or datetime.now(UTC).date())
        loaded = tuple(table.name for table in tables if load(client, table))
    return MigrationReport(settings.clickhouse.database, applied, already, loaded)


def apply_files(settings: Settings, folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Creates the database, and applies the files of `folder` not yet done; which it applied, and
    which were done already. Raises MigrationError, StoreError."""
    store = settings.clickhouse
    files = read_sql_files(folder)
    macros = {"replicated": "Replicated" if store.cluster else ""}
    _create_database(store)
    with contextlib.closing(connect(store)) as client:
        _run(client, LEDGER, macros)
        done = done_files(client)
        if problems := contradictions(files, done):
            raise MigrationError(problems[0])
        waiting = [file for file in files if file.name not in done]
        for file in waiting:
            record(client, file, "begun")
            _run(client, file, macros)
            record(client, file, "done")
    already = tuple(file.name for file in files if file.name in done)
    return tuple(file.name for file in waiting), already


def check_migrations(settings: Settings, catalogue: Catalogue | None = None) -> list[str]:
    """What `migrate` would change or refuse, one line each; empty when all is in place.

    With a catalogue, also whether it is the one loaded. Raises StoreError if ClickHouse is away.
    """
    database = settings.clickhouse.database
    try:
        with contextlib.closing(connect(settings.clickhouse)) as client:
            return _problems(client, database) or _outdated(client, catalogue)
    except StoreError as error:
        if error.code == UNKNOWN_DATABASE:
            return [f"database {database} does not exist; run `cxpulse migrate`"]
        if error.code == UNKNOWN_TABLE:
            return [f"database {database} was never migrated; run `cxpulse migrate`"]
        raise


def _problems(client: Client, database: str) -> list[str]:
    files = read_sql_files(resource("deploy", "clickhouse"))
    done = done_files(client)
    return contradictions(files, done) + [
        f"database {database}: {file.name} is not applied; run `cxpulse migrate`"
        for file in files
        if file.name not in done
    ]


def _outdated(client: Client, catalogue: Catalogue | None) -> list[str]:
    """Quarter bounds are not compared: they grow with the calendar, long before they are needed."""
    tables = catalogue_tables(catalogue, datetime.now(UTC).date()) if catalogue else []
    return [
        f"table {table.name}: differs from the catalogue files; run `cxpulse migrate`"
        for table in tables
        if table.name != "survey_quarters" and not is_loaded(client, table)
    ]


def _past(client: Client) -> Past:
    """Of every catalogue that was loaded here. Raises StoreError."""
    with store_errors("read what was asked"):
        return asked.past_of(client.query(asked.READ).result_rows)


def _remember(client: Client, rows: Sequence[Sequence[str]]) -> None:
    if rows:
        with store_errors("remember what is asked", detail=True):
            client.insert(asked.TABLE, rows, asked.COLUMNS)


def _create_database(store: ClickHouseSettings) -> None:
    """Atomic on one server. On a cluster Replicated, whose DDL reaches every replica by itself."""
    name, where, engine = store.database, "", "Atomic"
    if store.cluster:
        where = f" ON CLUSTER '{store.cluster}'"
        engine = f"Replicated('/clickhouse/databases/{name}', '{{shard}}', '{{replica}}')"
    statement = f"CREATE DATABASE IF NOT EXISTS {name}{where} ENGINE = {engine}"
    with (
        contextlib.closing(connect(store, "default")) as client,
        store_errors(f"create database {name}", detail=True),
    ):
        client.command(statement)


def _run(client: Client, file: SqlFile, macros: Mapping[str, str]) -> None:
    for number, statement in enumerate(file.statements(macros), start=1):
        try:
            with store_errors(f"apply {file.name}, statement {number}", detail=True):
                client.command(statement)
        except TransientStoreError:
            raise
        except StoreError as error:
            raise MigrationError(str(error), error.code) from None
