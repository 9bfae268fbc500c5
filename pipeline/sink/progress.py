"""Table `sink_progress`: below which offset each partition of a topic is stored, by any sink."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

from pipeline.sink.rows import Block
from pipeline.sink.target import Tables
from pipeline.wire.generations import Generations

TABLE: Final = "sink_progress"
EVERY_SECONDS: Final = 1.0
"""Only repairs wait for it, and an insert costs as much as a batch: once a second is enough."""


class Target(Protocol):
    """Where rows go."""

    async def insert(self, block: Block) -> None: ...


class Progress:
    """Tells how far one topic is stored. Call it only when everything below is."""

    def __init__(self, target: Target, topic: str, generation_of: Callable[[int], int]) -> None:
        self._target = target
        self._topic = topic
        self._generation_of = generation_of
        self._told: dict[int, int] = {}
        self._last = float("-inf")

    async def begin(self, generations: Generations) -> None:
        """Write down that these partitions are in a new generation, also those that are read by
        other sinks or have no records yet: views then know which generations are over."""
        begun = frozenset().union(*generations.begun.values())
        await self.tell(dict.fromkeys(begun, 0), settled=True)

    async def tell(self, positions: Mapping[int, int], *, settled: bool) -> None:
        """Write what changed; at once when `settled` (nothing more to read), else once a second."""
        news = {p: offset for p, offset in positions.items() if self._told.get(p) != offset}
        if not news or not (settled or time.monotonic() - self._last >= EVERY_SECONDS):
            return
        columns: dict[str, Sequence[object]] = {
            "topic": [self._topic] * len(news),
            "generation": list(map(self._generation_of, news)),
            "partition": list(news),
            "next_offset": list(news.values()),
        }
        await self._target.insert(Block(TABLE, columns))
        self._told.update(news)
        self._last = time.monotonic()


async def reach(
    tables: Tables, responses_topic: str, partitions: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], int]:
    """(generation, partition) → offset below which raw rows and outcomes are both stored.

    Read from the tables, since other sinks may have written them. Raises StoreError.
    """
    wanted = ", ".join(f"({generation}, {partition})" for generation, partition in partitions)
    # The name of a topic holds letters, digits and ._- only: Kafka allows no others.
    rows = await tables.rows(
        f"""
        SELECT generation, partition, min(stored) FROM
        (
            SELECT generation, partition, max(next_offset) AS stored FROM sink_progress
            WHERE topic = '{responses_topic}' AND (generation, partition) IN ({wanted})
            GROUP BY generation, partition
            UNION ALL
            SELECT generation, partition, max(next_offset) AS stored FROM ledger
            WHERE (generation, partition) IN ({wanted})
            GROUP BY generation, partition
        )
        GROUP BY generation, partition HAVING count() = 2
        """,
        "read how far raw rows and outcomes are stored",
    )
    return {(int(str(g)), int(str(p))): int(str(stored)) for g, p, stored in rows}


async def stored_to(
    tables: Tables, topic: str, places: Iterable[tuple[int, int]]
) -> dict[int, int]:
    """Below which offset each (generation, partition) is stored, by partition, where a sink has
    said so. Raises StoreError."""
    wanted = ", ".join(f"({generation}, {partition})" for generation, partition in places)
    rows = await tables.rows(
        f"SELECT partition, max(next_offset) FROM sink_progress WHERE topic = '{topic}' "
        f"AND (generation, partition) IN ({wanted}) GROUP BY partition",
        "read how far it is stored",
    )
    return {int(str(p)): int(str(stored)) for p, stored in rows}
