"""The panes of one group: counts by minute and by hour of event time, and what is yet to be told.

Hour panes live 29 days and minute panes 2 hours behind the partition's watermark: a day, and an
hour, more than the longest window over each, so that a window never spans a pane that is gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from pipeline.core.updates import Group, PaneRow, WindowRow
from pipeline.core.vocabulary import SLOTS
from pipeline.core.windows import HOUR, MINUTE, WINDOWS, Change, RunningSum

HOURS_KEPT: Final = 29 * 24
MINUTES_KEPT: Final = 2 * 60

Measures = tuple[tuple[str, str], ...]


def count(pane: list[int], slots: tuple[int, ...]) -> None:
    """Add one to each of `slots` of a pane."""
    for slot in slots:
        pane[slot] += 1


def uncount(pane: list[int], slots: tuple[int, ...]) -> bool:
    """Take one off each of `slots`; False where there was none, and none may fall below zero: the
    response was counted on the scale that its survey had then."""
    counted = [slot for slot in slots if pane[slot]]
    for slot in counted:
        pane[slot] -= 1
    return len(counted) == len(slots)


@dataclass(slots=True, eq=False)
class GroupPanes:
    """Counts of one group in one partition. A pane is a flat list, six counts for each measure."""

    group: Group
    measures: Measures
    last_at: int = 0
    hours: dict[int, list[int]] = field(default_factory=dict)
    minutes: dict[int, list[int]] = field(default_factory=dict)
    unsent: set[int] = field(default_factory=set)  # hours changed since the last emission
    parted: dict[int, tuple[int, ...]] = field(default_factory=dict)  # expired before being sent
    uncut: set[int] = field(default_factory=set)  # hours changed and sent since the last checkpoint
    uncut_minutes: set[int] = field(default_factory=set)
    changes: list[Change] = field(default_factory=list)  # since the sums were last placed
    sums: list[RunningSum] | None = None  # None: not kept while far behind
    owed: bool = True  # readers may know a window that is not zero, if only from before a restart

    @property
    def width(self) -> int:
        """Counts in a pane."""
        return SLOTS * len(self.measures)

    def expire_hour(self, hour: int) -> None:
        """Forget an hour; counts not yet sent are kept apart until they are."""
        pane = self.hours.pop(hour, None)
        self.uncut.discard(hour)
        if pane is not None and hour in self.unsent:
            self.unsent.discard(hour)
            self.parted[hour] = tuple(pane)

    def expire_minute(self, minute: int) -> None:
        """Forget a minute."""
        self.minutes.pop(minute, None)
        self.uncut_minutes.discard(minute)

    def take_panes(self, repaired: set[int]) -> tuple[PaneRow, ...]:
        """The hours to send, save those a repair note of the same cut will recount anyway."""
        rows = [
            PaneRow(hour * HOUR, counts)
            for hour, counts in self.parted.items()
            if hour not in repaired and hour not in self.hours
        ]
        rows += [PaneRow(hour * HOUR, tuple(self.hours[hour])) for hour in sorted(self.unsent)]
        self.uncut |= self.unsent
        self.unsent.clear()
        self.parted.clear()
        return tuple(rows)

    def tell_again(self, hours: Iterable[int]) -> None:
        """Owe these hours and all windows, whatever they count."""
        for hour in hours:
            if hour in self.hours:
                self.unsent.add(hour)
            else:
                self.parted.setdefault(hour, (0,) * self.width)
        self.drop_windows()
        self.owed = True

    def drop_windows(self) -> None:
        """Stop keeping sums: while far behind nobody reads them."""
        self.sums = None
        self.changes.clear()

    def take_windows(self, now: int, watermark: int, floor: int) -> tuple[WindowRow, ...]:
        """Rows that changed, that slid while not zero, or all when sums were not kept.

        `floor` is the first hour whose panes are complete; windows that begin earlier are withheld.
        """
        all_rows = self.sums is None
        self.sums = self.sums or [RunningSum(window, self.width) for window in WINDOWS]
        rows = []
        for total in self.sums:
            if self._move(total, now, watermark) or all_rows:
                pane = total.window.pane
                if total.start * pane >= floor * HOUR:
                    end = total.end * pane
                    rows.append(WindowRow(total.window.name, end, tuple(total.counts)))
        self.changes.clear()
        self.owed = any(any(total.counts) for total in self.sums)
        return tuple(rows)

    def _move(self, total: RunningSum, now: int, watermark: int) -> bool:
        """Bring one sum up to date; says whether its row must be told."""
        pane = total.window.pane
        panes, kept = (self.minutes, MINUTES_KEPT) if pane == MINUTE else (self.hours, HOURS_KEPT)
        end = now // pane + 1
        if not total.counts:
            total.place(panes, end, end)
            return True
        touched = total.change(self.changes)
        if end == total.end:
            return touched
        before = any(total.counts)
        total.place(panes, end, watermark // pane - kept)
        return touched or before or any(total.counts)

    @property
    def idle(self) -> bool:
        """Nothing counted, nothing to tell: the group can be forgotten."""
        return not (self.hours or self.minutes or self.unsent or self.parted or self.owed)
