"""What a simulation sent and what must be counted in the end, to compare a store with."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from pipeline.core.catalogue import Catalogue
from pipeline.core.reasons import Outcome
from pipeline.core.updates import Group
from pipeline.core.vocabulary import RESPONSE, SLOTS, Scale
from pipeline.core.windows import HOUR
from pipeline.errors import InputError

COLUMNS: Final = ("agency", "service", "channel", "survey", "scale", "measure", "hour", "counts")
FORMAT: Final = 1

Row = tuple[str, str, str, str, str, str, int, tuple[int, ...]]
"""One measure of one group in one hour; `counts` of the values 0..5, as in `score_panes`."""


class Change(NamedTuple):
    """What a record adds to the counts in the end (`sign` 1) or takes from them (-1)."""

    group: Group
    occurred_at: int
    slots: tuple[int, ...]
    sign: int = 1


class Truth:
    """Counts what was sent, by intended outcome, and what must be counted when all is done.

    A late response counts in the end; a retraction takes its response out of the counts again.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._panes: dict[tuple[Group, int], list[int]] = {}
        self.outcomes: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.failed = 0

    @property
    def sent(self) -> int:
        """Records of any kind."""
        return self.outcomes.total()

    def add(self, outcome: Outcome, reason: str = "", change: Change | None = None) -> None:
        """One record was sent that must have this outcome."""
        self.outcomes[outcome.value] += 1
        if reason:
            self.reasons[reason] += 1
        if change is not None:
            pane = self._pane(change.group, change.occurred_at // HOUR * HOUR)
            for slot in change.slots:
                pane[slot] += change.sign

    def rows(self) -> Iterator[Row]:
        """What must be counted, without empty rows, sorted."""
        for group, hour in sorted(self._panes):
            counts = self._panes[group, hour]
            for index, (measure, scale) in enumerate(self._layout(group.survey)):
                six = tuple(counts[index * SLOTS : (index + 1) * SLOTS])
                if any(six):
                    yield (*group, scale, measure, hour, six)

    def as_dict(self) -> dict[str, object]:
        """For JSON: `totals`, dead letters by `reasons`, and `rows` of `columns`."""
        totals = {outcome.value: self.outcomes[outcome.value] for outcome in Outcome}
        return {
            "format": FORMAT,
            "totals": {"sent": self.sent, **totals},
            "reasons": dict(sorted(self.reasons.items())),
            "not_acknowledged": self.failed,
            "columns": list(COLUMNS),
            "rows": [list(row) for row in self.rows()],
        }

    def write(self, path: Path) -> None:
        """Write it as JSON; the file is there whole or not at all. Raises InputError."""
        draft = path.with_name(f".{path.name}.draft")
        try:
            draft.write_text(json.dumps(self.as_dict(), separators=(",", ":")), encoding="utf-8")
            draft.replace(path)
        except OSError as error:
            raise InputError(f"{path}: cannot write it: {error.strerror}") from None

    def _pane(self, group: Group, hour: int) -> list[int]:
        pane = self._panes.get((group, hour))
        if pane is None:
            width = SLOTS * len(self._layout(group.survey))
            pane = self._panes[group, hour] = [0] * width
        return pane

    def _layout(self, survey: str) -> list[tuple[str, str]]:
        measures = self._catalogue.surveys[survey].measures
        return [(m, s.value) for m, s in measures.items()] + [(RESPONSE, Scale.COUNT.value)]
