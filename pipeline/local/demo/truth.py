"""What a demo sent, and what must be in ClickHouse when all of it is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from pipeline.core.catalogue import Catalogue
from pipeline.core.reasons import Outcome
from pipeline.core.vocabulary import RESPONSE, SLOTS, Scale
from pipeline.core.windows import HOUR
from pipeline.emit.published import Published
from pipeline.emit.truth import Truth

Cell = tuple[str, str, str, str, str, str, int]
"""Agency, service, channel, survey, scale, measure, and the start of an hour (ms)."""

Cells = dict[Cell, tuple[int, ...]]
"""The counts of the values 0..5 of each cell that is not empty."""

Hour = tuple[str, str, str, str, int]
"""One group in one hour."""


def hour_of(cell: Cell) -> Hour:
    """All measures of one group and hour share it."""
    return (*cell[:4], cell[6])


@dataclass(slots=True)
class Expected:
    """Totals by outcome and reason, and the counts; `failed` records were not acknowledged."""

    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    cells: Cells = field(default_factory=dict)
    failed: int = 0

    @property
    def sent(self) -> int:
        """Records of any kind."""
        return self.outcomes.total()

    def add_quarter(self, quarter: QuarterTruth) -> None:
        """A quarter sent before anything newer: every response of it is accepted."""
        self.outcomes[Outcome.ACCEPTED.value] += quarter.responses
        self._merge(quarter.cells())

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
            self.cells[cell] = together


class QuarterTruth:
    """Counts the responses of one published quarter as they are sent, from the bare records."""

    def __init__(self, catalogue: Catalogue, published: Published) -> None:
        self._group = (published.agency, published.service, published.channel, published.survey)
        self._scales = catalogue.surveys[published.survey].measures | {RESPONSE: Scale.COUNT}
        self._hours: dict[int, dict[str, list[int]]] = {}
        self.responses = 0

    def add(self, record: Mapping[str, object]) -> None:
        """One response was sent."""
        hour = cast(int, record["occurred_at"]) // HOUR * HOUR
        counts = self._hours.get(hour)
        if counts is None:
            counts = self._hours[hour] = {measure: [0] * SLOTS for measure in self._scales}
        for measure, value in cast("dict[str, int]", record["answers"]).items():
            counts[measure][value] += 1
        counts[RESPONSE][0] += 1
        self.responses += 1

    def cells(self) -> Cells:
        """What must be counted."""
        return {
            (*self._group, self._scales[measure].value, measure, hour): tuple(six)
            for hour, measures in self._hours.items()
            for measure, six in measures.items()
            if any(six)
        }
