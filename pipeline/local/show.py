"""How demo and drills speak: lines with the time since the start, on a terminal or in a log."""

from __future__ import annotations

import time
from typing import Final

from rich.console import Console, RenderableType

PLAIN_WIDTH: Final = 130
"""Of a log or a pipe, which has no width of its own: the widest table fits."""


class Show:
    """The voice of one run."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        if not self.console.is_terminal:
            self.console.width = PLAIN_WIDTH
        self._began = time.monotonic()

    @property
    def live(self) -> bool:
        """Somebody looks on, so that a table may be redrawn in its place."""
        return self.console.is_terminal

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._began

    def say(self, line: str) -> None:
        """One line of progress."""
        text = f"{self.seconds:6.1f} s  {line}"
        self.console.print(text, markup=False, soft_wrap=True)

    def put(self, *things: RenderableType) -> None:
        """Anything else, as it is."""
        for thing in things:
            self.console.print(thing, markup=False, soft_wrap=isinstance(thing, str))

    def title(self, text: str) -> None:
        """A new act begins."""
        self.console.print()
        self.console.print(text, style="bold", markup=False)
