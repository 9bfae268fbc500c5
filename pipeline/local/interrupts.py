"""Ctrl-C and its kin, for a program that must clean up whatever happens."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, `kill`, and a terminal that is closed."""


class Interrupts:
    """While this lasts, signals raise nothing where they strike.

    A first SIGINT sets `gentle` when there is one; else, and for the others, the attached task is
    cancelled, once. What comes after that calls `hurry`: the clean-up goes on, but faster.
    """

    def __init__(self) -> None:
        self.gentle: asyncio.Event | None = None
        self.hurry: Callable[[], None] = lambda: None
        self.heard: signal.Signals | None = None
        """The signal that cancelled the task."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[object] | None = None
        self._before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> Interrupts:
        self._before = {number: signal.signal(number, self._hear) for number in SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def attach(self) -> None:
        """Let signals act on the running task, at once if one was heard before."""
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        if self.heard and self._task:
            self._task.cancel()

    def detach(self) -> None:
        """The task is over: signals are only remembered."""
        self._loop = self._task = None

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self._loop is None:
            self.heard = self.heard or signal.Signals(number)
        else:
            self._loop.call_soon_threadsafe(self._act, signal.Signals(number))

    def _act(self, number: signal.Signals) -> None:
        if self._task is None:
            return
        if number == signal.SIGINT and self.gentle is not None and not self.gentle.is_set():
            self.gentle.set()
        elif self.heard is None:
            self.heard = number
            self._task.cancel()
        else:
            self.hurry()
