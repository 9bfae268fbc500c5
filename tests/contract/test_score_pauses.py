"""The circuit breaker on the real broker: what it stops, what it outlives, how it is lifted."""

from __future__ import annotations

import asyncio
import shutil
import signal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.environment import PREFIX
from pipeline.errors import KafkaError
from pipeline.metrics import SCORE_PAUSED
from pipeline.operate.check import check
from pipeline.operate.pauses import Pause, find_pauses, resume
from pipeline.operate.topics import TopicReport
from pipeline.resources import resource
from pipeline.score.worker import ScoreWorker
from pipeline.settings import Settings
from pipeline.wire.dead_letters import ATTEMPT, REPLAY_OF
from pipeline.wire.topics import Topics
from tests.contract.test_score_catalogue import NEW, offer
from tests.fixtures.command_line import cxpulse
from tests.fixtures.scoring import (
    eventually,
    ledger,
    outcomes,
    read,
    received,
    response,
    scoring,
    send,
    start_worker,
    until,
)

pytestmark = pytest.mark.broker

GARBAGE = b"no survey response"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A breaker that 20 records can trip."""
    score = settings.score.model_copy(update={"breaker_records": 20, "checkpoint_seconds": 1.0})
    return settings.model_copy(update={"score": score})


async def paused(worker: ScoreWorker) -> None:
    await until(lambda: worker._tenures and worker._tenures[0].paused_at)


async def lifted(settings: Settings) -> None:
    """Resume as soon as a checkpoint tells of a pause, which is a little later than it begins."""

    async def done() -> list[Pause] | None:
        await asyncio.sleep(0.2)  # each look reads the checkpoints
        return await resume(settings.kafka) or None

    await eventually(done)


def here(settings: Settings) -> dict[str, str]:
    kafka = settings.kafka
    return {"KAFKA_BOOTSTRAP": kafka.bootstrap, "KAFKA_TOPIC_PREFIX": kafka.topic_prefix}


async def command(settings: Settings) -> str:
    """What `cxpulse resume` prints."""
    done = await asyncio.to_thread(cxpulse, "resume", **here(settings))
    assert done.returncode == 0, done.stderr
    return done.stdout


async def command_in_process(settings: Settings, in_process: CliRunner) -> str:
    """What it prints when it is asked about the other partition."""
    env = {PREFIX + name: value for name, value in here(settings).items()}
    asked = ["resume", "--partition", "1"]
    done = await asyncio.to_thread(in_process.invoke, app, asked, env=env)
    assert done.exit_code == 0, done.stderr
    return done.stdout


async def test_a_share_of_new_garbage_pauses_and_does_again_when_resumed_but_none_that_is_replayed(
    settings: Settings, topics: TopicReport
) -> None:
    few = [value for _ in range(20) for value in (GARBAGE, response(), response())]
    place = b"%s/0/1/0" % Topics(settings.kafka.topic_prefix).responses.encode()
    async with scoring(settings) as worker:
        await send(settings, few)
        await send(settings, [GARBAGE] * 40, headers=[(ATTEMPT, b"2"), (REPLAY_OF, place)])
        total = await received(settings, 100)
        assert not worker._tenures[0].paused_at
        assert (total["accepted"], total["dead_letter"]) == (40, 60)
        assert await find_pauses(settings.kafka) == []
        # The other partition: only counting its attempts is no replay.
        await send(settings, [GARBAGE] * 50, partition=1, headers=[(ATTEMPT, b"2")])
        await until(lambda: worker._tenures[1].paused_at == 20)
        await lifted(settings)
        await until(lambda: worker._tenures[1].paused_at == 40)
        await lifted(settings)
        total = await received(settings, 150)
        assert not worker._tenures[0].paused_at
        assert not worker._tenures[1].paused_at
    assert (total["accepted"], total["dead_letter"]) == (40, 110)


async def test_without_topics_there_is_nothing_to_resume_and_that_is_told_at_once(
    settings: Settings,
) -> None:
    async with asyncio.timeout(5):
        with pytest.raises(KafkaError, match=r"does not exist; run `cxpulse topics`"):
            await resume(settings.kafka)


async def test_a_flood_of_garbage_pauses_one_partition_and_the_other_goes_on(
    settings: Settings, topics: TopicReport
) -> None:
    async with scoring(settings) as worker:
        await send(settings, [response()] * 5 + [GARBAGE] * 500 + [response()] * 5)
        await paused(worker)
        await send(settings, [response() for _ in range(7)], partition=1)
        total = await received(settings, 27)
        await until(lambda: SCORE_PAUSED.labels("0")._value.get() == 1)
        health = worker.health()
        assert await find_pauses(settings.kafka) == [Pause(0, 1, 20)]
        (told,) = [f for f in await check(settings) if f.check == "pauses"]
    assert (total["received"], total["dead_letter"]) == (27, 15)
    assert health.good
    facts = health.facts["partitions"]
    assert isinstance(facts, dict)
    assert facts[0] == {"lag": 490, "at": 20, "paused_at": 20}
    assert told.state == "FAIL"
    assert "partition 0 at offset 20" in told.text
    assert "`cxpulse resume`" in told.text
    assert len(await read(settings, "dead_letters")) == 15


async def test_a_pause_outlives_the_worker_and_resume_loses_and_repeats_nothing(
    settings: Settings,
    topics: TopicReport,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    in_process: CliRunner,
) -> None:
    monkeypatch.setenv("CXPULSE_SCORE_BREAKER_RECORDS", "20")
    killed = await start_worker(settings, tmp_path)
    await killed.ready()
    good = [response() for _ in range(300)]
    await send(settings, [*good[:100], *[GARBAGE] * 100, *good[100:]])
    await until(lambda: '"paused: too many dead letters' in killed.text())
    await killed.end(signal.SIGKILL)
    (pause,) = await find_pauses(settings.kafka)
    assert pause == Pause(0, 1, 200)
    said = await command_in_process(settings, in_process)
    assert said == "nothing to resume: no such partition is paused\n"
    assert await find_pauses(settings.kafka) == [pause]
    async with scoring(settings) as worker:
        await paused(worker)
        await send(settings, good[:10], partition=1)
        await received(settings, 210)
        assert worker._tenures[0].state.next_offset == 200
        assert await command(settings) == "partition 0 goes on at offset 200\n"
        total = await received(settings, 410)
        assert await find_pauses(settings.kafka) == []
    assert total == {
        "received": 410, "accepted": 310, "dead_letter": 100,
        "duplicate": 0, "late": 0, "retraction": 0,
    }  # fmt: skip
    entry = (await ledger(settings))[0]
    assert (entry.next_offset, entry.totals.missing, entry.totals.marker) == (400, 0, 0)
    async with scoring(settings) as worker:
        await until(lambda: worker.health().facts["partitions"])
        assert not worker._tenures[0].paused_at
    assert (await outcomes(settings))["received"] == 410


async def test_a_paused_partition_takes_the_mended_catalogue_and_judges_the_rest_by_it(
    settings: Settings, topics: TopicReport, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(resource("deploy", "catalog"), tmp_path / "catalog"))
    settings = settings.model_copy(update={"catalog": folder})
    await send(settings, [response(survey=NEW) for _ in range(50)])
    async with scoring(settings) as worker:
        await paused(worker)
        old = worker._tenures[0].state.catalogue.digest
        offer(folder)
        await until(lambda: worker._tenures[0].state.catalogue.digest != old)
        assert worker._tenures[0].paused_at == 20
        await lifted(settings)
        total = await received(settings, 50)
    assert (total["accepted"], total["dead_letter"]) == (30, 20)
