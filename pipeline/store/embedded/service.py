"""One request, from its head to its reply."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from pipeline.store.embedded import guard, hello, reply, statement
from pipeline.store.embedded.access import Access
from pipeline.store.embedded.body import Body
from pipeline.store.embedded.engine import Engine
from pipeline.store.embedded.failures import (
    SYNTAX_ERROR,
    TOO_LARGE,
    UNKNOWN_EXCEPTION,
    QueryError,
)
from pipeline.store.embedded.leases import Lease, lease
from pipeline.store.embedded.limits import Limits
from pipeline.store.embedded.reading import Reading
from pipeline.store.embedded.request import Call, read_call, read_form
from pipeline.store.embedded.sessions import Session, Sessions
from pipeline.store.embedded.shapes import Shape, Statement
from pipeline.store.embedded.workers import Workers
from pipeline.store.embedded.writing import Writing, Written

log = logging.getLogger(__name__)

HEAD = 64 * 1024
"""Bytes read to find the end of an INSERT's statement; then twice as many each time. Longer texts
are read as tokens in a thread: below, that takes less than 20 ms."""


class Service:
    """Answers queries on one engine."""

    def __init__(self, engine: Engine, access: Access, limits: Limits) -> None:
        self.workers = Workers(limits)
        self.sessions = Sessions(limits)
        self._engine = engine
        self._access = access
        self._limits = limits

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Every failure becomes a reply; what is not expected is logged with its traceback."""
        query_id = request.query.get("query_id", "")
        try:
            self._access.check(request)
            return await self._serve(request)
        except QueryError as failure:
            return reply.failed(failure, query_id)
        except (ConnectionError, web.HTTPException):
            raise
        except Exception as error:
            log.exception("a request failed unexpectedly")
            text = f"Internal error: {type(error).__name__}"
            return reply.failed(QueryError(UNKNOWN_EXCEPTION, text), query_id)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        form = await read_form(request, self._limits.sql)
        call = read_call(request, form)
        encoding = request.headers.get("Content-Encoding", "")
        limits = self._limits
        upload = Body(request.content, encoding, limits.body, limits.piece_seconds)
        body = None if form else upload
        if not call.query and not request.can_read_body and not form:
            return web.Response(text="Ok.\n")
        asked, data = await self._statement(call, body)
        if asked.sql.encode() == hello.QUESTION and "client_protocol_version" in call.fields:
            answer = hello.answer(reply.NAME, self._engine.version)
            return await reply.whole(call, self.workers, answer, "Native", 1, Written())
        guard.check_readonly(asked.is_read, call.readonly)
        now = asyncio.get_running_loop().time()
        async with self.workers.place():
            with lease(self._engine, self.sessions, call, asked, now) as held:
                if asked.shape is Shape.INSERT:
                    return await self._insert(call, asked, data, body, held)
                return await self._answer(request, call, asked, held)

    async def _statement(self, call: Call, body: Body | None) -> tuple[Statement, bytes]:
        """The statement, from URL, form and body together, and the data read along with it."""
        text = call.query + b"\n" if call.query and body is not None else call.query
        whole = body is None
        while True:
            if body is not None and not whole:
                more = await body.at_least(max(HEAD, len(text)))
                whole = len(more) < HEAD
                text += more
            if statement.starts_insert(text):
                found = await self._parse(text, whole)
            else:
                found = statement.parse(text) if whole and len(text) <= HEAD else None
                found = found or (await self._parse(text, whole) if whole else None)
            if found is not None:
                return found, text[found.data :] if found.shape is Shape.INSERT else b""
            if len(text) > self._limits.sql:
                raise QueryError(TOO_LARGE, f"The statement is over {self._limits.sql} bytes")

    async def _parse(self, text: bytes, whole: bool) -> Statement | None:
        if len(text) <= HEAD:
            return statement.parse_head(text, whole=whole)
        return await self.workers.run(statement.parse_head, text, whole=whole)

    async def _insert(
        self, call: Call, asked: Statement, data: bytes, body: Body | None, held: Lease
    ) -> web.StreamResponse:
        if asked.format is None:
            raise QueryError(SYNTAX_ERROR, "Syntax error: INSERT needs VALUES, FORMAT or SELECT")
        writing = Writing(held, asked, call.params)
        try:
            written = Written()
            last = False
            while not last:
                more = await body.at_least(self._limits.piece) if body is not None else b""
                last = len(more) < self._limits.piece
                written = await self.workers.run(writing.push, data + more, last=last)
                data = b""
        finally:
            await self.workers.run(writing.close)
        return await reply.whole(call, self.workers, b"", None, 0, written)

    async def _answer(
        self, request: web.Request, call: Call, asked: Statement, held: Lease
    ) -> web.StreamResponse:
        reading = Reading(held, asked, call.format, call.params)
        size = self._limits.reply if call.waits else self._limits.first_reply
        try:
            first = await self.workers.run(reading.head, size)
            if not reading.done:
                return await reply.stream(request, call, self.workers, reading, first)
        finally:
            if not reading.done:
                await self.workers.run(reading.close)
        form = reading.form if asked.has_rows or first else None
        return await reply.whole(call, self.workers, first, form, reading.rows, Written())

    async def tidy(self) -> None:
        """Closes expired sessions, for as long as the server runs."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1.0)
            await self._close(self.sessions.surplus(loop.time()))

    async def close(self) -> None:
        """Ends all sessions and threads; no request is running any more."""
        await self._close(self.sessions.drain())
        self.workers.close()

    async def _close(self, gone: list[Session]) -> None:
        for session in gone:
            await self.workers.run(session.close)
