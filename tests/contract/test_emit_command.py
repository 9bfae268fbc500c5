"""`cxpulse emit` as a user runs it: its own process, its exit codes, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.operate.topics import TopicReport
from pipeline.settings import Settings
from tests.fixtures.emitted import read_emitted

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


async def test_standard_input_is_sent_as_it_comes_and_refused_lines_end_with_1(
    settings: Settings, topics: TopicReport
) -> None:
    with start(settings, "-", "--format", "jsonl") as process:
        out, err = process.communicate(json.dumps(LINE) + "\nprivate words\n", timeout=60)
    assert (process.returncode, out) == (1, "read 2, sent 1, refused 1\n")
    assert "stdin:2: not_json" in err
    assert "private" not in err
    assert len(await read_emitted(settings)) == 1


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
            pass
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
            pass
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    truth = json.loads(path.read_text())
    assert truth["totals"]["sent"] == len(await read_emitted(settings)) >= 250
    assert f"what must be counted: {path}" in out


@pytest.mark.parametrize("arguments", [[], ["a.csv", "--published", "va-vha", "2020", "Q2"]])
def test_exactly_one_source_is_taken(arguments: list[str], settings: Settings) -> None:
    with start(settings, *arguments) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "one of the three" in err
