"""The most telling drills in short form: real processes die, and the counts are exact after it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.local.show import Show
from pipeline.operate.drill.cluster import losing_leader
from pipeline.operate.drill.drills import BY_NAME
from pipeline.operate.drill.play import Options, play
from pipeline.operate.drill.scene import Scene
from tests.support.leaks import MARK, PASSWORDS, Marked, leaks, logs

pytestmark = [pytest.mark.broker, pytest.mark.engine, pytest.mark.timeout(300)]

FAULTS = {"short": 7, "one-of-three-brokers": 1}
"""How many faults each must have met: a drill that breaks nothing proves nothing."""
SECONDS, RATE = 5, 80
"""Responses a second: so many that each fault meets some under way; more only take longer."""
ACTS = {"short": BY_NAME["short"].act, "one-of-three-brokers": losing_leader}
"""The broker stays away here: starting it takes as long as all the rest."""


@pytest.mark.parametrize("name", FAULTS)
async def test_nothing_is_lost_and_nothing_counted_twice_and_no_log_tells_what_was_sent(
    name: str, tmp_path: Path
) -> None:
    marked = Marked()

    async def act(scene: Scene) -> None:
        await ACTS[name](scene)
        await scene.stack.run("replay", "--dry-run")

    drilled = replace(BY_NAME[name], act=act, make=marked.items, env=PASSWORDS)
    result = await play(drilled, Options(seconds=SECONDS, rate=RATE), tmp_path, Show())
    assert result.failures == []
    assert (result.lost, result.double) == (0, 0)
    assert result.faults == FAULTS[name]
    assert result.sent >= SECONDS * RATE
    told = logs(tmp_path)
    assert {"clickhouse.log", "replay.log", "score-1.log", "sink.log"} < {log.name for log in told}
    assert leaks(told, marked.words) == []
    with (tmp_path / "sink.log").open("a", encoding="utf-8") as log:
        log.write(f"a line that tells {MARK}, and {{'trust': 4}}\n")
    assert leaks(told, marked.words) == ["sink.log: 'trust': 4", f"sink.log: {MARK}"]
