"""Score workers that die or leave: the counts stay exact, and somebody goes on soon."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from pipeline.operate.topics import TopicReport
from pipeline.settings import Settings
from tests.fixtures.scoring import (
    counted,
    outcomes,
    received,
    response,
    scoring,
    send,
    start_worker,
)

pytestmark = pytest.mark.broker

RESUME_SECONDS = 10.0
"""Design, section 5: scoring resumes within this after a kill (the session alone is 6 s)."""


async def test_sigterm_makes_a_last_cut_and_hands_over_at_once(
    settings: Settings, topics: TopicReport, tmp_path: Path
) -> None:
    leaving = await start_worker(settings, tmp_path)
    await leaving.ready()
    await send(settings, [response() for _ in range(50)])
    await received(settings, 50)
    began = time.monotonic()
    assert await leaving.end(signal.SIGTERM) == 0
    # Before it is ready, a broker's very first group makes aiokafka complain: no matter here.
    assert "error" not in leaving.text().partition('"ready"')[2]
    async with scoring(settings):
        await send(settings, [response()])
        await received(settings, 51)
    assert time.monotonic() - began < RESUME_SECONDS
    assert (await outcomes(settings))["duplicate"] == 0
    assert await counted(settings) == 51
