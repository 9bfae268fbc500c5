"""A long run in which something is killed every so often, by the clock."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from pipeline.local.recipes import STORE
from pipeline.local.tasks import beside
from pipeline.operate.drill.memory import MIB, Memory
from pipeline.operate.drill.scene import Scene

TOLD_SECONDS: Final = 5.0
"""Between two lines of progress."""
CALM_SECONDS: Final = 25.0
"""Without a kill at the end: the longest recovery, so that the last quarter ends settled."""
SCORERS: Final = ("score-1", "score-2")


async def soaking(scene: Scene) -> None:
    """kill -9 of a random part every `every` seconds, whatever state the others are in."""
    memory = Memory()
    await beside(_kill(scene), _tell(scene, memory))
    await scene.passed(*scene.marks.open())
    scene.checks += memory.checks(remembering="score")


async def _kill(scene: Scene) -> None:
    victims = (*scene.stack.brokers, STORE, "sink", *SCORERS)
    due = time.monotonic() + scene.every
    while scene.left > CALM_SECONDS:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        due += scene.every
        await scene.crash(scene.random.choice(victims))
    await asyncio.sleep(max(0.0, scene.left))


async def _tell(scene: Scene, memory: Memory) -> None:
    while True:
        await asyncio.sleep(TOLD_SECONDS)
        parts = scene.stack.parts
        pids = {
            "score": [pid for name in SCORERS if (pid := parts[name].pid)],
            "sink": [pid for name in ("sink",) if (pid := parts[name].pid)],
        }
        sent = scene.progress.truth.sent if scene.progress else 0
        behind = scene.progress.behind / 1000 if scene.progress else 0.0
        sizes = memory.look(pids, sent)
        told = ", ".join(f"{kind} {size / MIB:.0f} MiB" for kind, size in sizes.items())
        kills, waiting = len(scene.marks.all), len(scene.marks.open())
        scene.show.say(
            f"{scene.left:.0f} s left: sent {sent:,} ({behind:.1f} s behind), {kills} kills, "
            f"{waiting} not passed; {told}"
        )
