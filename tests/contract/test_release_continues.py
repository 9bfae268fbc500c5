"""This release goes on from the state, topics and tables that each earlier one has left."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from pipeline.core.updates import Group, LedgerEntry
from pipeline.operate.reconcile.run import reconcile
from pipeline.settings import ClickHouseSettings, KafkaSettings, Settings
from pipeline.store.migrate import migrate
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.ledger import decode_entry
from pipeline.wire.responses import ResponseDecoder
from tests.fixtures.scoring import read, scoring, send
from tests.fixtures.sink import Pipe, piping
from tests.releases.artefacts import PARTITIONS, Artefacts, prefix, releases
from tests.releases.artefacts import read as artefacts_of
from tests.releases.load import load_tables, load_topics
from tests.releases.traffic import traffic
from tests.support.naive import HOUR_MS, Naive
from tests.support.world import Sent

pytestmark = [pytest.mark.broker, pytest.mark.engine]

NUMBER = 60
"""New values a partition: some of each outcome, most about what the old release has counted."""
PATIENCE = 20.0

Cell = tuple[Group, int, str, int]
"""Group, hour (ms), measure, value."""


def logs(records: Iterable[tuple[int, int, int, bytes | None]]) -> dict[int, list[Sent]]:
    """(partition, offset, append time, value) as logs to be judged."""
    decode, found = ResponseDecoder().decode, dict[int, list[Sent]]()
    for partition, offset, at, value in records:
        found.setdefault(partition, []).append((offset, at, decode(value)))
    return found


def recorded_logs(old: Artefacts) -> dict[int, list[Sent]]:
    return logs((r.partition, r.offset, r.appended_at, r.value) for r in old.topics["responses"])


async def send_more(settings: Settings, before: dict[int, list[Sent]]) -> None:
    """New responses, and repeats and retractions of old ones, as of the end of the old log."""
    for partition, log in before.items():
        given = [dict(record) for _, _, record in log if not isinstance(record, str)]
        values = traffic(random.Random(f"new {partition}"), NUMBER, log[-1][1], given)
        await send(settings, values, partition)


def due(naive: Naive) -> Counter[Cell]:
    """What counts in one partition, by going through its whole log."""
    return Counter(
        {
            (group, hour, measure, value): count
            for (group, hour), measures in naive.final_panes().items()
            for measure, counts in measures.items()
            for value, count in enumerate(counts)
            if count
        }
    )


def in_panes(pipe: Pipe, partition: int) -> Counter[Cell]:
    rows: Any = pipe.rows(
        "SELECT agency, service, channel, survey, toUnixTimestamp(hour) * 1000, measure, counts "
        f"FROM score_panes FINAL WHERE partition = {partition}"
    )
    return Counter(
        {
            (Group(*group), hour, measure, value): count
            for *group, hour, measure, counts in rows
            for value, count in enumerate(counts)
            if count
        }
    )


def in_raw_rows(pipe: Pipe) -> Counter[Cell]:
    rows: Any = pipe.rows(
        "SELECT agency, service, channel, survey, toUnixTimestamp64Milli(occurred_at), answers "
        "FROM responses_current"
    )
    return Counter(
        (Group(*group), at // HOUR_MS * HOUR_MS, measure, value)
        for *group, at, answers in rows
        for measure, value in (("response", 0), *answers.items())
    )


def add_up(entry: LedgerEntry, naive: Naive) -> None:
    """The equations of the ledger, and its totals against the log."""
    totals, judged = entry.totals, Counter(outcome for outcome, _ in naive.outcomes.values())
    assert (
        entry.next_offset - entry.start_offset == totals.received + totals.missing + totals.marker
    )
    assert totals.received == judged.total()
    for outcome in ("accepted", "duplicate", "late", "retraction", "dead_letter"):
        assert getattr(totals, outcome) == judged[outcome], outcome


@pytest.mark.parametrize("release", releases())
async def test_a_new_release_goes_on_where_an_earlier_one_stopped(
    release: str, kafka: str, clickhouse: str, database: str
) -> None:
    old, name = artefacts_of(release), prefix(release)
    broker = KafkaSettings(
        bootstrap=kafka, topic_prefix=name, group_prefix=name, partitions=PARTITIONS
    )
    store = ClickHouseSettings(url=clickhouse, database=database)
    settings = Settings(kafka=broker, clickhouse=store)
    files = await asyncio.to_thread(load_tables, settings, old)
    await load_topics(settings, old)
    migrated = await asyncio.to_thread(migrate, settings, load_catalogue(settings.catalog))
    assert list(migrated.already) == files
    before = recorded_logs(old)

    async with piping(broker, clickhouse, database) as pipe:
        async with scoring(settings), pipe.sinking():
            await send_more(settings, before)
            report = await reconcile(settings, PATIENCE)
        assert report.differences == ()
        now = await read(settings, "responses")
        naive = {
            partition: Naive().fold(log)
            for partition, log in logs(
                (r.partition, r.offset, r.timestamp, r.value) for r in now
            ).items()
        }
        told = await read(settings, "ledger")
        for partition, one in naive.items():
            entries = [decode_entry(r.value or b"") for r in told if r.partition == partition]
            recorded = sum(kept.partition == partition for kept in old.topics["ledger"])
            # Not from the start of the log: the old checkpoint was taken.
            assert entries[recorded].from_offset == len(before[partition])
            add_up(entries[-1], one)
            assert in_panes(pipe, partition) == due(one)
        assert in_raw_rows(pipe) == sum(map(due, naive.values()), Counter[Cell]())
