"""How long the benchmark of one quarter takes, with years of hour panes in the real table."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import Final

from loadtest.bench import Bench
from loadtest.result import Result
from pipeline.local.recipes import Recipes
from pipeline.settings import ClickHouseSettings, Settings
from pipeline.store.client import Client, connect
from pipeline.store.migrate import migrate
from pipeline.wire.catalogue import load_catalogue

GROUPS: Final = 600
"""100 services × 6 channels."""
MEASURES: Final = 8
"""Seven questions, and the reserved measure that counts responses."""
BUSY_PERCENT: Final = 37
"""Of the hours of each group; with 600 groups and seven measures 67.8 million panes in 5 years."""
QUARTERS_A_YEAR: Final = 4
QUARTER_HOURS: Final = 2_190
BEGIN: Final = int(datetime(2021, 1, 1, tzinfo=UTC).timestamp()) // 3600
LOOKS: Final = 9
TARGET_MS: Final = 300.0
CALM_SECONDS: Final = 60.0
"""Longest wait for merges to end: years arrive over years, not within a minute."""

FILL: Final = f"""
INSERT INTO score_panes
(
    agency, service, channel, survey, scale, measure, hour, generation, partition,
    counts, version, last_response_at, as_of
)
SELECT
    concat('a', toString(service % 25)), concat('s', toString(service)),
    concat('c', toString(channel)), concat('survey-', toString(service)),
    if(measure = {MEASURES - 1}, 'count', 'likert5'),
    if(measure = {MEASURES - 1}, 'response', concat('m', toString(measure))),
    toDateTime(3600 * slot, 'UTC'), 1, service % 8,
    if(measure = {MEASURES - 1}, [3, 0, 0, 0, 0, 0],
        arrayMap(place -> toUInt32(bitAnd(bitShiftRight(chance, 3 * place), 3)), range(6))),
    slot, toDateTime(3600 * slot, 'UTC'), toDateTime(3600 * slot, 'UTC')
FROM
(
    SELECT
        intDiv(number, {GROUPS * MEASURES}) + {{first:UInt32}} AS slot,
        intDiv(number, 6 * {MEASURES}) % 100 AS service,
        intDiv(number, {MEASURES}) % 6 AS channel,
        number % {MEASURES} AS measure,
        cityHash64(number, {{first:UInt32}}) AS chance
    FROM numbers({GROUPS * MEASURES} * {QUARTER_HOURS})
    WHERE cityHash64(intDiv(number, {MEASURES}), {{first:UInt32}}) % 100 < {BUSY_PERCENT}
)
"""
"""One quarter of hours, in the order of the table's key."""

QUERY: Final = """
SELECT * FROM benchmark(from = {begin:DateTime('UTC')}, to = {end:DateTime('UTC')}, min_n = 30)
"""


async def measure(bench: Bench) -> list[Result]:
    """An engine of its own, the real migrations, the years, and the last whole quarter again and
    again, each time over HTTP with all 4,200 rows read."""
    folder = bench.folder / "benchmark"
    folder.mkdir()
    recipes = Recipes(folder, {})
    part = recipes.part("clickhouse", recipes.env("", ""))
    await part.start(bench.say)
    try:
        settings = Settings(clickhouse=ClickHouseSettings(url=part.address))
        await asyncio.to_thread(migrate, settings, load_catalogue(settings.catalog))
        with closing(connect(settings.clickhouse)) as client:
            return await asyncio.to_thread(_measure, bench, client)
    finally:
        part.ask_to_end()
        await asyncio.to_thread(part.finish, 15.0)


def _measure(bench: Bench, client: Client) -> list[Result]:
    began = time.monotonic()
    quarters = QUARTERS_A_YEAR * bench.sizes.years
    firsts = [BEGIN + QUARTER_HOURS * quarter for quarter in range(quarters)]
    for number, first in enumerate(firsts):
        client.command(FILL, parameters={"first": first})
        if number % QUARTERS_A_YEAR == 0:
            bench.say(f"benchmark: filling year {number // QUARTERS_A_YEAR + 1}")
    rows = int(str(client.command("SELECT count() FROM score_panes")))
    _calm(client)
    parts = int(str(client.command(_PARTS)))
    bench.say(f"benchmark: {rows:,} panes in {time.monotonic() - began:.0f} s, {parts} parts")
    span = {"begin": 3600 * firsts[-2], "end": 3600 * firsts[-1]}
    took = []
    for _ in range(LOOKS):
        started = time.perf_counter()
        found = client.query(QUERY, parameters=span).row_count
        took.append(1000 * (time.perf_counter() - started))
    name = f"benchmark of a quarter, {bench.sizes.years} years of {rows / 1e6:.1f} M hour panes"
    detail: dict[str, float | str] = {"rows": found, "parts": parts, "first": took[0]}
    return [Result(name, "ms", tuple(took), at_most=TARGET_MS, detail=detail)]


_PARTS: Final = "SELECT count() FROM system.parts WHERE active AND table = 'score_panes'"
_MERGES: Final = "SELECT count() FROM system.merges"


def _calm(client: Client) -> None:
    end = time.monotonic() + CALM_SECONDS
    while time.monotonic() < end and int(str(client.command(_MERGES))):
        time.sleep(0.5)
