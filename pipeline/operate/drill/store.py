"""What ClickHouse may do to a sink: go away, have no space left, answer slowly."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from pipeline.local.recipes import STORE
from pipeline.operate.drill.scene import Scene
from pipeline.store.client import connect_async, store_errors

AWAY: Final = 0.5
"""Share of the drill's seconds that ClickHouse is away."""
SHORTEST_AWAY, LONGEST_AWAY = 3.0, 60.0
"""At least until the sink has met it; at most the minute that is promised."""

FULL: Final = 10**18
"""Bytes that must be free for an insert: more than there are, so every insert is refused (243)."""

SLOW_BYTES: Final = 50_000
SLOW_DELAY: Final = 0.5
"""Of each connection: a tenth of what 200 responses a second need."""

TABLES: Final = ("responses", "outcomes", "ledger", "score_panes", "rolling_scores", "dead_letters")

ALL_TABLES: Final = (*TABLES, "gaps", "beginnings", "sink_progress", "horizons", "unstored")
"""What the sink writes; the catalogue stays."""


async def going_away(scene: Scene) -> None:
    """Killed, and back only after a while."""
    await scene.pause(2.0, 6.0)
    seconds = _while(scene)
    scene.show.say(f"{STORE} is killed, and away for {seconds:.0f} s")
    scene.stack.kill(STORE)
    await asyncio.sleep(seconds)
    await scene.stack.start(STORE)
    await scene.passed(scene.mark(f"{STORE} is back"))


async def disk_full(scene: Scene) -> None:
    """No space left for a while: ClickHouse answers, and refuses every insert."""
    await scene.pause(2.0, 6.0)
    scene.show.say("the disk is full")
    await _need_free(scene, FULL)
    await asyncio.sleep(_while(scene))
    await _need_free(scene, 0)
    await scene.passed(scene.mark("there is space again"))


def _while(scene: Scene) -> float:
    return max(SHORTEST_AWAY, min(LONGEST_AWAY, scene.seconds * AWAY))


async def emptied(scene: Scene) -> None:
    """Every row is gone; the sink goes on with new ones, until somebody refills the tables."""
    await scene.pause(6.0, 10.0)
    await _each(scene, ALL_TABLES, "TRUNCATE TABLE $table")
    scene.show.say("every table is empty")
    await scene.pause(2.0, 4.0)
    await scene.stack.run("sink", "--rebuild")
    await scene.passed(scene.mark("the tables are filled again"))


async def _need_free(scene: Scene, size: int) -> None:
    setting = f"min_free_disk_bytes_to_perform_insert = {size}"
    await _each(scene, TABLES, f"ALTER TABLE $table MODIFY SETTING {setting}")


async def _each(scene: Scene, tables: Iterable[str], statement: str) -> None:
    client = await connect_async(scene.stack.settings.clickhouse)
    try:
        for table in tables:
            with store_errors(f"change {table}"):
                await client.command(statement.replace("$table", table))
    finally:
        await client.close()


async def slow(scene: Scene) -> None:
    """Every byte between sink and ClickHouse takes its time; no insert fails, or some do."""
    assert scene.proxy is not None
    await scene.pause(2.0, 6.0)
    scene.show.say(f"{STORE} is slow: {SLOW_BYTES // 1000} kB a second, {SLOW_DELAY} s an answer")
    scene.proxy.bytes_a_second, scene.proxy.delay = SLOW_BYTES, SLOW_DELAY
    await asyncio.sleep(_while(scene))
    scene.proxy.bytes_a_second, scene.proxy.delay = 0, 0.0
    await scene.passed(scene.mark(f"{STORE} is quick again"))
