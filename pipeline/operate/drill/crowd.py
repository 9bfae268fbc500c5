"""Workers join and leave under load."""

from __future__ import annotations

from pipeline.operate.drill.scene import Scene

MORE = ("score-2", "score-3")


async def coming_and_going(scene: Scene) -> None:
    """One worker, then three, then one again."""
    for _ in scene.rounds():
        for name in MORE:
            await scene.pause(1.0, 4.0)
            mark = scene.mark(f"{name} joins")
            await scene.stack.start(name)
            await scene.passed(mark)
        for name in reversed(MORE):
            await scene.pause(1.0, 4.0)
            mark = scene.mark(f"{name} leaves")
            await scene.stack.stop(name)
            await scene.passed(mark)
