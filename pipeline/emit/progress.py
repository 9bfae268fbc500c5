"""How far a command is, on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

LINE_SECONDS: Final = 5.0
"""Between two lines in a log file: often enough to see that it lives."""


class ProgressShow:
    """A context manager; `tell` may be called as often as one likes."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._bar: Progress | None = None
        self._next_line = time.monotonic() + LINE_SECONDS
        if sys.stderr.isatty():
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[text]}"),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task(title, total=None, text="")

    def __enter__(self) -> ProgressShow:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def tell(self, text: str, done: float = 0, total: float | None = None) -> None:
        """Say `text`; `done` of `total` fills the bar where the total is known."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total, text=text)
        elif (now := time.monotonic()) >= self._next_line:
            self._next_line = now + LINE_SECONDS
            sys.stderr.write(f"{self._title}: {text}\n")
            sys.stderr.flush()
