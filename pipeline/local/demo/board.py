"""The live table: services × channels, from the scores of the last hour. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from rich import box
from rich.table import Table

from pipeline.core.vocabulary import Scale
from pipeline.local.demo.numbers import Score

CHANGE_SECONDS: Final = 30
"""Long enough that something changed, short enough for a demo of a minute."""
SECOND: Final = 1_000

Group = tuple[str, str, str, str]
Scores = Mapping[Group, Mapping[str, Score]]


class Memory:
    """What the scores were a while ago."""

    def __init__(self, seconds: float = CHANGE_SECONDS) -> None:
        self._seconds = seconds
        self._past: deque[tuple[float, dict[Group, float]]] = deque()

    def changes(self, now: float, scores: Scores) -> dict[Group, float]:
        """By how much each group's first score moved since then (`now`: seconds of any clock);
        without those that had none then."""
        values = {group: level(first(measures)) for group, measures in scores.items()}
        self._past.append((now, values))
        while len(self._past) > 1 and self._past[1][0] <= now - self._seconds:
            self._past.popleft()
        then = self._past[0][1] if len(self._past) > 1 else {}
        return {group: value - then[group] for group, value in values.items() if group in then}


@dataclass(frozen=True, slots=True)
class Board:
    """One look at the scores; `now` in ms."""

    scores: Scores
    changes: Mapping[Group, float]
    now: int

    def table(self, rows: int, *, plain: bool) -> Table:
        """The groups with the most answers in the last hour, at most `rows` of them."""
        shape = box.ASCII if plain else box.SIMPLE_HEAD
        table = Table(title="Scores of the last hour", box=shape, pad_edge=False)
        for name in ("service", "channel", "survey"):
            table.add_column(name, no_wrap=True)
        for name in (
            "trust",
            "satisfaction",
            "n",
            "positive, 95 %",
            f"in {CHANGE_SECONDS} s",
            "last",
        ):
            table.add_column(name, justify="right", no_wrap=True)
        ranked = sorted(self.scores.items(), key=lambda item: (-first(item[1]).n, item[0]))
        for group, measures in ranked[:rows]:
            table.add_row(*self._cells(group, measures))
        if len(ranked) > rows:
            table.caption = f"and {len(ranked) - rows} more with fewer answers"
        return table

    def _cells(self, group: Group, measures: Mapping[str, Score]) -> Iterable[str]:
        _, service, channel, survey = group
        main = first(measures)
        yield from (service, channel, survey.removeprefix(f"{service}-"))
        yield shown(measures.get("trust"))
        yield shown(measures.get("satisfaction") or measures.get("yes_no"))
        yield f"{main.n:,}"
        yield f"{main.lo:.0%} .. {main.hi:.0%}"
        yield moved(main, self.changes.get(group))
        yield ago(self.now - main.last_response_at)


def by_group(scores: Iterable[Score]) -> dict[Group, dict[str, Score]]:
    """Group → measure → score."""
    groups: dict[Group, dict[str, Score]] = {}
    for score in scores:
        groups.setdefault(score.group, {})[score.measure] = score
    return groups


def first(measures: Mapping[str, Score]) -> Score:
    """The one that stands for a group: trust where it is asked."""
    for measure in ("trust", "satisfaction", "yes_no"):
        if measure in measures:
            return measures[measure]
    raise ValueError("a group without a score")


def level(score: Score) -> float:
    """Mean on the scale 1..5; on the others, per cent."""
    return score.mean if score.scale == Scale.LIKERT5 else 100 * score.share


def shown(score: Score | None) -> str:
    """As `4.32` on the scale 1..5, `87 % up`, `91 % yes`."""
    if score is None:
        return ""
    word = {"likert5": "", "thumbs": " up", "yes_no": " yes"}.get(score.scale, "")
    return f"{score.mean:.2f}" if score.scale == Scale.LIKERT5 else f"{score.share:.0%}{word}"


def moved(score: Score, change: float | None) -> str:
    """The change with its sign, `=` when it shows as zero, nothing when nothing is known."""
    if change is None:
        return ""
    digits, unit = (2, "") if score.scale == Scale.LIKERT5 else (0, " pt")
    return f"{change:+.{digits}f}{unit}" if round(change, digits) else "="


def ago(ms: int) -> str:
    """An age: `3 s`, `12 min`."""
    seconds = max(0, ms) // SECOND
    return f"{seconds} s" if seconds < 2 * 60 else f"{seconds // 60} min"
