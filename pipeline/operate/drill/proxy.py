"""A TCP proxy on loopback that can be slow: every byte passes, at its pace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from pipeline.local.broker_properties import HOST

PIECE = 64 * 1024


class SlowProxy:
    """Listens on a port of its own and passes connections on to `upstream()`, a port on loopback.

    `bytes_a_second` bounds each direction of each connection, and each piece waits `delay` seconds
    first; 0 means no bound.
    """

    def __init__(self, upstream: Callable[[], int]) -> None:
        self.bytes_a_second = 0
        self.delay = 0.0
        self.port = 0
        self._upstream = upstream
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        try:
            far, forth = await asyncio.open_connection(HOST, self._upstream())
        except OSError:
            back.close()
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(near, forth))
                group.create_task(self._pass(far, back))
        finally:
            back.close()
            forth.close()

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while piece := await source.read(PIECE):
                await asyncio.sleep(self.delay)
                if self.bytes_a_second:
                    await asyncio.sleep(len(piece) / self.bytes_a_second)
                sink.write(piece)
                await sink.drain()
            sink.write_eof()
