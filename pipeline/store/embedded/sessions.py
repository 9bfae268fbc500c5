"""Sessions: one client's own handle, with its temporary tables and what it SET.

Parameters in a URL hold for one request. On a session's handle they are therefore set before, and
put back when a later request does not carry them: to what the session itself had, or the default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pipeline.store.embedded.engine import DATABASE, Engine, Handle, literal
from pipeline.store.embedded.failures import (
    BAD_ARGUMENTS,
    SESSION_IS_LOCKED,
    SESSION_NOT_FOUND,
    QueryError,
)
from pipeline.store.embedded.limits import Limits
from pipeline.store.embedded.shapes import Statement


class Session:
    """The state of one session; its methods block and are called for one request at a time."""

    def __init__(self) -> None:
        self.busy = False
        self.expires = 0.0
        self._handle: Handle | None = None
        self._home = self._current = DATABASE
        self._before: dict[str, str | None] = {}
        self._overrides: dict[str, str] = {}

    def prepare(self, engine: Engine, database: str, settings: Mapping[str, str]) -> Handle:
        """The session's handle with this request's database and settings.

        Raises:
            QueryError: the database or a setting is unknown; the session stays usable.
        """
        if self._handle is None:
            self._handle = engine.open()
        handle = self._handle
        wanted = database or self._home
        if wanted != self._current:
            handle.use(wanted)
            self._current = wanted
        if settings != self._overrides:
            self._restore(handle, keep=settings)
            changed = {k: v for k, v in settings.items() if self._overrides.get(k) != v}
            self._remember(handle, changed)
            handle.set(changed)
            self._overrides.update(changed)
        return handle

    def after(self, statement: Statement) -> None:
        """A USE of the client's own moves the session's home."""
        if statement.first == "use" and self._handle is not None:
            answer = self._handle.query("SELECT currentDatabase()", "TSVRaw")
            self._home = self._current = answer.decode().rstrip("\n")

    def _restore(self, handle: Handle, keep: Mapping[str, str]) -> None:
        gone = [name for name in self._before if name not in keep]
        for name in gone:
            before = self._before.pop(name)
            self._overrides.pop(name, None)
            value = "DEFAULT" if before is None else literal(before)
            handle.query(f"SET {name} = {value}", "TSV")

    def _remember(self, handle: Handle, changed: Mapping[str, str]) -> None:
        new = [name for name in changed if name not in self._before]
        if not new:
            return
        names = ", ".join(literal(name) for name in new)
        sql = f"SELECT name, value FROM system.settings WHERE changed AND name IN ({names})"
        rows = handle.query(sql, "TSVRaw").decode().splitlines()
        own = dict(row.split("\t", 1) for row in rows)
        self._before.update((name, own.get(name)) for name in new)

    def close(self) -> None:
        """Drops the handle and its temporary tables."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None


class Sessions:
    """All sessions by name. Used from the event loop only, with its clock."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: dict[str, Session] = {}

    @contextmanager
    def use(self, fields: Mapping[str, str], now: float) -> Iterator[Session]:
        """The named session, for this request alone.

        Raises:
            QueryError: 373 when another request is in it, 372 when it should exist and does not.
        """
        name = fields["session_id"]
        seconds = self._seconds(fields.get("session_timeout", ""))
        session = self._open.pop(name, None)
        if session is None:
            if fields.get("session_check", "0") == "1":
                raise QueryError(SESSION_NOT_FOUND, "Session not found")
            session = Session()
        self._open[name] = session  # last in the order: used last
        if session.busy:
            raise QueryError(SESSION_IS_LOCKED, "Session is locked by a concurrent client")
        session.busy = True
        session.expires = now + seconds
        try:
            yield session
        finally:
            session.busy = False

    def _seconds(self, text: str) -> float:
        if not text:
            return self._limits.session_seconds
        if not text.isdigit() or int(text) > self._limits.longest_session_seconds:
            raise QueryError(BAD_ARGUMENTS, "Invalid session timeout")
        return float(text)

    def surplus(self, now: float) -> list[Session]:
        """Takes out the sessions that expired, or are too many; the caller closes them."""
        over = len(self._open) - self._limits.sessions
        gone: list[Session] = []
        for name, session in list(self._open.items()):
            if not session.busy and (session.expires < now or over > 0):
                gone.append(self._open.pop(name))
                over -= 1
        return gone

    def drain(self) -> list[Session]:
        """Takes out all of them."""
        gone = list(self._open.values())
        self._open.clear()
        return gone
