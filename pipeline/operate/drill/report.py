"""The table at the end: drill × (lost, double, seconds to resume, verdict)."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table

from pipeline.operate.drill.drill import Drill, Result


def table(results: Sequence[Result]) -> Table:
    """One row a drill, readable without a terminal."""
    made = Table(box=box.ASCII2, pad_edge=False)
    made.add_column("drill", no_wrap=True)
    for name in ("sent", "lost", "double", "faults", "s to resume", "at most", "verdict"):
        made.add_column(name, justify="right", no_wrap=True)
    for result in results:
        made.add_row(
            result.drill.name,
            f"{result.sent:,}",
            f"{result.lost:,}",
            f"{result.double:,}",
            str(result.faults or "-"),
            _seconds(result),
            f"{result.drill.limit:.0f}" if result.faults else "-",
            "holds" if result.holds else "FAILS",
        )
    return made


def failures(results: Sequence[Result]) -> list[str]:
    """What does not hold, a line each."""
    return [
        f"{result.drill.name}: NOT {check.what}: {check.seen}"
        for result in results
        for check in result.failures
    ]


def listing(drills: Sequence[Drill]) -> Table:
    """What there is to drill."""
    made = Table(box=None, pad_edge=False, show_header=False)
    made.add_column(no_wrap=True)
    made.add_column()
    for drill in drills:
        made.add_row(drill.name, drill.about)
    return made


def _seconds(result: Result) -> str:
    if not result.faults:
        return "-"
    return "never" if result.seconds is None else f"{result.seconds:.1f}"
