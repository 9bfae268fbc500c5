"""The last act: wait for what is still on its way, then compare, and say so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from rich import box
from rich.table import Table

from pipeline.local.counted import OUTCOMES
from pipeline.local.demo.numbers import Numbers, Published
from pipeline.local.demo.quarter import QUARTER, Sent
from pipeline.local.demo.strangers import Strangers
from pipeline.local.expected import Expected
from pipeline.local.show import Show
from pipeline.local.verdict import Check, Found, foreign_records, judge, published_mean

DRAIN_SECONDS: Final = 60.0
"""What the demo promises: whatever lags by then is a fault."""
LOOK_SECONDS: Final = 1.0


async def settle(
    expected: Expected, sent: Sent, numbers: Numbers, strangers: Strangers, show: Show
) -> bool:
    """Look until everything holds, or the time is over; then show it. Whether it holds."""
    show.say(f"traffic has ended; waiting at most {DRAIN_SECONDS:.0f} s until all is counted")
    began = time.monotonic()
    while True:
        found = await numbers.found()
        if foreign_records(expected, found):
            found = await strangers.mark(numbers, found)
        means = await numbers.quarter(QUARTER.year, QUARTER.quarter, sent.published.survey)
        checks = [*judge(expected, found), compare_means(sent, means)]
        holds = all(check.holds for check in checks)
        if holds or time.monotonic() - began > DRAIN_SECONDS:
            break
        await asyncio.sleep(LOOK_SECONDS)
    took = time.monotonic() - began
    show.say(f"{'all is' if holds else 'not all is'} counted {took:.1f} s after the last was sent")
    show.title("What was sent, and what became of it")
    show.put(_outcomes(expected, found))
    show.title(f"{sent.published.service} {QUARTER}, as published and as computed")
    show.put(_means(sent, means), f"source: {sent.published.source}")
    show.title("Verdict")
    show.put(*(_line(check) for check in checks))
    wrong = sum(not check.holds for check in checks)
    show.put("", "everything holds" if holds else f"{wrong} of {len(checks)} checks do NOT hold")
    return holds


def compare_means(sent: Sent, computed: Sequence[Published]) -> Check:
    """Each measure's mean as it would be published, to two decimals."""
    by_measure = {row.measure: published_mean(row.counts) for row in computed}
    wanted = sent.quarter.means
    off = [
        f"{measure}: {mean} published, {by_measure.get(measure)} computed"
        for measure, mean in wanted.items()
        if by_measure.get(measure) != mean
    ]
    good = f"all {len(wanted)} equal"
    return Check("means equal the published ones", not off, "; ".join(off) or good)


def _outcomes(expected: Expected, found: Found) -> Table:
    rows = [(name, expected.outcomes[name], found.outcomes.get(name, 0)) for name in OUTCOMES]
    rows.append(("together", expected.sent, found.received))
    table = _table("outcome", "sent to become", "in ClickHouse")
    for name, want, have in rows:
        table.add_row(name.replace("_", " "), f"{want:,}", f"{have:,}")
    return table


def _means(sent: Sent, computed: Sequence[Published]) -> Table:
    by_measure = {row.measure: row for row in computed}
    table = _table("measure", "published", "computed")
    table.add_row(
        "responses",
        f"{sent.quarter.responses:,}",
        f"{max((row.responses for row in computed), default=0):,}",
    )
    for measure, mean in sent.quarter.means.items():
        row = by_measure.get(measure)
        table.add_row(measure, mean, published_mean(row.counts) if row else "-")
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(first, box=box.SIMPLE_HEAD, pad_edge=False)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _line(check: Check) -> str:
    return f"{'  ok  ' if check.holds else ' NOT  '}{check.what}: {check.seen}"
