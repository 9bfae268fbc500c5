"""A worker that stops without dying, and wakes when others have taken its place."""

from __future__ import annotations

import signal

from pipeline.operate.drill.scene import Scene

ASLEEP_SECONDS = 6.0
"""How long it sleeps on after others went on: it wakes with a state and sends of another time."""


async def waking(scene: Scene) -> None:
    """SIGSTOP one of two workers past its session; once the other goes on, SIGCONT."""
    for _ in scene.rounds():
        await scene.pause(2.0, 4.0)
        name = scene.random.choice(("score-1", "score-2"))
        mark = scene.mark(f"{name} is stopped in its tracks")
        scene.stack.signal(name, signal.SIGSTOP)
        try:
            await scene.passed(mark)
            await scene.pause(ASLEEP_SECONDS, ASLEEP_SECONDS)
        finally:
            woken = scene.mark(f"{name} wakes")
            scene.stack.signal(name, signal.SIGCONT)
        await scene.passed(woken)
