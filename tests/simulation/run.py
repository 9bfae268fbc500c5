"""Play schedules by their seeds."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from pipeline.score.serve import GC_THRESHOLDS
from tests.simulation.check import check
from tests.simulation.faults import schedule
from tests.simulation.seams import inside
from tests.simulation.world import World

MOST_STEPS = 300_000
"""A schedule takes some thousands; more is a loop without end."""

NICE = 10
"""Takes what is left of a busy machine, and all of an idle one."""

CHUNK = 25
"""Schedules handed to a process at once: about a second."""


@dataclass(frozen=True)
class Played:
    """How one schedule ended: nothing in `faults` when all was right."""

    seed: int
    faults: tuple[str, ...]
    trace: str

    def __str__(self) -> str:
        found = "\n  ".join(self.faults)
        return f"seed {self.seed} fails; replay with: make simulate SEED={self.seed}\n  {found}"


def play(seed: int, tell: Callable[[str], None] | None = None) -> Played:
    """Play one schedule; `tell` is given every event as a line."""
    world = World(seed, tell)
    with inside(world):
        try:
            world.loop.run(schedule(world), MOST_STEPS)
            faults = check(world)
        except Exception as error:
            faults = [*world.failures, f"{type(error).__name__}: {error}"]
    return Played(seed, tuple(faults), world.trace.digest())


def play_all(seeds: Iterable[int]) -> Iterator[Played]:
    """Play many schedules in order, on all cores."""
    # Spawned, for the test session has threads of its own, which a fork would not have.
    with ProcessPoolExecutor(mp_context=get_context("spawn"), initializer=_prepare) as pool:
        yield from pool.map(play, seeds, chunksize=CHUNK)


def _prepare() -> None:
    """Give way to tests that wait for servers; collect seldom, as score workers do: it saves a
    tenth."""
    os.nice(NICE)
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
