"""Looks closely at single panes and windows until they agree with the raw rows, or stay wrong.

A row is compared below its own version, so what is written meanwhile raises no alarm: a row ahead
of the stored raw rows is kept, and compared once they have come as far. A pane that is older than
what was stored when the inquiry began must agree with that, else it has missed something.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.core.vocabulary import COUNTED, SLOTS
from pipeline.operate.reconcile.differences import Difference, Kind
from pipeline.operate.reconcile.journals import Origin
from pipeline.operate.reconcile.spans import (
    Counts,
    Measure,
    Measured,
    Place,
    Span,
    Stored,
    newest,
    recounted,
    stored_panes,
)
from pipeline.sink.target import Tables
from pipeline.wire.catalogue_moves import Layouts

NOTHING: Final = Stored(0, (0,) * SLOTS)


@dataclass(frozen=True, slots=True)
class Wrong:
    """A measure of a span whose row is not what raw rows below `below` say."""

    span: Span
    measure: Measure
    below: int
    stored: Counts | None
    expected: Counts

    def difference(self) -> Difference:
        """As it is reported."""
        name, scale = self.measure
        advice = "the next row of this window replaces it" if self.span.window else ""
        if advice and self.stored is None:
            advice = "--repair counts it from raw rows; are score workers running?"
        return Difference(
            Kind.WINDOW if self.span.window else Kind.PANE,
            self.span.origin,
            f"{self.span}, {name} ({scale}), below offset {self.below}",
            "no row" if self.stored is None else str(list(self.stored)),
            str(list(self.expected)),
            advice,
        )


@dataclass(frozen=True, slots=True)
class Ahead:
    """A span with a row of a version that raw rows and ledger have not come to."""

    span: Span
    below: int
    reach: int

    def difference(self) -> Difference:
        """As it is reported."""
        return Difference(
            Kind.WINDOW if self.span.window else Kind.PANE,
            self.span.origin,
            str(self.span),
            f"counts below offset {self.below}",
            f"at most {self.reach}, where ledger and raw rows are",
            "could not be compared; are sinks behind?",
        )


class Inquiry:
    """Spans under suspicion. `begun` is what was stored when it began: the least that panes must
    have counted."""

    def __init__(self, tables: Tables, layouts: Layouts, begun: Mapping[Origin, int]) -> None:
        self._tables = tables
        self._layouts = layouts
        self._begun = begun
        self._open: dict[Span, Measured | None] = {}
        self._read_anew: set[Span] = set()
        self.wrong: list[Wrong] = []
        self.ahead: list[Ahead] = []
        """Of the rows that were there at the first look: later ones may be ahead for a moment."""

    def suspect(self, spans: Iterable[Span]) -> None:
        """Look at these panes."""
        for span in spans:
            self._open.setdefault(span, None)

    def suspect_rows(self, rows: Mapping[Span, Measured]) -> None:
        """Look at these rows as they were read."""
        self._open.update(rows)

    def __len__(self) -> int:
        return len(self._open)

    def differences(self, behind: Collection[Origin | None]) -> list[Difference]:
        """What the last look found. Of origins that are `behind` their log rows are ahead, too."""
        ahead = [one for one in self.ahead if one.span.origin not in behind]
        wrong = [one.difference() for one in self.wrong]
        return wrong + [one.difference() for one in ahead]

    async def look(self, reaches: Mapping[Origin, int]) -> None:
        """Compare what can be compared now; what agrees is done with. Raises StoreError."""
        unread = [span for span, rows in self._open.items() if rows is None]
        read = await stored_panes(self._tables, unread)
        rows = {
            span: kept if kept is not None else read.get(span, {})
            for span, kept in self._open.items()
        }
        ripe = {span: r for span, r in rows.items() if newest(r) <= reaches.get(span.origin, 0)}
        self._open = {span: r for span, r in rows.items() if span not in ripe}
        self.ahead = [
            Ahead(span, newest(r), reaches.get(span.origin, 0))
            for span, r in self._open.items()
            if r is not None and span not in self._read_anew
        ]
        self.wrong = await self._compare(ripe)
        for one in self.wrong:
            # A pane is read anew: a newer row may be right. A window's row is never written again.
            self._open[one.span] = rows[one.span] if one.span.window else None
            self._read_anew.add(one.span)

    async def _compare(self, ripe: Mapping[Span, Measured]) -> list[Wrong]:
        wanted: dict[Place, list[Measure]] = {}
        for span, rows in ripe.items():
            for measure, below in self._asked(span, rows).items():
                wanted.setdefault((span, below), []).append(measure)
        found = await recounted(self._tables, wanted)
        wrong = []
        for (span, below), counts in found.items():
            for measure, expected in counts.items():
                stored = ripe[span].get(measure)
                if (stored or NOTHING).counts != expected:
                    was = None if stored is None else stored.counts
                    wrong.append(Wrong(span, measure, below, was, expected))
        return wrong

    def _asked(self, span: Span, rows: Measured) -> dict[Measure, int]:
        """Each measure with the offset below which it must agree."""
        layout = self._layouts.get(span.group.survey, ())
        if not span.window:
            begun = self._begun.get(span.origin, 0)
            rest = {measure: max(begun, row.below) for measure, row in rows.items()}
            return dict.fromkeys(layout, begun) | rest
        # Rows of one window may end apart, when a measure is asked no more: all are at its newest.
        whole = dict.fromkeys(layout, newest(rows)) if COUNTED in rows else {}
        return whole | {measure: row.below for measure, row in rows.items()}
