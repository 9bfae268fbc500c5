"""The server's life: bind, serve, drain."""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

from aiohttp import web

from pipeline.errors import LocalError
from pipeline.signals import on_signals
from pipeline.store.embedded.access import Access
from pipeline.store.embedded.engine import Engine
from pipeline.store.embedded.limits import DEFAULT, Limits
from pipeline.store.embedded.service import Service

LONGEST_LINE = 256 * 1024
"""Of a request's head: GET carries the statement in the URL, and ClickHouse's own limit of a
statement is 256 KiB."""


async def _ping(_request: web.Request) -> web.Response:
    return web.Response(text="Ok.\n")


def _application(service: Service) -> web.Application:
    async def tidying(_app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(service.tidy())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await service.close()

    app = web.Application()
    app.cleanup_ctx.append(tidying)
    app.router.add_get("/ping", _ping)
    app.router.add_get("/", service.handle)
    app.router.add_post("/", service.handle)
    return app


@asynccontextmanager
async def serve(
    engine: Engine,
    access: Access,
    port: int,
    limits: Limits = DEFAULT,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Serves the engine while the context is open and yields the port; port 0 picks a free one.

    Raises:
        LocalError: the port is in use or may not be bound.
    """
    runner = web.AppRunner(
        _application(Service(engine, access, limits)),
        access_log=None,
        handler_cancellation=True,
        auto_decompress=False,
        max_line_size=LONGEST_LINE,
        max_field_size=LONGEST_LINE,
        shutdown_timeout=limits.drain_seconds,
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, access.host, port, ssl_context=tls).start()
        except OSError as error:
            raise _unbound(access.host, port, error) from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _unbound(host: str, port: int, error: OSError) -> LocalError:
    if error.errno == errno.EADDRINUSE:
        return LocalError(f"port {port} on {host} is in use: stop that program or use --port")
    return LocalError(f"cannot listen on {host}:{port}: {error.strerror}")


async def run(
    folder: Path,
    access: Access,
    port: int,
    ready: Callable[[str, str], None],
    tls: ssl.SSLContext | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT, then lets running requests end and closes the engine.

    Args:
        ready: called once with the URL and the engine's version.

    Raises:
        LocalError: folder or port are in use.
    """
    stop = asyncio.Event()
    engine = await asyncio.to_thread(Engine, folder, DEFAULT.idle_handles)
    with on_signals(stop.set), closing(engine):
        async with serve(engine, access, port, tls=tls) as bound:
            host = f"[{access.host}]" if ":" in access.host else access.host
            ready(f"{'https' if tls else 'http'}://{host}:{bound}", engine.version)
            await stop.wait()
