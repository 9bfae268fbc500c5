"""Engine calls block, so they run in threads; this bounds how many, and never abandons one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

from pipeline.store.embedded.failures import TOO_MANY_QUERIES, QueryError
from pipeline.store.embedded.limits import Limits

P = ParamSpec("P")
T = TypeVar("T")


class Workers:
    """A fixed number of places, one for each request being served, and a thread for each."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pool = ThreadPoolExecutor(limits.workers, thread_name_prefix="engine")
        self._places = asyncio.Semaphore(limits.workers)
        self._waiting = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Waits for a place.

        Raises:
            QueryError: 202 when too many wait already, or none came free in time.
        """
        if self._waiting >= self._limits.queue:
            raise QueryError(TOO_MANY_QUERIES, "Too many simultaneous queries")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._limits.queue_seconds):
                await self._places.acquire()
        except TimeoutError as error:
            raise QueryError(TOO_MANY_QUERIES, "Too many simultaneous queries") from error
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._places.release()

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `call` in a thread. When the request is cancelled, waits for the call to end first:
        a handle must not be used by two threads, nor closed under one."""
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._pool, lambda: call(*args, **kwargs))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise

    def close(self) -> None:
        """Waits for running calls."""
        self._pool.shutdown(wait=True)
