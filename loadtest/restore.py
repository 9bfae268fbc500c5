"""How long a worker needs to take over a partition with a large state: read, check, load."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Final

from loadtest.bench import Bench, answer, environment, start
from loadtest.machine import resident
from loadtest.result import Result
from pipeline.local.kafka import LocalKafka
from pipeline.operate.drill.large import checkpoint_store, write_checkpoint
from pipeline.operate.topics import ensure_topics
from pipeline.settings import KafkaSettings, Settings, load

TARGET_SECONDS: Final = 5.0
MIB: Final = 1024 * 1024


async def measure(bench: Bench) -> list[Result]:
    """Write one checkpoint through the real store, then restore it in fresh processes."""
    sizes = bench.sizes
    broker = LocalKafka(bench.folder / "restore", port=0)
    await asyncio.to_thread(broker.start)
    try:
        kafka = KafkaSettings(bootstrap=broker.bootstrap, topic_prefix="restore", partitions=1)
        settings = Settings(kafka=kafka)
        await ensure_topics(settings)
        bench.say(f"restore: writing {sizes.ids:,} ids and {sizes.panes:,} panes")
        size = await write_checkpoint(settings, sizes.ids, sizes.panes)
        found = []
        for number in range(sizes.rounds):
            child = start(bench, f"restore-{number}", environment(kafka), __name__)
            found.append(await answer(child, "the restore"))
            bench.say(f"restore: {found[-1]['seconds']:.2f} s")
    finally:
        await asyncio.to_thread(broker.stop)
    seconds = tuple(f["seconds"] for f in found)
    memory = tuple(f["memory"] / MIB for f in found)
    name = f"restore of {found[0]['ids']:,.0f} ids and {found[0]['panes']:,.0f} panes"
    return [
        Result(name, "s", seconds, at_most=TARGET_SECONDS, detail={"checkpoint_bytes": size}),
        Result("memory of the restored worker", "MiB", memory),
    ]


async def restore(settings: Settings) -> dict[str, float]:
    """Seconds from asking for the partition to a state that can fold, the claim included."""
    async with checkpoint_store(settings) as store:
        began = time.perf_counter()
        state = (await store.restore([0]))[0].state
        seconds = time.perf_counter() - began
    panes = sum(len(group.hours) for group in state.book.groups.values())
    return {"seconds": seconds, "ids": len(state.ids), "panes": panes, "memory": resident()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(restore(load()))) + "\n")
