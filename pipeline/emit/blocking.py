"""The same client for programs without an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Mapping
from types import TracebackType
from typing import TypeVar

from pipeline.core.catalogue import Catalogue
from pipeline.emit.client import Emitter, Report
from pipeline.emit.record import SurveyResponse
from pipeline.emit.refusal import ResponseRefusedError
from pipeline.settings import Settings

T = TypeVar("T")


class BlockingEmitter:
    """An `Emitter` that runs on a thread of its own; a context manager. Use from any thread.

    `send_all` is much faster than `send` in a loop, which crosses threads for each response.
    """

    def __init__(self, settings: Settings, catalogue: Catalogue | None = None) -> None:
        self._emitter = Emitter(settings, catalogue)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="emitter", daemon=True)

    def __enter__(self) -> BlockingEmitter:
        self._thread.start()
        try:
            self._run(self._emitter.__aenter__())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._run(self._emitter.__aexit__(kind, error, trace))
        finally:
            self._stop()

    def send(self, response: SurveyResponse | Mapping[str, object]) -> None:
        """Check one response and queue it. Raises ResponseRefusedError."""
        self._run(self._emitter.send(response))

    def send_all(self, responses: Iterable[SurveyResponse | Mapping[str, object]]) -> None:
        """Queue many; those that do not hold are counted in the report and left out."""
        self._run(self._send_all(responses))

    def retract(self, response: SurveyResponse | Mapping[str, object]) -> None:
        """Take a response back: give it as it was sent. Raises ResponseRefusedError."""
        self._run(self._emitter.retract(response))

    def flush(self) -> Report:
        """Wait until everything queued is acknowledged or has failed."""
        return self._run(self._emitter.flush())

    async def _send_all(self, responses: Iterable[SurveyResponse | Mapping[str, object]]) -> None:
        for response in responses:
            try:
                await self._emitter.send(response)
            except ResponseRefusedError:
                continue

    def _run(self, work: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
