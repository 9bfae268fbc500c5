"""A published quarter and simulated traffic on the real broker."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from decimal import Decimal
from typing import cast

import pytest

from pipeline.core.reasons import Reason
from pipeline.emit.publish import publish
from pipeline.emit.published import load_published
from pipeline.emit.run import SimulationReport, simulate
from pipeline.emit.simulate import Traffic
from pipeline.operate.topics import TopicReport
from pipeline.settings import Settings
from tests.fixtures.emitted import read_emitted

pytestmark = pytest.mark.broker


async def test_a_quarter_sent_twice_holds_every_response_twice_with_the_published_means(
    settings: Settings, topics: TopicReport
) -> None:
    told: list[tuple[int, int]] = []
    for _ in range(2):
        report = await publish(
            settings, "va-vha", 2020, 2, lambda done, total: told.append((done, total)), size=2500
        )
        assert (report.sent, report.failed) == (2500, 0)
    assert told == [(2000, 2500), (2500, 2500)] * 2
    records = [cast("dict[str, object]", e.record) for e in await read_emitted(settings)]
    assert set(Counter(str(r) for r in records).values()) == {2}
    for measure, mean in load_published("va-vha").quarter(2020, 2).means.items():
        given = [cast("dict[str, int]", r["answers"])[measure] for r in records]
        assert round(Decimal(sum(given)) / len(given), 2) == Decimal(mean)


async def test_simulated_traffic_keeps_to_its_schedule_and_its_truth(
    settings: Settings, topics: TopicReport
) -> None:
    now = time.time_ns() // 1_000_000
    traffic = Traffic(now, rate=400, live=400, history=86_400_000, history_count=500, invalid=0.1)
    told: list[int] = []
    report = await simulate(settings, traffic, lambda report: told.append(report.truth.sent))
    found = await read_emitted(settings)
    assert len(found) == report.truth.sent == report.sending.sent == told[-1]
    assert 0.5 < report.seconds < 20
    decoded = {Reason.BAD_EVENT_ID, *list(Reason)[list(Reason).index(Reason.BAD_EVENT_ID) :]}
    undecodable = sum(n for r, n in report.truth.reasons.items() if Reason(r) not in decoded)
    assert sum(isinstance(e.record, Reason) for e in found) == undecodable > 0


async def test_stopped_traffic_leaves_the_truth_of_what_was_sent(
    settings: Settings, topics: TopicReport
) -> None:
    stop = asyncio.Event()

    def tell(report: SimulationReport) -> None:
        if report.truth.sent > 20:
            stop.set()

    traffic = Traffic(time.time_ns() // 1_000_000, rate=200)
    async with asyncio.timeout(30):
        report = await simulate(settings, traffic, tell, stop)
    assert len(await read_emitted(settings)) == report.truth.sent > 20
