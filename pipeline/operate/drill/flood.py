"""Garbage above what the circuit breaker lets pass: partitions pause until they are resumed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from pipeline.core.catalogue import Catalogue
from pipeline.core.reasons import Outcome, Reason
from pipeline.emit.simulate import Item, Traffic, items
from pipeline.local.verdict import Check
from pipeline.operate.drill.marks import Mark
from pipeline.operate.drill.scene import Scene

GARBAGE: Final = 3
"""Records that cannot be read, for each one that can: well above half."""

BREAKER: Final = {"CXPULSE_SCORE_BREAKER_RECORDS": "500", "CXPULSE_SCORE_BREAKER_SECONDS": "60"}
"""Trips within seconds here; 10,000 in five minutes by default."""

FLOOD_SECONDS: Final = 30.0
"""The quietest partition gets 50 records a second of the flood, so it has tripped by then."""
LOOK_SECONDS: Final = 0.5
RESUME_SECONDS: Final = 2.0
"""Between two looks of the operator, whether what waits behind a pause has paused it again."""


def flooded(catalogue: Catalogue, traffic: Traffic) -> Iterator[Item]:
    """The traffic in a flood of garbage."""
    for item in items(catalogue, traffic):
        yield item
        for _ in range(GARBAGE):
            yield Item(item.due, item.key, b"garbage", Outcome.DEAD_LETTER, Reason.NOT_AVRO.value)


async def flooding(scene: Scene) -> None:
    """Every partition pauses; kill -9 lifts nothing; an operator resumes once the flood is over."""
    partitions = scene.stack.settings.kafka.partitions
    async with scene.traffic(flooded):
        await _wait(scene, partitions)
    before = await scene.paused()
    scene.show.say(f"paused at {before}")
    scene.stack.kill("score-1")
    await scene.stack.start("score-1")
    after = await scene.paused()
    scene.checks += [
        Check("a flood pauses every partition", len(before) == partitions, f"{before}"),
        Check("kill -9 lifts no pause", before == after, f"{before}, then {after}"),
    ]
    async with scene.traffic():
        mark = scene.mark("the operator resumes")
        await _resume(scene, mark)
        await scene.passed(mark)


async def _wait(scene: Scene, partitions: int) -> None:
    for _ in range(int(FLOOD_SECONDS / LOOK_SECONDS)):
        await asyncio.sleep(LOOK_SECONDS)
        if len(await scene.paused()) == partitions:
            return


async def _resume(scene: Scene, mark: Mark) -> None:
    """As often as it takes: what was flooded in behind a pause pauses the partition again."""
    for _ in range(int(FLOOD_SECONDS / RESUME_SECONDS)):
        if await scene.paused():
            await scene.stack.run("resume")
        elif mark.seconds is not None:
            return
        await asyncio.sleep(RESUME_SECONDS)
