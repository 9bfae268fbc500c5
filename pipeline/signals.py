"""Ctrl-C and SIGTERM in an event loop, so that a process can finish what it began."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def on_signals(call: Callable[[], object]) -> Iterator[None]:
    """Each signal is a call in the running loop, and nothing else."""
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, call)
    try:
        yield
    finally:
        _let_go(loop)


@contextmanager
def stop_on_signals() -> Iterator[asyncio.Event]:
    """The event is set by the first signal; a second one ends the program at once."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def first() -> None:
        stop.set()
        _let_go(loop)

    with on_signals(first):
        yield stop


def _let_go(loop: asyncio.AbstractEventLoop) -> None:
    for number in SIGNALS:
        loop.remove_signal_handler(number)
