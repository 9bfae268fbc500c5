"""`cxpulse emit` as a user runs it: what it says, its exit codes, and how its process ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.operate.topics import TopicReport
from pipeline.settings import Settings
from tests.fixtures.emitted import read_emitted
from tests.fixtures.variables import Setter
from tests.support.leaks import MARK, said, spelled

pytestmark = pytest.mark.broker

PROGRAM = "import typer; from pipeline.emit.command import emit; typer.run(emit)"
LINE = {
    "event_id": "6f1c1d0e-8a3b-4c5d-9e0f-1a2b3c4d5e6f",
    "occurred_at": "2024-05-01T12:00:00Z",
    "agency": "va",
    "service": "va-vha",
    "channel": "email",
    "survey": "va-vha-post-visit",
}
EVENT = "0d9c2f7a-51b4-4e0a-8f6e-7c3a9b1d2e4f"
GIVEN = LINE | {"event_id": EVENT, "answers": {"trust": 4}, "location": MARK, "comment": f"{MARK}!"}
WRONG: tuple[dict[str, object], ...] = (
    {"answers": {"trust": 9}},
    {"answers": {"trust": 4, MARK: 3}},
    {"answers": {"trust": f"4 {MARK}"}},
    {"answers": f"{{'trust': 4}} {MARK}"},
    {"agency": MARK},
    {"event_id": MARK},
    {"occurred_at": MARK},
    {"location": MARK * 100},
    {"comment": MARK * 2000},
    {MARK: 1},
)
FACTS = tuple(LINE.values())[1:]
CSV_LINES = (
    ",".join((*LINE, "trust", "location", "comment")),
    ",".join((EVENT, *FACTS, "4", f"{MARK} 7", f"{MARK} it was")),
    ",".join((EVENT, *FACTS, "9", "", MARK)),
    ",".join((EVENT, *FACTS, MARK, "", "")),
    ",".join((EVENT, *FACTS, "4", MARK * 100, "")),
    ",".join((EVENT, *FACTS, "4", "", MARK, MARK)),
)


def start(settings: Settings, *arguments: str) -> subprocess.Popen[str]:
    kafka = settings.kafka
    variables = {
        "CXPULSE_KAFKA_BOOTSTRAP": kafka.bootstrap,
        "CXPULSE_KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
    }
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        env=os.environ | variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def told_nothing(out: str, err: str) -> bool:
    words = {MARK, EVENT, "va/va-vha/email"} | spelled({"trust": 4})
    return said(out + err, words | spelled({"trust": 9})) == []


async def test_standard_input_is_sent_and_refused_lines_end_with_1_and_tell_nothing_private(
    settings: Settings, topics: TopicReport
) -> None:
    lines = [*(json.dumps(GIVEN | wrong) for wrong in ({}, *WRONG)), "private words"]
    with start(settings, "-", "--format", "jsonl") as process:
        out, err = process.communicate("\n".join(lines) + "\n", timeout=60)
    refused = len(lines) - 1
    assert (process.returncode, out) == (1, f"read {refused + 1}, sent 1, refused {refused}\n")
    assert err.count("stdin:") == refused
    assert f"stdin:{len(lines)}: not_json" in err
    assert "private" not in err
    assert told_nothing(out, err)
    assert len(await read_emitted(settings)) == 1


def test_what_is_said_about_good_and_bad_rows_tells_no_answer_comment_or_id(
    settings: Settings, topics: TopicReport, tmp_path: Path, setting: Setter, in_process: CliRunner
) -> None:
    path = tmp_path / "rows"
    path.write_text("\n".join(CSV_LINES) + "\n", encoding="utf-8")
    kafka = settings.kafka
    setting(KAFKA_BOOTSTRAP=kafka.bootstrap, KAFKA_TOPIC_PREFIX=kafka.topic_prefix)
    done = in_process.invoke(app, ["emit", str(path), "--format", "csv"])
    read = len(CSV_LINES) - 1
    assert (done.exit_code, done.stdout) == (1, f"read {read}, sent 1, refused {read - 1}\n")
    assert done.stderr.count(f"{path}:") == read - 1
    assert told_nothing(done.stdout, done.stderr)


async def test_sigterm_ends_a_read_from_a_silent_pipe_with_what_came_so_far_sent(
    settings: Settings, topics: TopicReport
) -> None:
    with start(settings, "-", "--format", "jsonl") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(LINE) + "\n")
        process.stdin.flush()
        deadline = time.monotonic() + 30
        while not await read_emitted(settings) and time.monotonic() < deadline:
            await asyncio.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 1
        assert process.stdout.read().startswith("read 1, sent 1\nstopped before the end")
        process.stdin.close()


async def test_simulation_writes_its_truth_also_when_stopped(
    settings: Settings, topics: TopicReport, tmp_path: Path
) -> None:
    path = tmp_path / "truth.json"
    arguments = ["--simulate", "--rate", "300", "--history", "1d", "--count", "200"]
    with start(settings, *arguments, "--duration", "10m", "--truth", str(path)) as process:
        deadline = time.monotonic() + 30
        while len(await read_emitted(settings)) < 250 and time.monotonic() < deadline:
            await asyncio.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    truth = json.loads(path.read_text())
    assert truth["totals"]["sent"] == len(await read_emitted(settings)) >= 250
    assert f"what must be counted: {path}" in out


@pytest.mark.parametrize("arguments", [[], ["a.csv", "--published", "va-vha", "2020", "Q2"]])
def test_exactly_one_source_is_taken(arguments: list[str], in_process: CliRunner) -> None:
    done = in_process.invoke(app, ["emit", *arguments])
    assert done.exit_code == 2
    assert "one of the three" in done.stderr
