"""The chDB engine: one per process, and as many handles to it as there is work.

A handle is what a connection is to a server: it has its own settings, database and temporary
tables, and runs one statement at a time. Nothing here knows about HTTP or asyncio; all calls block.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from chdb.state.sqlitelike import Connection

from pipeline.errors import LocalError
from pipeline.resources import resource
from pipeline.store.embedded.failures import QueryError

DATABASE = "default"

USERS = "EMBEDDED_ENGINE_USERS"
"""engine.xml takes the path of users.xml from this variable: a relative one would be looked up in
the working folder."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a handle is prepared with."""

    database: str = DATABASE
    settings: frozenset[tuple[str, str]] = frozenset()


class Handle:
    """One chDB connection prepared with a database and settings.

    Every method raises QueryError with the engine's code. (chDB raises RuntimeError or a class
    below it; `chdb.ChdbError` is another class, which these calls do not raise.)
    """

    def __init__(self, address: str) -> None:
        self.connection = Connection(address)

    def query(self, sql: str, form: str, params: Mapping[str, str] | None = None) -> bytes:
        """Runs a statement to its end and returns the whole answer."""
        return bytes(self._run(sql, form, params or {}).bytes() or b"")

    def copy(self, sql: str) -> int:
        """Runs an INSERT ... SELECT to its end and returns how many rows it read."""
        return int(self._run(sql, "TSV", {}).storage_rows_read())

    def _run(self, sql: str, form: str, params: Mapping[str, str]) -> Any:
        try:
            return self.connection.query(sql, form, params=dict(params))
        except RuntimeError as error:
            raise QueryError.from_engine(error) from error

    def set(self, values: Mapping[str, str]) -> None:
        """Settings for every later statement on this handle; `readonly` is set last."""
        late = {"readonly"} & values.keys()
        early = {name: value for name, value in values.items() if name not in late}
        for group in (early, {name: values[name] for name in late}):
            if group:
                pairs = ", ".join(f"{name} = {literal(value)}" for name, value in group.items())
                self.query(f"SET {pairs}", "TSV")

    def use(self, database: str) -> None:
        """The database for names without one."""
        self.query(f"USE {identifier(database)}", "TSV")

    def close(self) -> None:
        """Gives the handle back to the engine, with its temporary tables."""
        self.connection.close()


class Engine:
    """The engine on one folder. The pool hands out handles by database and settings."""

    def __init__(self, folder: Path, idle_handles: int) -> None:
        """Starts the engine on a folder that this process has locked (`lock.FolderLock`).

        Raises:
            LocalError: the engine cannot use the folder.
        """
        if "?" in str(folder):
            raise LocalError(f"the data folder must not have a ? in its name: {folder}")
        config = resource("deploy", "clickhouse", "embedded", "engine.xml")
        os.environ[USERS] = str(config.with_name("users.xml"))
        self._address = f"{folder.resolve()}?config-file={quote(str(config))}"
        self._idle: dict[Profile, list[Handle]] = {}
        self._most = idle_handles
        self._guard = threading.Lock()
        try:
            self._anchor = Handle(self._address)
        except RuntimeError as error:
            raise LocalError(
                f"ClickHouse cannot start on {folder}: {QueryError.from_engine(error).text}"
            ) from error
        self.version = self._anchor.query("SELECT version()", "TSV").decode().strip()

    def open(self) -> Handle:
        """A fresh handle with the engine's defaults."""
        return Handle(self._address)

    def take(self, profile: Profile) -> Handle:
        """A handle that has exactly this database and these settings.

        Raises:
            QueryError: the database or a setting is unknown.
        """
        with self._guard:
            ready = self._idle.get(profile)
            if ready:
                return ready.pop()
        handle = self.open()
        try:
            if profile.database != DATABASE:
                handle.use(profile.database)
            handle.set(dict(profile.settings))
        except QueryError:
            handle.close()
            raise
        return handle

    def give(self, profile: Profile, handle: Handle) -> None:
        """Takes a handle back that is as `take` gave it."""
        with self._guard:
            self._idle.setdefault(profile, []).append(handle)
            surplus = self._surplus()
        for each in surplus:
            each.close()

    def _surplus(self) -> list[Handle]:
        """The handles of the profiles used first, when too many are idle."""
        surplus: list[Handle] = []
        while sum(len(ready) for ready in self._idle.values()) > self._most:
            oldest = next(iter(self._idle))
            surplus.extend(self._idle.pop(oldest))
        return surplus

    def close(self) -> None:
        """Stops the engine once the last handle is closed."""
        for ready in self._idle.values():
            for handle in ready:
                handle.close()
        self._idle.clear()
        self._anchor.close()


def literal(value: str) -> str:
    """A value as an SQL string."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def identifier(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
