"""The account of one partition: every offset it has passed is one outcome, missing, or a marker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.core.reasons import Outcome
from pipeline.core.updates import Gap, Totals, Verdict


class News(NamedTuple):
    """What the ledger was not told yet, from `from_offset` on."""

    from_offset: int
    exceptions: tuple[Verdict, ...]
    gaps: tuple[Gap, ...]


class Account:
    """Running totals, and what is new since the ledger was told up to `told_to`."""

    def __init__(self, told_to: int, totals: Totals) -> None:
        self.told_to = told_to
        self._outcomes = Counter({o: getattr(totals, str(o)) for o in Outcome})
        self._missing = totals.missing
        self._marker = totals.marker
        self._verdicts: list[Verdict] = []
        self._gaps: list[Gap] = []

    @property
    def totals(self) -> Totals:
        """Since the start of the partition's history."""
        return Totals(
            received=self._outcomes.total(),
            **{str(outcome): self._outcomes[outcome] for outcome in Outcome},
            missing=self._missing,
            marker=self._marker,
        )

    def add(self, folded: int, verdicts: Sequence[Verdict]) -> None:
        """Of so many records; those without a verdict were accepted."""
        self._outcomes[Outcome.ACCEPTED] += folded - len(verdicts)
        self._outcomes.update(Outcome(verdict.outcome) for verdict in verdicts)
        self._verdicts += verdicts

    def mark(self, offsets: int) -> None:
        """So many hold no record: they mark transactions, or were compacted away."""
        self._marker += offsets

    def lose(self, gap: Gap) -> None:
        """Records that nobody can read any more."""
        self._gaps.append(gap)
        self._missing += gap.next_offset - gap.from_offset

    def take_news(self, next_offset: int) -> News:
        """All that is new; from here on the ledger knows it."""
        news = News(self.told_to, tuple(self._verdicts), tuple(self._gaps))
        self.told_to = next_offset
        self._verdicts.clear()
        self._gaps.clear()
        return news
