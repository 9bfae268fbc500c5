"""The recount of the real engine against the letter of the design, over many drawn logs."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import cast

import pytest

from pipeline.core.book import measures_of
from pipeline.core.reasons import Reason
from pipeline.core.updates import make_version
from pipeline.sink.raw import NO_EVENT
from pipeline.sink.repair import counts
from pipeline.sink.rows import Note
from pipeline.sink.target import MAX_STATEMENT
from pipeline.store.client import Client
from tests.fixtures.schema import insert, migrated
from tests.support.logs import make_log
from tests.support.naive import HOUR_MS, Naive
from tests.support.world import CATALOGUE, GROUPS, Sent

pytestmark = pytest.mark.engine

LOGS = 60
"""Each is a partition of its own, so that one insert and one recount serve all."""
GAP = range(20, 28)
"""Offsets of every log that expired before they were judged; the sink has stored them. The gap that
was told is longer: a fold that began again at its end has judged the rest."""
KINDS = ("new", "new", "new", "first", "again", "flip", "flip", "other", "other", "bad", "jump")


@pytest.fixture(scope="module")
def logs() -> list[list[Sent]]:
    drawn = random.Random(4)
    number = drawn.randrange

    def script() -> list[tuple[str, int, int, int]]:
        return [(drawn.choice(KINDS), number(4), number(41), number(41)) for _ in range(60)]

    return [make_log([("new", 0, 0, 0), *script()]) for _ in range(LOGS)]


@pytest.fixture(scope="module")
def client(clickhouse: str, logs: list[list[Sent]]) -> Iterator[Client]:
    with migrated(clickhouse) as made:
        rows, outcomes = [], []
        for partition, log in enumerate(logs):
            for offset, (outcome, _) in Naive().fold(read(log)).outcomes.items():
                if outcome != "accepted":
                    place = {"generation": 1, "partition": partition, "offset": offset}
                    outcomes.append(place | {"outcome": outcome})
            rows += [
                _row(partition, offset, record)
                for offset, _, record in log
                if not isinstance(record, Reason)
            ]
        for part in (rows, rows[::7]):
            insert(made, "responses", part)
        insert(made, "outcomes", outcomes)
        gap = {"generation": 1, "from_offset": GAP.start, "next_offset": GAP.stop + 9}
        insert(made, "gaps", [gap | {"partition": partition} for partition in range(LOGS)])
        begun = {"generation": 1, "start_offset": GAP.stop}
        insert(made, "beginnings", [begun | {"partition": partition} for partition in range(LOGS)])
        yield made


def read(log: list[Sent]) -> list[Sent]:
    """What the scorer read of a log."""
    return [record for record in log if record[0] not in GAP]


def _row(partition: int, offset: int, record: object) -> dict[str, object]:
    fields = dict(cast(Mapping[str, object], record))
    if len(str(fields["event_id"])) != 36:
        fields["event_id"] = NO_EVENT
    if offset % 3 == 0:  # stored before these names were aliases
        fields |= {"agency": "veterans", "service": f"name-{offset % 2}"}
    fields["occurred_at"] = datetime.fromtimestamp(cast(int, fields["occurred_at"]) / 1000, UTC)
    place = {"generation": 1, "partition": partition, "offset": offset}
    return {**place, **fields, "received_at": datetime(2023, 11, 15, tzinfo=UTC)}


@pytest.mark.parametrize("share", [1.0, 0.6, 0.3])
def test_every_hour_of_every_group_is_counted_as_the_design_says(
    client: Client, logs: list[list[Sent]], share: float
) -> None:
    notes, expected = [], {}
    for partition, log in enumerate(logs):
        naive = Naive().fold(read(log))
        below = log[int(len(log) * share) - 1][0] + 1
        for group in GROUPS:
            said = [one.event for one in naive.said if one.event[2] == group]
            hours = sorted({when // HOUR_MS * HOUR_MS for _, when, _ in said})
            if not hours:
                continue
            layout = measures_of(CATALOGUE, group.survey)
            version = make_version(1, below)
            notes.append(Note(group, partition, version, layout, tuple(hours), 0, 0, (0, 0)))
            for hour in hours:
                for measure, values in naive.recounted(group, hour, below).items():
                    expected[partition, *group, hour // 1000, measure] = values
    found = client.query(
        "SELECT partition, agency, service, channel, survey, toUnixTimestamp(begin), measure, "
        f"counts FROM ({counts(notes)})",
        settings={"max_query_size": MAX_STATEMENT},
    ).result_rows
    assert len(found) == len(expected)
    assert {tuple(row[:-1]): list(row[-1]) for row in found} == expected
    assert sum(sum(values) for values in expected.values()) > 100
