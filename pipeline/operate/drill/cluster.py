"""Three brokers, two of which must have a record: one may go at any time, and nothing stops."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from pipeline.errors import KafkaError
from pipeline.local.recipes import BROKER
from pipeline.operate.drill.scene import Scene
from pipeline.wire.kafka import admin, started
from pipeline.wire.topics import Topics

LOOK_SECONDS: Final = 0.5
AWAY_SECONDS: Final = 5.0
"""Long enough that everybody notices, well within the 40 s that an emitter waits."""
IN_STEP_SECONDS: Final = 60.0
"""A broker that comes back copies what it missed: seconds."""


async def losing_leader(scene: Scene) -> None:
    """Kill the leader of the busiest partition, and go on without it."""
    await _lose(scene, f"{BROKER}-{await _leader(scene)}")


async def losing_brokers(scene: Scene) -> None:
    """Kill the leader of the busiest partition first, then any; start each when all goes on."""
    victim = f"{BROKER}-{await _leader(scene)}"
    for _ in scene.rounds():
        await _lose(scene, victim)
        await scene.stack.start(victim)
        await _in_step(scene)
        victim = scene.random.choice(scene.stack.brokers)


async def _lose(scene: Scene, victim: str) -> None:
    await scene.pause(2.0, 4.0)
    scene.stack.kill(victim)
    await scene.passed(scene.mark(f"{victim} is killed"))


async def losing_two(scene: Scene) -> None:
    """Kill two of three for a while: nothing can be written, until one is back."""
    for _ in scene.rounds():
        await scene.pause(2.0, 4.0)
        one, other = scene.random.sample(scene.stack.brokers, 2)
        for name in (one, other):
            scene.stack.kill(name)
        scene.show.say(f"{one} and {other} are killed")
        await asyncio.sleep(AWAY_SECONDS)
        await scene.stack.start(one)
        await scene.passed(scene.mark(f"{one} is back"))
        await scene.stack.start(other)
        await _in_step(scene)


async def _leader(scene: Scene) -> int:
    """Of partition 0, through which half of the simulated traffic goes."""
    (topic,) = await _described(scene, Topics("cx").responses)
    (found,) = [part["leader"] for part in topic["partitions"] if part["partition"] == 0]
    return int(found)


async def _in_step(scene: Scene) -> None:
    """Wait until every partition has all its copies: only then may another broker go."""
    try:
        async with asyncio.timeout(IN_STEP_SECONDS):
            while not await _complete(scene):
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        raise KafkaError("a broker came back, but its copies did not catch up") from None
    scene.show.say("all copies are in step again")


async def _complete(scene: Scene) -> bool:
    topics = await _described(scene, *Topics("cx").all, "__consumer_offsets")
    parts = [part for topic in topics for part in topic["partitions"]]
    return all(len(part["isr"]) == len(part["replicas"]) for part in parts)


async def _described(scene: Scene, *names: str) -> list[dict[str, Any]]:
    kafka = scene.stack.settings.kafka
    async with started(admin(kafka), kafka) as client:
        found: list[dict[str, Any]] = await client.describe_topics(list(names))
        return found
