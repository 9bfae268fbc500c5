"""`cxpulse replay` on the real broker: what goes back, how often, and what becomes of it."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator

import pytest
from typer.testing import CliRunner

from pipeline.cli import app, main
from pipeline.operate.replay.choice import Choice, Filters
from pipeline.operate.replay.reinsert import reinsert
from pipeline.operate.replay.resend import Done, resend
from pipeline.operate.replay.run import choose
from pipeline.operate.topics import TopicReport
from pipeline.settings import KafkaSettings, Settings
from pipeline.wire.dead_letters import REPAIR_HEADER, DeadLetter, read_dead_letter
from pipeline.wire.kafka import producer, started
from pipeline.wire.responses import encode_response
from pipeline.wire.topics import Topics
from tests.fixtures.command_line import cxpulse
from tests.fixtures.scoring import eventually, outcomes, read, received, scoring
from tests.fixtures.sink import HOUR, Pipe, event, piping
from tests.fixtures.sink import response as plain
from tests.fixtures.variables import Setter

pytestmark = pytest.mark.broker


def nothing(done: int, total: int) -> None:
    """Nobody watches."""


@pytest.fixture
async def log(settings: Settings, topics: TopicReport) -> AsyncIterator[Pipe]:
    async with started(producer(settings.kafka), settings.kafka) as client:
        yield Pipe(settings, client, None)


async def bury(log: Pipe, offset: int, value: bytes | None, **changes: object) -> None:
    """A dead letter of a record of `responses`, partition 1 unless told otherwise."""
    facts = {"partition": 1, "stage": "score", "reason": "unknown_service", "appended_at": HOUR}
    letter = DeadLetter(topic=log.topics.responses, offset=offset, value=value, **(facts | changes))  # type: ignore[arg-type]
    await log.send(log.topics.dead_letters, value, offset % 2, letter.headers())


async def buried(log: Pipe, number: int) -> None:
    """Wait until there are as many dead letters: the ledger entry is sent before them."""

    async def there() -> bool | None:
        return len(await read(log.settings, "dead_letters")) >= number or None

    await eventually(there)


async def replay(log: Pipe, **filters: object) -> tuple[Choice, Done]:
    choice = await choose(log.settings, Filters(**filters), nothing)  # type: ignore[arg-type]
    return choice, await resend(log.settings, choice, nothing, asyncio.Event())


def example(number: int, **changes: object) -> bytes:
    return encode_response(plain(event(number)) | changes)


async def test_the_original_bytes_go_back_to_their_partition_one_attempt_higher(log: Pipe) -> None:
    await bury(log, 7, example(1), attempt=2)
    await bury(log, 8, None, reason="tombstone", repair=True)
    choice, done = await replay(log)
    assert choice.reasons == done.sent == {"unknown_service": 1, "tombstone": 1}
    found = {record.value: record for record in await read(log.settings, "responses")}
    assert {record.partition for record in found.values()} == {1}
    first = f"{log.topics.responses}/1/1/".encode()
    assert found[example(1)].headers == (("attempt", b"3"), ("replay-of", first + b"7"))
    assert found[None].headers == (
        *(("attempt", b"2"), ("replay-of", first + b"8")),
        REPAIR_HEADER,
    )


async def test_filters_choose_by_reason_service_time_and_stage(log: Pipe) -> None:
    await bury(log, 1, example(1), reason="conflicting")
    await bury(log, 2, example(2, service="va-outpatient"))
    await bury(log, 3, example(3, agency="nobody"), appended_at=HOUR + 5)
    await bury(log, 4, b"\0", reason="truncated")
    await bury(log, 5, example(5), stage="sink", reason="store_refused_6")
    await log.send(log.topics.dead_letters, b"no letter")

    async def chosen(**filters: object) -> dict[str, int]:
        return dict((await choose(log.settings, Filters(**filters), nothing)).reasons)  # type: ignore[arg-type]

    assert await chosen(reasons={"conflicting", "truncated"}) == {"conflicting": 1, "truncated": 1}
    assert await chosen(services={"va-outpatient"}) == {"unknown_service": 1}
    assert await chosen(since=HOUR + 1) == {"unknown_service": 1}
    assert (await chosen(until=HOUR + 1))["unknown_service"] == 1
    assert await chosen(stage="sink") == {"store_refused_6": 1}
    whole = await choose(log.settings, Filters(limit=2), nothing)
    assert (len(whole.places), whole.unreadable) == (2, 1)


async def test_of_letters_with_the_same_bytes_only_the_highest_attempt_goes(log: Pipe) -> None:
    for offset, attempt in ((1, 1), (12, 3), (9, 2)):
        await bury(log, offset, example(1), attempt=attempt)
    await bury(log, 1, example(1), partition=0)
    choice, _ = await replay(log, reasons={"unknown_service"})
    assert (len(choice.places), choice.superseded) == (2, 2)
    sent = [
        (r.partition, dict(r.headers)["attempt"]) for r in await read(log.settings, "responses")
    ]
    assert sent == [(0, b"2"), (1, b"4")]


async def test_a_letter_that_was_cut_is_replayed_from_its_original_or_not_at_all(log: Pipe) -> None:
    await log.respond(event(1), 1)
    (original,) = await read(log.settings, "responses")
    for offset, at in ((0, original.timestamp), (0, HOUR), (99, HOUR)):
        value = example(1)[:10] + bytes([offset, at % 200])
        await bury(log, offset, value, cut=True, appended_at=at)
    await bury(log, 3, b"elsewhere", partition=9)
    _, done = await replay(log)
    assert done.sent == {"unknown_service": 1}
    assert sorted(done.cannot.values()) == [1, 2]
    assert [r.value for r in await read(log.settings, "responses")] == [original.value] * 2


async def test_a_replay_that_is_repeated_counts_once_and_what_still_fails_is_dead_again(
    log: Pipe,
) -> None:
    settings = log.settings
    good, bad = example(1), example(2, agency="nobody")
    await bury(log, 1, good)
    async with scoring(settings):
        await log.send(log.topics.responses, bad, 1)
        await buried(log, 2)
        await replay(log)
        await buried(log, 3)
        await replay(log)
        total = await received(settings, 5)
    assert (total["accepted"], total["duplicate"], total["dead_letter"]) == (1, 1, 3)
    letters = [read_dead_letter(r.value, r.headers) for r in await read(settings, "dead_letters")]
    assert sorted(one.attempt for one in letters if one.value == bad) == [1, 2, 3]
    assert (await outcomes(settings))["received"] == 5


async def test_the_command_says_what_it_would_do_then_does_it(
    log: Pipe, setting: Setter, in_process: CliRunner
) -> None:
    await bury(log, 1, example(1))
    await bury(log, 2, example(2), reason="conflicting")
    kafka = log.settings.kafka
    where = {"KAFKA_BOOTSTRAP": kafka.bootstrap, "KAFKA_TOPIC_PREFIX": kafka.topic_prefix}
    setting(**where)
    asked = ["replay", "--reason", "conflicting", "--dry-run"]
    dry = await asyncio.to_thread(in_process.invoke, app, asked)
    first = "would replay 1 dead letters; 1 others do not fit"
    assert (dry.exit_code, dry.stdout.splitlines()[0]) == (0, first)
    assert await read(log.settings, "responses") == []
    done = await asyncio.to_thread(cxpulse, "replay", "--since", "2023-11-14", **where)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "sent 2, could not replay 0"


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--reason", "conflictin"], "did you mean conflicting?"),
        (["--since", "yesterday"], "yesterday"),
        (["--since", "1h", "--until", "2h"], "--since '1h' is not before --until '2h'"),
    ],
)
def test_filters_that_cannot_be_are_one_line_and_exit_code_2(
    flags: list[str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    setting: Setter,
    root_logger: logging.Logger,
) -> None:
    monkeypatch.setattr(sys, "argv", ["cxpulse", "replay", *flags])
    with pytest.raises(SystemExit) as ended:
        main()
    wrong = capsys.readouterr().err
    assert (ended.value.code, wrong.count("\n")) == (2, 1)
    assert told in wrong


@pytest.mark.engine
async def test_letters_of_the_sink_are_inserted_as_the_sink_would_have(
    kafka_settings: KafkaSettings, clickhouse: str, tables: str
) -> None:
    async with piping(kafka_settings, clickhouse, tables) as pipe:
        value = example(1, comment="my number is 078-05-1120")
        await bury(pipe, 7, value, stage="sink", reason="store_refused_6")
        bad = DeadLetter(Topics(kafka_settings.topic_prefix).scores, 0, 3, "sink", "x", HOUR, b"?")
        await pipe.send(pipe.topics.dead_letters, bad.value, 0, bad.headers())
        choice = await choose(pipe.settings, Filters(stage="sink"), nothing)
        done = await reinsert(pipe.settings, choice, nothing, asyncio.Event())
        assert done.cannot == {"refused again": 1}
        rows = pipe.rows("SELECT partition, offset, comment LIKE '%078-05%' FROM responses")
        assert rows == [(1, 7, 0)]
        letters = [
            read_dead_letter(r.value, r.headers) for r in await read(pipe.settings, "dead_letters")
        ]
        assert sorted(one.attempt for one in letters if one.value == b"?") == [1, 2]
