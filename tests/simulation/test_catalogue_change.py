"""A catalogue that comes at an awkward moment; random ones are in `test_simulation`."""

from __future__ import annotations

import asyncio

from tests.simulation.broker import Weather
from tests.simulation.catalogues import OTHERS
from tests.simulation.faults import drain
from tests.simulation.run import MOST_STEPS
from tests.simulation.seams import inside
from tests.simulation.world import World


def test_a_catalogue_that_comes_while_partitions_are_taken_over_holds_for_all_of_them() -> None:
    for seed in range(20):
        world = World(seed)
        world.restless = True
        with inside(world):
            world.loop.run(_changed_during_a_restore(world), MOST_STEPS)


async def _changed_during_a_restore(world: World) -> None:
    world.broker.weather = Weather(slow=1.0)
    world.launch(workers=1, sinks=1)
    await asyncio.sleep(world.rng.random() * 10.0)
    world.publish(OTHERS[0])
    await asyncio.sleep(10.0)
    world.broker.weather = Weather()
    for _ in range(5):
        world.produce()
    await drain(world, world.loop.time())
    world.over = True
