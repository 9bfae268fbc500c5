"""Where tables are printed: a terminal, or a pipe that has no width of its own."""

from __future__ import annotations

from rich.console import Console

PIPE_COLUMNS = 160
"""Wide enough for a pipe or a file that no name is cut."""


def stdout() -> Console:
    """A console on standard output."""
    console = Console()
    if not console.is_terminal:
        console.width = PIPE_COLUMNS
    return console
