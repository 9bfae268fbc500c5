"""Records of all four topics, sent by hand, end as the right rows; and again, as the same rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from pipeline.core.updates import (
    Gap,
    Group,
    LedgerEntry,
    PaneRow,
    ScoreUpdate,
    Totals,
    Verdict,
    WindowRow,
    make_version,
)
from pipeline.settings import KafkaSettings, SinkSettings
from pipeline.wire.dead_letters import DeadLetter
from pipeline.wire.ledger import encode_entry
from pipeline.wire.scores import encode_score
from tests.fixtures.sink import GROUP, HOUR, Pipe, event, piping

pytestmark = [pytest.mark.broker, pytest.mark.engine]

UPDATE = ScoreUpdate(
    group=Group(*GROUP),
    partition=1,
    version=make_version(1, 7),
    as_of=HOUR,
    emitted_at=HOUR + 5,
    last_response_at=HOUR,
    measures=(("trust", "likert5"), ("response", "count")),
    panes=(PaneRow(HOUR, (0, 0, 0, 0, 3, 4, 7, 0, 0, 0, 0, 0)),),
    windows=(WindowRow("24h", HOUR + 3_600_000, (0, 1, 0, 0, 3, 4, 8, 0, 0, 0, 0, 0)),),
)
ENTRY = LedgerEntry(
    1,
    1,
    0,
    7,
    0,
    HOUR,
    HOUR,
    "c0ffee",
    Totals(5, 3, 1, 1, missing=2),
    (Verdict(3, "duplicate"),),
    (Gap(5, 7),),
)


@pytest.fixture
async def pipe(kafka_settings: KafkaSettings, clickhouse: str, tables: str) -> AsyncIterator[Pipe]:
    async with piping(kafka_settings, clickhouse, tables) as made:
        yield made


async def test_responses_are_stored_with_aliases_resolved_and_comments_redacted(
    pipe: Pipe,
) -> None:
    await pipe.respond(event(1), service="va-vha", comment="my number is 078-05-1120")
    await pipe.respond("not a uuid", agency="nobody", occurred_at=-5, answers={"trust": 9000})
    await pipe.send(pipe.topics.responses, b"not avro")
    async with pipe.sinking():
        await pipe.wait_for("SELECT count() FROM responses", [(2,)])
    assert pipe.rows(
        "SELECT offset, toString(event_id), agency, toUnixTimestamp(occurred_at), answers, "
        "comment LIKE '%078-05%', isNull(comment) FROM responses ORDER BY offset"
    ) == [
        (0, event(1), "va", HOUR // 1000 + 60, {"trust": 4}, 0, False),
        (1, event(0), "nobody", 0, {}, None, True),
    ]


async def test_scores_become_a_row_for_each_measure_and_the_highest_version_stays(
    pipe: Pipe,
) -> None:
    older = replace(UPDATE, version=make_version(1, 6), panes=(PaneRow(HOUR, (9,) * 12),))
    next_hour = replace(UPDATE, panes=(PaneRow(HOUR + 3_600_000, (1,) * 12),), windows=())
    panes = (
        "SELECT measure, counts, bitAnd(version, 65535) FROM score_panes FINAL "
        f"WHERE hour = fromUnixTimestamp({HOUR // 1000}) ORDER BY measure"
    )
    expected: list[tuple[object, ...]] = [
        ("response", [7, 0, 0, 0, 0, 0], 7),
        ("trust", [0, 0, 0, 0, 3, 4], 7),
    ]
    async with pipe.sinking():
        await pipe.send(pipe.topics.scores, encode_score(UPDATE), 1)
        await pipe.wait_for(panes, expected)
        await pipe.send(pipe.topics.scores, encode_score(older), 1)
        await pipe.send(pipe.topics.scores, encode_score(UPDATE), 1)
        await pipe.send(pipe.topics.scores, encode_score(next_hour), 1)  # stored after those before
        await pipe.wait_for("SELECT uniqExact(hour) FROM score_panes", [(2,)])
    assert pipe.rows(panes) == expected
    assert pipe.rows(
        "SELECT window, window_end - window_start, counts, emitted_at - as_of < 1 "
        "FROM rolling_scores FINAL WHERE measure = 'trust'"
    ) == [("24h", 86400, [0, 1, 0, 0, 3, 4], True)]


async def test_windows_show_at_once_and_a_stop_stores_the_panes_before_the_commit(
    pipe: Pipe,
) -> None:
    pipe.settings = pipe.settings.model_copy(update={"sink": SinkSettings(flush_seconds=10.0)})
    await pipe.send(pipe.topics.scores, encode_score(UPDATE))
    async with pipe.sinking():
        await pipe.wait_for("SELECT count() FROM rolling_scores", [(2,)])
        assert pipe.rows("SELECT count() FROM score_panes") == [(0,)]
        assert await pipe.committed() is None
    assert pipe.rows("SELECT count() FROM score_panes") == [(2,)]
    assert await pipe.committed() == 1


async def test_ledger_and_dead_letters_are_mirrored_without_the_bytes(pipe: Pipe) -> None:
    """All of the ledger that is not void, and tells of an offset."""
    letter = DeadLetter("t", 1, 5, "score", "truncated", HOUR, b"secret bytes")
    overtaken = replace(ENTRY, next_offset=9, exceptions=(Verdict(2, "late"),), own_offset=1)
    of_nothing = replace(ENTRY, from_offset=7, exceptions=(), gaps=(), own_offset=1)
    for entry in (overtaken, of_nothing, replace(ENTRY, own_offset=2)):
        await pipe.send(pipe.topics.ledger, encode_entry(entry), 1)
    await pipe.send(pipe.topics.dead_letters, letter.value, 0, letter.headers())
    async with pipe.sinking():
        await pipe.wait_for(
            "SELECT topic, partition, offset, stage, reason, size FROM dead_letters",
            [("t", 1, 5, "score", "truncated", 12)],
        )
        await pipe.wait_for("SELECT from_offset, next_offset, accepted FROM ledger", [(0, 7, 3)])
    assert pipe.rows("SELECT partition, offset, outcome FROM outcomes") == [(1, 3, "duplicate")]
    assert pipe.rows("SELECT * EXCEPT inserted_at FROM gaps") == [(1, 1, 5, 7)]


async def test_a_row_that_does_not_fit_is_set_aside_and_the_others_are_stored(pipe: Pipe) -> None:
    negative = replace(UPDATE, panes=(PaneRow(HOUR, (-1,) * 12),))
    for update in (UPDATE, negative, replace(UPDATE, partition=2)):
        await pipe.send(pipe.topics.scores, encode_score(update))
    await pipe.send(pipe.topics.scores, b"no update")
    async with pipe.sinking():
        await pipe.wait_for(
            "SELECT stage, offset, size > 0 FROM dead_letters ORDER BY offset",
            [("sink", 1, True), ("sink", 3, True)],
        )
    assert pipe.rows("SELECT DISTINCT partition FROM score_panes ORDER BY 1") == [(1,), (2,)]


async def test_what_a_fold_that_began_again_judged_counts_though_it_was_given_up(
    pipe: Pipe,
) -> None:
    """In whatever order and however often the two entries are read."""
    gap = replace(ENTRY, next_offset=3, exceptions=(), gaps=(Gap(0, 3),), totals=Totals(missing=3))
    again = replace(gap, from_offset=1, start_offset=1, gaps=(), totals=Totals(2, 2))
    told = {0: (gap, again), 1: (again, gap, again, gap)}
    for partition, entries in told.items():
        for number in range(3):
            await pipe.respond(event(10 * partition + number), partition)
        for entry in entries:
            await pipe.send(
                pipe.topics.ledger, encode_entry(replace(entry, partition=partition)), partition
            )
    counted = "SELECT partition, offset FROM responses_current ORDER BY partition, offset"
    async with pipe.sinking():
        await pipe.wait_for(counted, [(0, 1), (0, 2), (1, 1), (1, 2)])
