"""Rolling windows as running sums over panes: 1 h over minutes; 24 h, 7 d and 28 d over hours.

A window's counts always equal the sum of the panes it spans; keeping the sum makes a row cost as
much as one pane instead of 672. Time is an argument: the clock only chooses which interval to show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE


class Window(NamedTuple):
    """A rolling window: `panes` panes of `pane` ms each; `window_end` is the end of now's pane."""

    name: str
    pane: int
    panes: int


WINDOWS: Final = (
    Window("1h", MINUTE, 60),
    Window("24h", HOUR, 24),
    Window("7d", HOUR, 7 * 24),
    Window("28d", HOUR, 28 * 24),
)

Change = tuple[int, tuple[int, ...], int]
"""(occurred_at in ms, slots, +1 or -1): one response counted or taken back."""

Panes = Mapping[int, Sequence[int]]
"""Pane index (time // pane length) → counts."""


@dataclass(slots=True)
class RunningSum:
    """The counts of one window at one position; `end` is the first pane index after it."""

    window: Window
    width: int
    end: int = 0
    counts: list[int] = field(default_factory=list)

    @property
    def start(self) -> int:
        """The first pane index inside."""
        return self.end - self.window.panes

    def change(self, changes: Sequence[Change]) -> bool:
        """Add what happened inside the interval; says whether anything did."""
        start, pane, counts, touched = self.start, self.window.pane, self.counts, False
        for occurred_at, slots, sign in changes:
            if start <= occurred_at // pane < self.end:
                touched = True
                for slot in slots:
                    counts[slot] += sign
        return touched

    def place(self, panes: Panes, end: int, oldest: int) -> None:
        """Move to `end`. `panes` must hold what the sum holds; panes below `oldest` are gone."""
        old_start, old_end = self.start, self.end
        self.end = end
        if not 0 <= end - old_end < self.window.panes or old_start < oldest:
            self.counts = [0] * self.width
            _add(self.counts, panes, self.start, end, 1)
        else:
            _add(self.counts, panes, old_start, self.start, -1)
            _add(self.counts, panes, old_end, end, 1)


def _add(counts: list[int], panes: Panes, first: int, last: int, sign: int) -> None:
    """Add the panes of `[first, last)`, walking whichever is shorter: the interval or the panes."""
    if last - first <= len(panes):
        found = [pane for index in range(first, last) if (pane := panes.get(index))]
    else:
        found = [pane for index, pane in panes.items() if first <= index < last]
    for pane in found:
        for slot, count in enumerate(pane):
            if count:
                counts[slot] += sign * count
