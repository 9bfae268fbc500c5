"""Sends simulated traffic on schedule, and keeps the truth of what was really sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from pipeline.core.catalogue import Catalogue
from pipeline.emit.client import Emitter, Report
from pipeline.emit.simulate import Item, Traffic, items
from pipeline.emit.truth import Truth
from pipeline.settings import Settings
from pipeline.wire.kafka import Partitioner, partition_for

TOLD_SECONDS: Final = 0.25
"""Between two reports of progress: a live display looks smooth at four a second."""
NAP: Final = 0.05
"""Longest sleep: how soon `stop` is noticed, and that the schedule follows a clock that is set."""

Make = Callable[[Catalogue, Traffic], Iterator[Item]]
"""Makes the records of some traffic."""


@dataclass(slots=True)
class SimulationReport:
    """What was sent so far. `behind` is how late the latest record was against its schedule, and
    `most_behind` the worst so far (ms): when it grows, the rate asked for is not reached."""

    truth: Truth
    sending: Report = field(default_factory=Report)
    seconds: float = 0.0
    behind: int = 0
    most_behind: int = 0


async def simulate(
    settings: Settings,
    traffic: Traffic,
    on_progress: Callable[[SimulationReport], None] = lambda report: None,
    stop: asyncio.Event | None = None,
    make: Make = items,
    partitioner: Partitioner = partition_for,
) -> SimulationReport:
    """Send `traffic` on its own schedule, whether or not anything keeps up (open loop); history as
    fast as it can be. When `stop` is set what was sent is flushed, and the truth is of that.
    Drills change what is made, and how it is spread over partitions.

    Raises KafkaError when there is no broker.
    """
    began = told = time.monotonic()
    shift: int | None = None
    async with Emitter(settings, partitioner=partitioner) as emitter:
        report = SimulationReport(Truth(emitter.catalogue))
        for item in make(emitter.catalogue, traffic):
            if stop is not None and stop.is_set():
                break
            if item.due > traffic.start and shift is None:
                # Live begins when the way is free: history, or connecting, took its time.
                shift = max(0, _now() - traffic.start)
            due = item.due + (shift or 0)
            if not await _wait_until(due, stop):
                break
            await emitter.send_bytes(item.key, item.value)
            report.truth.add(item.outcome, item.reason, item.change)
            if shift is not None:
                report.behind = max(0, _now() - due)
                report.most_behind = max(report.most_behind, report.behind)
            if (now := time.monotonic()) - told >= TOLD_SECONDS:
                told = now
                _tell(report, emitter.report(), now - began, on_progress)
        _tell(report, await emitter.flush(), time.monotonic() - began, on_progress)
    return report


def _tell(
    report: SimulationReport,
    sending: Report,
    seconds: float,
    on_progress: Callable[[SimulationReport], None],
) -> None:
    report.sending = sending
    report.truth.failed = sending.failed
    report.seconds = seconds
    on_progress(report)


async def _wait_until(due: int, stop: asyncio.Event | None) -> bool:
    """Sleep until the wall clock shows `due` (ms); False when stopped before."""
    while (early := due - _now()) > 0:
        await asyncio.sleep(min(early / 1000, NAP))
        if stop is not None and stop.is_set():
            return False
    return True


def _now() -> int:
    return time.time_ns() // 1_000_000
