"""When a partition is told: at once while live; each second, without windows, while far behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BEHIND_SECONDS: Final = 1.0
"""Far behind nobody waits for a single score; fewer, fuller updates help the fold to catch up."""

CAUGHT_UP: Final = 10
"""A tenth of the lag that counts as far behind: no flapping between the two paces."""


@dataclass(slots=True)
class Pace:
    """The rhythm of one partition; times in seconds, `minute` counts since 1970."""

    behind_records: int
    behind: bool = False
    told_at: float = 0.0
    told_minute: int = 0

    def due(self, now: float, lag: int, changed: bool, minute: int) -> bool:
        """Whether to tell now. At a pane boundary windows slide though nobody answered."""
        self._look(lag)
        if self.behind:
            return changed and now - self.told_at >= BEHIND_SECONDS
        return changed or minute != self.told_minute

    def told(self, now: float, lag: int, minute: int) -> bool:
        """Note that it is told now; returns whether windows belong to it."""
        self._look(lag)
        self.told_at = now
        if not self.behind:
            self.told_minute = minute
        return not self.behind

    def _look(self, lag: int) -> None:
        limit = self.behind_records // CAUGHT_UP if self.behind else self.behind_records
        self.behind = lag > limit
