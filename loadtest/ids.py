"""How much memory a remembered event id takes."""

from __future__ import annotations

import gc
import json
import os
import sys
from random import Random

from loadtest.bench import Bench, answer, start
from loadtest.machine import resident
from loadtest.result import Result
from pipeline.core.ids import IdState, IdStore

TARGET_BYTES = 32.0
HOUR_NOW = 480_000
"""An hour of our days, counted since 1970."""


async def measure(bench: Bench) -> list[Result]:
    """In a fresh process each time: what the allocator kept of earlier work must not count."""
    samples = []
    for number in range(bench.sizes.rounds):
        bench.say(f"ids: {bench.sizes.ids:,} in a fresh process")
        child = start(bench, f"ids-{number}", dict(os.environ), __name__, str(bench.sizes.ids))
        samples.append((await answer(child, "ids"))["bytes"])
    name = f"memory of a remembered id, {bench.sizes.ids:,} ids"
    return [Result(name, "bytes", tuple(samples), at_most=TARGET_BYTES)]


def remember(count: int) -> float:
    """Resident bytes each of `count` random ids adds to this process."""
    random = Random(1)
    store = IdStore()
    gc.collect()
    before = resident()
    for number in range(count):
        store.learn(random.randbytes(16), random.randbytes(8), HOUR_NOW, IdState.COUNTED)
        if number % 10_000 == 0:
            store.take_fresh()  # what waits for the next checkpoint is not what is remembered
    store.take_fresh()
    gc.collect()
    return (resident() - before) / len(store)


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"bytes": remember(int(sys.argv[1]))}) + "\n")
