"""What must be counted of the published quarter that a demo sends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from pipeline.core.catalogue import Catalogue
from pipeline.core.vocabulary import RESPONSE, SLOTS, Scale
from pipeline.core.windows import HOUR
from pipeline.emit.published import Published
from pipeline.local.expected import Cells


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
