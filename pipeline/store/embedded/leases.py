"""A handle for the time of one request: from the pool, or a session's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from pipeline.store.embedded.engine import DATABASE, Engine, Handle, Profile
from pipeline.store.embedded.request import Call
from pipeline.store.embedded.sessions import Session, Sessions
from pipeline.store.embedded.shapes import Shape, Statement


class Lease(Protocol):
    """Gives the handle when first asked, in the thread that works with it."""

    def handle(self) -> Handle:
        """Blocks. Raises QueryError when the database or a setting is unknown."""


class PoolLease:
    """A handle with exactly the request's database and settings."""

    def __init__(self, engine: Engine, call: Call) -> None:
        settings = dict(call.settings)
        if call.readonly:
            settings["readonly"] = call.readonly
        self._engine = engine
        self._profile = Profile(call.database or DATABASE, frozenset(settings.items()))
        self._handle: Handle | None = None

    def handle(self) -> Handle:
        """The same one each time."""
        if self._handle is None:
            self._handle = self._engine.take(self._profile)
        return self._handle

    def end(self, *, clean: bool) -> None:
        """Back to the pool, if nothing stays on it."""
        if self._handle is not None:
            if clean:
                self._engine.give(self._profile, self._handle)
            else:
                self._handle.close()


class SessionLease:
    """The session's handle. `readonly` is not set on it, for it could never be unset: the kind of
    the statement decides (`guard.check_readonly`)."""

    def __init__(self, engine: Engine, session: Session, call: Call, statement: Statement) -> None:
        self._engine = engine
        self._session = session
        self._database = call.database
        self._settings = {} if statement.is_setting else call.settings

    def handle(self) -> Handle:
        """The session's handle, prepared."""
        return self._session.prepare(self._engine, self._database, self._settings)


@contextmanager
def lease(
    engine: Engine, sessions: Sessions, call: Call, statement: Statement, now: float
) -> Iterator[Lease]:
    """A handle for this call.

    Raises:
        QueryError: 372 or 373 for the session.
    """
    if call.session:
        with sessions.use(call.fields, now) as session:
            yield SessionLease(engine, session, call, statement)
            session.after(statement)
        return
    pooled = PoolLease(engine, call)
    clean = False
    try:
        yield pooled
        clean = not statement.stays and not (call.params and statement.shape is Shape.INSERT)
    finally:
        pooled.end(clean=clean)
