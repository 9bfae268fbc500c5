"""Does ClickHouse hold exactly what was sent? Pure: numbers in, checks out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Final

from pipeline.core.rating import rate
from pipeline.core.reasons import Outcome
from pipeline.core.vocabulary import Scale
from pipeline.local.expected import Cell, Cells, Expected, Hour, hour_of

SHOWN: Final = 5
"""Differences named in full: enough to see a pattern, and not a screen full."""


@dataclass(frozen=True, slots=True)
class Found:
    """What ClickHouse holds. `dead_letters` by stage and reason; `foreign` has the groups and hours
    of responses that somebody else sent meanwhile."""

    received: int
    missing: int
    outcomes: Mapping[str, int]
    dead_letters: Mapping[tuple[str, str], int]
    cells: Cells
    foreign: Set[Hour] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold, and what was seen."""

    what: str
    holds: bool
    seen: str


def judge(expected: Expected, found: Found) -> list[Check]:
    """Every check. Records from elsewhere are counted, and their groups and hours left out."""
    outcomes = [_outcomes(expected, found), _reasons(expected, found)]
    return [
        _acknowledged(expected),
        _sum(found),
        _received(expected, found),
        *([] if expected.crossing else outcomes),
        _cells(expected, found),
    ]


def foreign_records(expected: Expected, found: Found) -> int:
    """How many records the scorer received that are not ours."""
    return max(0, found.received - expected.sent)


def published_mean(counts: tuple[int, ...]) -> str:
    """The mean of Likert counts as it would be published."""
    mean = rate(Scale.LIKERT5, counts).published_mean
    return "-" if mean is None else f"{mean:.2f}"


def _acknowledged(expected: Expected) -> Check:
    failed = expected.failed
    return Check("every record sent was acknowledged by Kafka", failed == 0, f"{failed:,} were not")


def _sum(found: Found) -> Check:
    parts = " + ".join(f"{found.outcomes.get(name.value, 0):,} {name.value}" for name in Outcome)
    together = sum(found.outcomes.values())
    return Check(
        "received = accepted + duplicate + late + retraction + dead letter",
        together == found.received,
        f"{found.received:,} = {parts}",
    )


def _received(expected: Expected, found: Found) -> Check:
    foreign = foreign_records(expected, found)
    holds = found.received == expected.sent + foreign and found.missing == expected.missing
    seen = f"sent {expected.sent:,}, received {found.received:,}, lost {found.missing:,}"
    if foreign:
        seen += f"; {foreign:,} came from elsewhere"
    return Check("every record sent was received and judged", holds, seen)


def _outcomes(expected: Expected, found: Found) -> Check:
    """Records from elsewhere may have any outcome, so with them each total is a lower bound."""
    off = list(_off(expected.outcomes, found.outcomes, foreign_records(expected, found)))
    return Check("each outcome as often as intended", not off, "; ".join(off) or "all equal")


def _reasons(expected: Expected, found: Found) -> Check:
    seen: dict[str, int] = {}
    for (stage, reason), n in found.dead_letters.items():
        name = reason if stage == "score" else f"{reason} ({stage})"
        seen[name] = seen.get(name, 0) + n
    off = list(_off(expected.reasons, seen, foreign_records(expected, found)))
    good = f"all {len(expected.reasons)} kinds equal"
    return Check("dead letters by reason as intended", not off, "; ".join(off) or good)


def _off(wanted: Mapping[str, int], seen: Mapping[str, int], foreign: int) -> Iterator[str]:
    for name in sorted(wanted.keys() | seen.keys()):
        want, have = wanted.get(name, 0), seen.get(name, 0)
        if not want <= have <= want + foreign:
            yield f"{name}: {want:,} intended, {have:,} found"


def _cells(expected: Expected, found: Found) -> Check:
    """Group by group, hour by hour, measure by measure, value by value."""
    left_out = [cell for cell in expected.cells if hour_of(cell) in found.foreign]
    off = [
        cell
        for cell in sorted(expected.cells.keys() | found.cells.keys())
        if expected.cells.get(cell) != found.cells.get(cell) and hour_of(cell) not in found.foreign
    ]
    seen = f"{len(expected.cells) - len(left_out):,} cells of group, hour and measure"
    if left_out:
        seen += f", without {len(left_out):,} that others sent to"
    if off:
        named = "; ".join(_difference(cell, expected, found) for cell in off[:SHOWN])
        seen += f", {len(off):,} differ: {named}"
    return Check("counts equal the generator's truth", not off, seen)


def _difference(cell: Cell, expected: Expected, found: Found) -> str:
    name = "/".join(map(str, cell))
    return f"{name}: {expected.cells.get(cell)} sent, {found.cells.get(cell)} counted"
