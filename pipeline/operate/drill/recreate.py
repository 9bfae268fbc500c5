"""The topic of the responses deleted and created again under everybody's feet."""

from __future__ import annotations

import asyncio
from typing import Final

from pipeline.local.verdict import Check
from pipeline.operate.drill.scene import Scene
from pipeline.wire.kafka import admin, started
from pipeline.wire.topics import Topics

SPANS: Final = 3
"""Of the drill's time: in the old log, in the new one unread, and read."""
LOOK_SECONDS: Final = 0.2
TOLD: Final = "--new-generation"
"""In the last line of whoever stops."""


async def recreating(scene: Scene) -> None:
    """Scorer and sink stop, however often they are started, until a new generation is begun."""
    span = scene.seconds / SPANS
    async with scene.traffic():
        await asyncio.sleep(span)
    await scene.calm()
    await _delete(scene, Topics("cx").responses)
    await scene.stack.run("topics")
    scene.show.say("the topic is another one of the same name")
    async with scene.traffic():
        await asyncio.sleep(span)
        for name in ("score-1", "sink"):
            log = scene.stack.parts[name].log.read_text(encoding="utf-8", errors="replace")
            scene.checks.append(Check(f"{name} stops and names the command", TOLD in log, TOLD))
        mark = scene.mark("an operator begins a new generation")
        await scene.stack.run("topics", "--new-generation")
        await scene.passed(mark)
        await asyncio.sleep(span)


async def _delete(scene: Scene, topic: str) -> None:
    kafka = scene.stack.settings.kafka
    async with started(admin(kafka), kafka) as client:
        await client.delete_topics([topic])
        while topic in await client.list_topics():
            await asyncio.sleep(LOOK_SECONDS)
