"""Waiting for what comes back by itself: told once when it goes away, and once when it is back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from pipeline import logs, metrics
from pipeline.errors import TransientStoreError
from pipeline.sink.backoff import delays

_log = logs.get(__name__)

T = TypeVar("T")
Pause = Callable[[float, asyncio.Event], Awaitable[None]]
"""Waits so many seconds, or until the event is set."""


class Stopped(Exception):  # noqa: N818  # not an error: the end that was asked for
    """The sink was told to stop while something was away: what is not stored is read again."""


class Patience:
    """Repeats an action for one topic until it succeeds; `pause` keeps other duties going."""

    def __init__(self, topic: str, pause: Pause, stop: asyncio.Event) -> None:
        self._topic = topic
        self._pause = pause
        self._stop = stop
        self.trouble = ""
        """What the sink waits for now; empty when all is well."""

    async def until_done(self, action: Callable[[], Awaitable[T]]) -> T:
        """The result of `action`, tried again for ever after a TransientStoreError.

        Raises Stopped when the sink is told to stop meanwhile, and whatever else `action` raises.
        """
        began = time.monotonic()
        for delay in delays():
            try:
                result = await action()
            except TransientStoreError as error:
                self._went_wrong(error)
            else:
                self._recovered(time.monotonic() - began)
                return result
            if not self._stop.is_set():
                await self._pause(delay, self._stop)
            if self._stop.is_set():
                break
        raise Stopped

    def _went_wrong(self, error: TransientStoreError) -> None:
        metrics.SINK_RETRIES.labels(self._topic).inc()
        if not self.trouble:
            metrics.SINK_WAITING.labels(self._topic).set(1)
            _log.warning("waiting; nothing is lost", topic=self._topic, error=str(error))
        self.trouble = str(error)

    def _recovered(self, seconds: float) -> None:
        if self.trouble:
            self.trouble = ""
            metrics.SINK_WAITING.labels(self._topic).set(0)
            _log.info("going on", topic=self._topic, waited_seconds=round(seconds, 1))


async def pause(seconds: float, stop: asyncio.Event) -> None:
    """Wait, or until `stop`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
