"""Recounts rest in proportion to their work, never to how long the store was away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import cast

from pipeline.core.updates import Group
from pipeline.errors import TransientStoreError
from pipeline.sink.repairs import Repairs
from pipeline.sink.rows import Note
from pipeline.sink.target import Tables

GROUP = Group("va", "va-vha", "email", "va-vha-post-visit")
HOUR = 3_600_000


class Away:
    """Tables whose store is away at first, and then quick."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.recounts: list[float] = []

    async def rows(self, query: str, what: str) -> Sequence[Sequence[object]]:
        if self.failures:
            self.failures -= 1
            raise TransientStoreError("away")
        return [] if "whole_from" in query else [(0, 0, 1_000)]

    async def execute(self, statement: str, what: str) -> None:
        self.recounts.append(time.monotonic())


def note(version: int) -> Note:
    return Note(GROUP, 0, version, (("trust", "likert5"),), (version * HOUR,), 0, 0, (0, version))


async def test_after_an_outage_the_next_recount_follows_at_once() -> None:
    tables = Away(failures=2)  # tried again after 0.5 s, and after 0.5 to 1 s more
    repairs = Repairs(cast(Tables, tables), "cx.responses")
    repairs.hold([note(1)])
    stop = asyncio.Event()
    running = asyncio.create_task(repairs.run(stop))
    while not tables.recounts:
        await asyncio.sleep(0.01)
    repairs.hold([note(2)])
    await asyncio.sleep(1.6)  # above the shortest rest, below three times the outage
    stop.set()
    await running
    assert len(tables.recounts) == 2
