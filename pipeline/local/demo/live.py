"""The second act: traffic as it comes, and the scores following it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.live import Live
from rich.text import Text

from pipeline.emit.run import SimulationReport, simulate
from pipeline.emit.simulate import Traffic
from pipeline.local.demo.board import Board, Memory, by_group
from pipeline.local.demo.numbers import FRESH_SECONDS, Freshness, Numbers
from pipeline.local.show import Show
from pipeline.settings import Settings

REDRAW_SECONDS: Final = 1.0
"""On a terminal; each look costs ClickHouse some queries."""
PRINT_SECONDS: Final = 10.0
"""In a log: six tables a minute."""
PLAIN_ROWS: Final = 12
OTHER_LINES: Final = 12
"""Of the screen, beside the table's rows: its frame, and what stands below and above it."""
FEWEST_ROWS: Final = 5
BEHIND_MS: Final = 1_000
"""Less shows as a hiccup of the scheduler."""


@dataclass(slots=True)
class _Pulse:
    """What the sender told last."""

    sent: int = 0
    seconds: float = 0.0
    behind: int = 0

    def hear(self, report: SimulationReport) -> None:
        self.sent, self.seconds = report.truth.sent, report.seconds
        self.behind = report.behind


async def send_traffic(
    settings: Settings, traffic: Traffic, numbers: Numbers, show: Show, stop: asyncio.Event
) -> SimulationReport:
    """Send `traffic` until it ends or `stop` is set, with the table on show meanwhile."""
    pulse = _Pulse()
    viewer = asyncio.create_task(_View(numbers, show, pulse).keep())
    sender = asyncio.create_task(simulate(settings, traffic, pulse.hear, stop))
    try:
        await asyncio.wait((viewer, sender), return_when=asyncio.FIRST_COMPLETED)
        if viewer.done():
            viewer.result()
        return await sender
    finally:
        for task in (viewer, sender):
            task.cancel()
        await asyncio.gather(viewer, sender, return_exceptions=True)


class _View:
    """Looks again and again, and shows what it saw."""

    def __init__(self, numbers: Numbers, show: Show, pulse: _Pulse) -> None:
        self._numbers = numbers
        self._show = show
        self._pulse = pulse
        self._memory = Memory()

    async def keep(self) -> None:
        """Until cancelled: on a terminal one table that changes, elsewhere one now and then."""
        if self._show.live:
            with Live(console=self._show.console, auto_refresh=False) as screen:
                while True:
                    screen.update(await self._look(), refresh=True)
                    await asyncio.sleep(REDRAW_SECONDS)
        await self._look()  # the first changes are those since the start
        while True:
            await asyncio.sleep(PRINT_SECONDS)
            self._show.put("", await self._look())

    async def _look(self) -> RenderableType:
        scores = by_group(await self._numbers.scores())
        changes = self._memory.changes(time.monotonic(), scores)
        board = Board(scores, changes, time.time_ns() // 1_000_000)
        rows = self._show.console.height - OTHER_LINES if self._show.live else PLAIN_ROWS
        table = board.table(max(rows, FEWEST_ROWS), plain=not self._show.live)
        return Lines(table, Text(await self._footer()))

    async def _footer(self) -> str:
        pulse = self._pulse
        totals = await self._numbers.totals()
        rate = pulse.sent / pulse.seconds if pulse.seconds else 0.0
        counts = (
            f"{pulse.seconds:.0f} s: sent {pulse.sent:,} ({rate:,.0f} a second); with the quarter "
            f"{totals.stored:,} responses in ClickHouse, {totals.received:,} scored"
        )
        ages = "; ".join(told(fresh) for fresh in await self._numbers.freshness())
        lines = [counts, f"time from Kafka to ClickHouse, last {FRESH_SECONDS} s: {ages or '-'}"]
        if pulse.behind > BEHIND_MS:
            lines.append(f"sending is {pulse.behind / 1000:.1f} s behind: this machine is busy")
        return "\n".join(lines)


def told(fresh: Freshness) -> str:
    """`scores p50 180 ms, p99 420 ms`."""
    return f"{fresh.what} p50 {fresh.p50:,.0f} ms, p99 {fresh.p99:,.0f} ms"
