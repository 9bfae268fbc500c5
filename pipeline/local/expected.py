"""What was sent, and what must be in ClickHouse when all of it is counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from pipeline.core.reasons import Outcome
from pipeline.emit.truth import Truth

Cell = tuple[str, str, str, str, str, str, int]
"""Agency, service, channel, survey, scale, measure, and the start of an hour (ms)."""

Cells = dict[Cell, tuple[int, ...]]
"""The counts of the values 0..5 of each cell that is not empty; between two parts of one traffic
they may be below 0, where a retraction follows its response."""

Hour = tuple[str, str, str, str, int]
"""One group in one hour."""


def hour_of(cell: Cell) -> Hour:
    """All measures of one group and hour share it."""
    return (*cell[:4], cell[6])


@dataclass(slots=True)
class Expected:
    """Totals by outcome and reason, and the counts; `failed` records were not acknowledged, and
    `missing` ones (besides) expired before anybody read them; `unstored` responses count though
    their raw rows expired. When `crossing`, copies of one event
    met in different partitions: then its counts are certain after a repair, but no outcome is."""

    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    cells: Cells = field(default_factory=dict)
    failed: int = 0
    missing: int = 0
    unstored: int = 0
    crossing: bool = False

    @property
    def sent(self) -> int:
        """Records of any kind."""
        return self.outcomes.total()

    def add_accepted(self, responses: int, cells: Cells) -> None:
        """Responses sent before anything newer: every one of them is accepted."""
        self.outcomes[Outcome.ACCEPTED.value] += responses
        self._merge(cells)

    def add_traffic(self, truth: Truth) -> None:
        """Simulated traffic."""
        self.outcomes.update(truth.outcomes)
        self.reasons.update(truth.reasons)
        self.failed += truth.failed
        self._merge({row[:7]: row[7] for row in truth.rows()})

    def _merge(self, cells: Cells) -> None:
        for cell, counts in cells.items():
            here = self.cells.get(cell)
            together = counts if here is None else tuple(map(sum, zip(here, counts, strict=True)))
            if any(together):
                self.cells[cell] = together
            else:
                self.cells.pop(cell, None)
