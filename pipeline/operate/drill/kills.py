"""kill -9 at random moments, again and again: of anything."""

from __future__ import annotations

import asyncio

from pipeline.operate.drill.drill import Act
from pipeline.operate.drill.scene import Scene


def killing(*names: str) -> Act:
    """Kill one of `names`, wait until all goes on, and kill again after a random pause."""

    async def act(scene: Scene) -> None:
        for _ in scene.rounds():
            await scene.pause(1.0, 6.0)
            await scene.passed(await scene.crash(scene.random.choice(names)))

    return act


def in_turn(*acts: Act) -> Act:
    """One fault after the other, on the same stack."""

    async def act(scene: Scene) -> None:
        for each in acts:
            await each(scene)

    return act


async def restarting_broker(scene: Scene) -> None:
    """The broker ends in good order and starts again."""
    for _ in scene.rounds():
        await scene.pause(2.0, 6.0)
        (broker,) = scene.stack.brokers
        await scene.stack.restart(broker)
        await scene.passed(scene.mark(f"{broker} was stopped and is back"))


async def letting_go(scene: Scene) -> None:
    """SIGTERM to one of two workers: a last cut, then the other goes on."""
    for _ in scene.rounds():
        await scene.pause(2.0, 4.0)
        name = scene.random.choice(("score-1", "score-2"))
        mark = scene.mark(f"{name} is told to stop")
        await scene.stack.stop(name)
        await scene.passed(mark)
        await scene.stack.start(name)
        await asyncio.sleep(1)


async def restarting_worker(scene: Scene) -> None:
    """SIGTERM to the only worker, which its supervisor starts again."""
    for _ in scene.rounds():
        await scene.pause(2.0, 6.0)
        mark = scene.mark("score-1 is told to stop")
        await scene.stack.restart("score-1")
        await scene.passed(mark)
