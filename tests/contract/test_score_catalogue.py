"""A catalogue that changes under running score workers, and under one that dies."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from pipeline.operate.topics import TopicReport
from pipeline.resources import resource
from pipeline.settings import Settings
from tests.fixtures.scoring import (
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

NEW = "va-vha-pulse"
"""A survey that the files get later: the post-visit one under another name."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(resource("deploy", "catalog"), tmp_path / "catalog"))


def offer(folder: Path) -> None:
    """Add the survey to the files."""
    path = folder / "surveys.yaml"
    head, *entries = path.read_text(encoding="utf-8").split("\n  - ")
    (copied,) = [e for e in entries if e.startswith("id: va-vha-post-visit\n")]
    more = copied.replace("va-vha-post-visit", NEW)
    path.write_text("\n  - ".join([head, more.rstrip(), *entries]), encoding="utf-8")


async def catalogue_of(settings: Settings) -> str:
    return (await ledger(settings))[0].catalogue


async def test_a_running_worker_takes_a_change_at_a_cut_and_judges_nothing_again(
    settings: Settings, topics: TopicReport, folder: Path
) -> None:
    settings = settings.model_copy(update={"catalog": folder})
    async with scoring(settings) as worker:
        await send(settings, [response(survey=NEW), response()])
        await received(settings, 2)
        before = await catalogue_of(settings)
        (folder / "surveys.yaml").rename(folder / "away")
        (folder / "away").rename(folder / "surveys.yaml")
        offer(folder)
        await until(lambda: worker._tenures[0].state.catalogue.digest != before)
        await send(settings, [response(survey=NEW), response()])
        total = await received(settings, 4)
    assert (total["accepted"], total["dead_letter"]) == (3, 1)
    assert await catalogue_of(settings) != before
    async with scoring(settings) as worker:
        await until(lambda: worker.health().facts["assigned"])
        assert worker._tenures[0].state.catalogue.digest == await catalogue_of(settings)
    keys = [r.key or b"" for r in await read(settings, "checkpoints") if r.partition == 0]
    assert len({key.split(b"/")[-1] for key in keys if b"/catalogue/" in key}) == 2


async def test_what_a_killed_worker_told_by_the_old_catalogue_stays_as_it_was_told(
    settings: Settings,
    topics: TopicReport,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CXPULSE_CATALOG", str(folder))
    monkeypatch.setenv("CXPULSE_SCORE_CHECKPOINT_SECONDS", "5")
    killed = await start_worker(settings, tmp_path)
    await killed.ready()
    await send(settings, [response(survey=NEW) for _ in range(3)])
    await received(settings, 3)
    await killed.end(signal.SIGKILL)
    offer(folder)
    await send(settings, [response(survey=NEW) for _ in range(2)])
    settings = settings.model_copy(update={"catalog": folder})
    async with scoring(settings):
        await received(settings, 5)
    assert await outcomes(settings) == {
        "received": 5, "accepted": 2, "dead_letter": 3, "duplicate": 0, "late": 0, "retraction": 0
    }  # fmt: skip
    letters = await read(settings, "dead_letters")
    assert {letter.key for letter in letters} == {
        f"{settings.kafka.topic_prefix}.responses/0/{offset}/score".encode() for offset in range(3)
    }
