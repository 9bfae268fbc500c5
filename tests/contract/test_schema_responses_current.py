"""responses_current on the real engine: exactly the responses that count, as raw rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest

from pipeline.store.client import Client
from tests.fixtures.schema import at, golden, insert, migrated, table

pytestmark = pytest.mark.engine

JUDGED = {0: 100, 1: 50}
"""Partition → the ledger's next_offset; partition 2 has no entry yet."""


def response(
    number: int, offset: int, partition: int = 0, *, retracted: bool = False, repair: bool = False
) -> dict[str, object]:
    """`number` makes the event id; records arrive in the order of their offsets, one a second."""
    return {
        "generation": 1,
        "partition": partition,
        "offset": offset,
        "event_id": UUID(int=number),
        "occurred_at": at("2026-01-05 11:00"),
        "received_at": at("2026-01-05 12:00") + timedelta(seconds=offset),
        "agency": "va",
        "service": "vha",
        "channel": "email",
        "survey": "east",
        "answers": {"trust": number % 5 + 1},
        "location": None,
        "comment": f"{partition}/{offset}",
        "retracted": retracted,
        "repair": repair,
        "inserted_at": at("2026-01-05 13:00"),
    }


def outcome(offset: int, name: str, partition: int = 0) -> dict[str, object]:
    return {"generation": 1, "partition": partition, "offset": offset, "outcome": name}


def beginning(partition: int, offset: int) -> dict[str, object]:
    return {"generation": 1, "partition": partition, "start_offset": offset}


RESPONSES = [
    response(1, 1)
    | {"agency": "vet", "service": "hospitals"},  # accepted, by names that are aliases
    response(2, 2),  # late: counted by a repair
    response(3, 3),  # duplicate
    response(4, 4),  # dead letter
    response(5, 5),  # accepted, taken back below
    response(5, 6, retracted=True),
    response(6, 7),  # late, taken back late
    response(6, 8, retracted=True),
    response(7, 9),  # accepted; its retraction conflicts
    response(7, 10, retracted=True),
    response(8, 11),  # late twice: the first counts
    response(8, 12),
    response(9, 20),  # accepted in two partitions: the first received counts
    response(9, 19, 1),
    response(10, 99),  # the last one judged
    response(11, 100),  # not judged yet
    response(12, 50, 1),
    response(13, 1, 2),  # nothing of its partition is judged
    response(14, 30, 1),  # taken back in another partition
    response(14, 31, retracted=True) | {"service": "hospitals"},
    response(15, 40),  # accepted in two partitions, the second taken back by a repair
    response(15, 41, 1),
    response(15, 42, 1, retracted=True, repair=True),
    response(16, 50),  # the same, then taken back by its emitter, where the repair had been
    response(16, 43, 1),
    response(16, 44, 1, retracted=True, repair=True),
    response(16, 45, 1, retracted=True),
    response(17, 51),  # a late retraction of another time takes nothing back
    response(17, 52, retracted=True) | {"occurred_at": at("2025-01-05 11:00")},
    response(18, 53),  # nor one of another group
    response(18, 54, retracted=True) | {"channel": "phone"},
    response(19, 60),  # in a gap: never judged, unlike its repeat
    response(19, 62),
    response(20, 59),
    response(20, 61, retracted=True),  # in the gap, though judged before the fold fell back
]

OUTCOMES = [
    outcome(2, "late"),
    outcome(3, "duplicate"),
    outcome(4, "dead_letter"),
    outcome(6, "retraction"),
    outcome(7, "late"),
    outcome(8, "late"),
    outcome(10, "dead_letter"),
    outcome(11, "late"),
    outcome(12, "late"),
    outcome(31, "retraction"),
    outcome(42, "retraction", 1),
    outcome(44, "retraction", 1),
    outcome(45, "duplicate", 1),
    outcome(52, "late"),
    outcome(54, "late"),
    outcome(61, "retraction"),
]


@pytest.fixture(scope="module")
def client(clickhouse: str) -> Iterator[Client]:
    with migrated(clickhouse) as client:
        for name in ("responses", "outcomes", "ledger"):
            client.command(f"SYSTEM STOP MERGES {name}")
        for part in (RESPONSES[::-1], RESPONSES[::3]):
            insert(client, "responses", part)
        for verdicts in (OUTCOMES, OUTCOMES[:4]):
            insert(client, "outcomes", verdicts)
        for partition, limit in JUDGED.items():
            for next_offset in (limit, limit // 2):
                entry = {"generation": 1, "partition": partition, "next_offset": next_offset}
                insert(client, "ledger", [entry])
        gap = {"generation": 1, "partition": 0, "from_offset": 60, "next_offset": 70}
        begun = [(0, 60), (0, 62), (0, 65), (1, 61)]  # the second judged what follows after all
        for _ in range(2):
            insert(client, "gaps", [gap])
            insert(client, "beginnings", [beginning(*place) for place in begun])
        yield client


def test_the_golden_rows_come_out_exactly_though_nothing_is_merged(client: Client) -> None:
    found = table(client, "SELECT * FROM responses_current ORDER BY partition, offset")
    assert found == golden("responses_current")


def test_a_survey_that_left_the_catalogue_keeps_the_names_that_are_stored(client: Client) -> None:
    insert(client, "responses", [response(200, 90) | {"service": "gone", "survey": "gone"}])
    names = "SELECT agency, service FROM responses_current WHERE survey = 'gone'"
    for nulls in (0, 1):
        assert client.query(names, settings={"join_use_nulls": nulls}).result_rows == [
            ("va", "gone")
        ]


def test_hostile_times_are_stored_in_the_partition_of_their_append_time(client: Client) -> None:
    extremes = [-(2**63), -1, 2**53, 2**63 - 1]
    rows = [
        response(100 + n, 200 + n, 3) | {"occurred_at": time} for n, time in enumerate(extremes)
    ]
    insert(client, "responses", rows)
    parts = client.query(
        "SELECT DISTINCT partition FROM system.parts "
        "WHERE active AND database = currentDatabase() AND table = 'responses'"
    ).result_rows
    assert parts == [("2026",)]
    assert client.command("SELECT count() FROM responses WHERE partition = 3") == len(extremes)
