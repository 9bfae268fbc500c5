"""`cxpulse reconcile --repair` on real parts: every view is right afterwards, and stays so."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Mapping

import pytest

from pipeline.operate.reconcile.run import reconcile
from pipeline.operate.replay.choice import Filters
from pipeline.operate.replay.reinsert import reinsert
from pipeline.operate.replay.run import choose
from pipeline.settings import KafkaSettings, Settings
from pipeline.wire.dead_letters import REPAIR_HEADER, dead_letter
from tests.fixtures.reconciling import FLUSH_SECONDS, arrived
from tests.fixtures.scoring import eventually, now_ms, read, response, scoring, send
from tests.fixtures.sink import Pipe, piping

pytestmark = [
    pytest.mark.broker,
    pytest.mark.engine,
    pytest.mark.usefixtures("looks_often"),
]

DAY_MS = 24 * 3_600_000
PATIENCE = 20.0
ALL_TIME = "benchmark(from = '2018-01-01 00:00:00', to = '2100-01-01 00:00:00', min_n = 1)"


@pytest.fixture
async def pipe(kafka_settings: KafkaSettings, clickhouse: str, tables: str) -> AsyncIterator[Pipe]:
    async with (
        piping(kafka_settings, clickhouse, tables, FLUSH_SECONDS) as made,
        scoring(made.settings),
        made.sinking(),
    ):
        yield made


async def finds(settings: Settings, expected: Mapping[str, int]) -> None:
    """Wait until these differences, by kind, are found: what is on its way differs as well."""

    async def look() -> bool | None:
        kinds = Counter(str(one.kind) for one in (await reconcile(settings, 0.0)).differences)
        return True if kinds == expected else None

    await eventually(look)


def answer(**changes: object) -> dict[str, object]:
    return {"event_id": str(uuid.uuid4()), "occurred_at": now_ms(), **changes}


async def test_events_over_partitions_count_once_in_every_view_after_a_repair(pipe: Pipe) -> None:
    settings = pipe.settings
    old = now_ms() - 400 * DAY_MS
    twice, back, secret, late = answer(), answer(), answer(comment="call 202-555-0147"), answer()
    late["occurred_at"] = old
    late_back = answer(occurred_at=old)
    for partition in (0, 1):
        both = (response(), response(**twice), response(**secret), response(**late))
        await send(settings, both, partition)
    await send(settings, [response(**back), response(**late_back)], 0)
    gone = [response(**one, retracted=True) for one in (back, late_back)]
    await send(settings, gone, 1)
    await arrived(pipe, 12)
    await finds(settings, {"event": 5})
    await reconcile(settings, 0.0, repair=True)
    await arrived(pipe, 17)  # all five were taken back at once: the next repair finds nothing to do
    assert (await reconcile(settings, PATIENCE, repair=True)).differences == ()

    # Two that are one of a kind, and three that came twice, one of them of last year.
    assert pipe.rows("SELECT count() FROM responses_current") == [(5,)]
    assert pipe.rows(f"SELECT n, responses, mean FROM {ALL_TIME} WHERE measure = 'trust'") == [
        (5, 5, 4.0)
    ]
    windows = "SELECT window, n FROM rolling_now WHERE measure = 'trust' ORDER BY window"
    await pipe.wait_for(windows, [("1h", 4), ("24h", 4), ("28d", 4), ("7d", 4)])
    repairs = [r for r in await read(settings, "responses") if REPAIR_HEADER in r.headers]
    assert len(repairs) == 5
    assert pipe.rows("SELECT countIf(repair), count() FROM responses") == [(5, 17)]
    assert pipe.rows("SELECT count() FROM dead_letters") == [(0,)]


async def test_wrong_panes_are_counted_again_and_what_the_scorer_tells_later_wins(
    pipe: Pipe,
) -> None:
    settings = pipe.settings
    old = now_ms() - 400 * DAY_MS
    await send(settings, [response(), response(), response(occurred_at=old)])
    stored = "SELECT sum(counts[1]) FROM score_panes FINAL WHERE measure = 'response'"
    await pipe.wait_for(stored, [(3,)])
    damage = (
        "INSERT INTO score_panes SELECT * REPLACE ([9, 9, 9, 9, 9, 9] AS counts) "
        "FROM score_panes FINAL WHERE measure = 'trust'",
        "DELETE FROM score_panes WHERE measure = 'response'",
    )
    for statement in damage:
        pipe.command(statement)
    await finds(settings, {"pane": 4})
    assert (await reconcile(settings, 0.0, repair=True)).differences == ()
    await send(settings, [response()])
    await arrived(pipe, 4)
    assert (await reconcile(settings, PATIENCE)).differences == ()
    assert pipe.rows(f"SELECT n, responses, mean FROM {ALL_TIME} WHERE measure = 'trust'") == [
        (4, 4, 4.0)
    ]


async def test_panes_are_left_alone_while_raw_rows_are_missing_or_refused(pipe: Pipe) -> None:
    settings = pipe.settings
    standing = f"SELECT responses FROM {ALL_TIME} WHERE measure = 'trust'"
    await send(settings, [response(), response()])
    await arrived(pipe, 2)
    await pipe.wait_for(standing, [(2,)])
    pipe.command("DELETE FROM responses WHERE offset = 1")
    report = await reconcile(settings, 0.0, repair=True)
    assert {"raw rows", "pane"} <= {str(one.kind) for one in report.differences}
    assert pipe.rows(standing) == [(2,)]

    (refused,) = [r for r in await read(settings, "responses") if r.offset == 1]
    letter = dead_letter(refused, "sink", "store_refused_6", 1)
    await pipe.send(pipe.topics.dead_letters, letter.value, 0, letter.headers())
    await pipe.wait_for("SELECT count() FROM dead_letters", [(1,)])
    report = await reconcile(settings, 0.0, repair=True)
    (named,) = [one for one in report.differences if one.kind == "raw rows"]
    assert "`cxpulse replay --stage sink`" in named.line
    assert pipe.rows(standing) == [(2,)]
    choice = await choose(settings, Filters(stage="sink"), lambda done, total: None)
    await reinsert(settings, choice, lambda done, total: None, asyncio.Event())
    assert (await reconcile(settings, PATIENCE)).differences == ()
