"""Score workers that die or leave: the counts stay exact, and somebody goes on soon."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from pipeline.operate.topics import TopicReport
from pipeline.settings import Settings
from tests.fixtures.scoring import (
    counted,
    outcomes,
    read,
    received,
    response,
    scoring,
    send,
    start_worker,
)

pytestmark = pytest.mark.broker

RESUME_SECONDS = 10.0
"""Design, section 5: scoring resumes within this after a kill (the session alone is 6 s)."""


async def traffic(settings: Settings, seconds: float) -> int:
    """Responses to both partitions, every third one twice; returns how many are distinct."""
    distinct = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        values = [response() for _ in range(40)]
        distinct += len(values)
        half = len(values) // 2
        # Repeats go where their originals went: dedup is exact inside a partition.
        await send(settings, values[:half] + values[:half:3], partition=0)
        await send(settings, values[half:] + values[half::3], partition=1)
        await asyncio.sleep(0.1)
    return distinct


async def sent(settings: Settings) -> int:
    """Records in the log."""
    return len(await read(settings, "responses"))


async def test_a_killed_worker_loses_nothing_and_doubles_nothing(
    settings: Settings, topics: TopicReport, tmp_path: Path
) -> None:
    one, two = [await start_worker(settings, tmp_path) for _ in range(2)]
    await asyncio.gather(one.ready(), two.ready())
    sending = asyncio.create_task(traffic(settings, seconds=8))
    await asyncio.sleep(3)
    before = two.text().count('"ready"')
    await one.end(signal.SIGKILL)
    killed = time.monotonic()
    await two.ready(times=before + 1)
    resumed = time.monotonic() - killed
    distinct = await sending
    total = await received(settings, await sent(settings))
    assert await two.end(signal.SIGTERM) == 0, two.text()
    assert total["accepted"] == distinct == await counted(settings)
    assert await counted(settings, "trust") == distinct
    assert resumed < RESUME_SECONDS


async def test_sigterm_makes_a_last_cut_and_hands_over_at_once(
    settings: Settings, topics: TopicReport, tmp_path: Path
) -> None:
    leaving = await start_worker(settings, tmp_path)
    await leaving.ready()
    await send(settings, [response() for _ in range(50)])
    await received(settings, 50)
    began = time.monotonic()
    assert await leaving.end(signal.SIGTERM) == 0
    assert "error" not in leaving.text()
    async with scoring(settings):
        await send(settings, [response()])
        await received(settings, 51)
    assert time.monotonic() - began < RESUME_SECONDS
    assert (await outcomes(settings))["duplicate"] == 0
    assert await counted(settings) == 51
