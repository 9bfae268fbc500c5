"""The most telling drills in short form: real processes die, and the counts are exact after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.local.show import Show
from pipeline.operate.drill.drills import BY_NAME
from pipeline.operate.drill.play import Options, play

pytestmark = [pytest.mark.broker, pytest.mark.engine, pytest.mark.timeout(300)]

FAULTS = {"short": 7, "one-of-three-brokers": 1}
"""How many faults each must have met: a drill that breaks nothing proves nothing."""


@pytest.mark.parametrize("name", FAULTS)
async def test_nothing_is_lost_and_nothing_counted_twice(name: str, tmp_path: Path) -> None:
    result = await play(BY_NAME[name], Options(seconds=5), tmp_path, Show())
    assert result.failures == []
    assert (result.lost, result.double) == (0, 0)
    assert result.faults == FAULTS[name]
    assert result.sent > 1_000
