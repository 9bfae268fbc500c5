"""A repair note waits for its raw rows and outcomes, then recounts the hour from them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest

from pipeline.core.updates import Group, LedgerEntry, ScoreUpdate, Totals, Verdict, make_version
from pipeline.settings import KafkaSettings
from pipeline.wire.ledger import encode_entry
from pipeline.wire.scores import encode_score
from tests.fixtures.sink import GROUP, HOUR, Pipe, event, piping

pytestmark = [pytest.mark.broker, pytest.mark.engine]

COUNTS = (
    "SELECT measure, counts, bitAnd(version, 65535) FROM score_panes FINAL "
    "WHERE hour = fromUnixTimestamp(1700002800) ORDER BY measure"
)


@pytest.fixture
async def pipe(kafka_settings: KafkaSettings, clickhouse: str, tables: str) -> AsyncIterator[Pipe]:
    async with piping(kafka_settings, clickhouse, tables) as made:
        yield made


def note(next_offset: int) -> bytes:
    return encode_score(
        ScoreUpdate(
            group=Group(*GROUP),
            partition=0,
            version=make_version(1, next_offset),
            as_of=HOUR,
            emitted_at=HOUR,
            last_response_at=HOUR,
            measures=(("trust", "likert5"), ("ease", "likert5"), ("response", "count")),
            repairs=(HOUR,),
        )
    )


def ledger(next_offset: int, verdicts: Iterable[Verdict]) -> bytes:
    return encode_entry(
        LedgerEntry(1, 0, 0, next_offset, 0, HOUR, HOUR, "c0ffee", Totals(), tuple(verdicts))
    )


async def test_a_note_waits_for_rows_and_outcomes_and_then_counts_each_answer_once(
    pipe: Pipe,
) -> None:
    async with pipe.sinking():
        await pipe.send(pipe.topics.scores, note(8))
        await pipe.respond(event(1))  # 0: accepted
        await pipe.respond(event(1))  # 1: duplicate
        await pipe.respond(event(2), answers={"trust": 5, "ease": 1})  # 2: late
        await pipe.respond(event(2), answers={"trust": 1})  # 3: late, but the id has been counted
        await pipe.respond(event(3))  # 4: late, taken back below
        await pipe.respond(event(4))  # 5: conflicting
        await pipe.respond(event(3), retracted=True)  # 6: late retraction
        await pipe.wait_for("SELECT count() FROM responses", [(7,)])
        assert pipe.rows(COUNTS) == []
        await pipe.respond(event(5), occurred_at=HOUR - 1)  # 7: late, the hour before
        await pipe.respond(event(6))  # 8: at the version, so not in it
        await pipe.wait_for(
            "SELECT max(next_offset) FROM sink_progress WHERE topic LIKE '%responses'", [(9,)]
        )
        await asyncio.sleep(0.5)
        assert pipe.rows(COUNTS) == []
        verdicts = [Verdict(n, "late") for n in (2, 3, 4, 6, 7)]
        verdicts += [Verdict(1, "duplicate"), Verdict(5, "dead_letter", "conflicting")]
        await pipe.send(pipe.topics.ledger, ledger(9, verdicts))
        await pipe.wait_for(
            COUNTS,
            [
                ("ease", [0, 1, 0, 0, 0, 0], 8),
                ("response", [2, 0, 0, 0, 0, 0], 8),
                ("trust", [0, 0, 0, 0, 1, 1], 8),
            ],
        )


async def test_a_retraction_before_its_response_leaves_zeros(pipe: Pipe) -> None:
    await pipe.respond(event(1), retracted=True)
    await pipe.respond(event(1))
    await pipe.send(pipe.topics.ledger, ledger(2, [Verdict(0, "retraction"), Verdict(1, "late")]))
    await pipe.send(pipe.topics.scores, note(2))
    zeros = [0] * 6
    async with pipe.sinking():
        await pipe.wait_for(
            COUNTS, [("ease", zeros, 2), ("response", zeros, 2), ("trust", zeros, 2)]
        )


async def test_a_held_note_is_not_committed_and_is_worked_off_after_a_restart(pipe: Pipe) -> None:
    await pipe.send(pipe.topics.scores, b"no update")
    await pipe.send(pipe.topics.scores, note(1))
    async with pipe.sinking():
        await pipe.respond(event(1))
        await pipe.wait_for("SELECT count() FROM responses", [(1,)])
        await pipe.wait_for("SELECT count() FROM dead_letters", [(1,)])
    assert await pipe.committed() == 1
    await pipe.send(pipe.topics.ledger, ledger(1, [Verdict(0, "late")]))
    async with pipe.sinking():
        await pipe.wait_for(f"SELECT sum(counts[1]) FROM ({COUNTS})", [(1,)])
    assert await pipe.committed() == 2
