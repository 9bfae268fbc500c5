"""`cxpulse emit` as a user runs it: its own process, its exit codes, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.operate.topics import TopicReport
from pipeline.settings import Settings
from tests.fixtures.emitted import read_emitted
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


async def test_standard_input_is_sent_as_it_comes_and_refused_lines_end_with_1(
    settings: Settings, topics: TopicReport
) -> None:
    with start(settings, "-", "--format", "jsonl") as process:
        out, err = process.communicate(json.dumps(LINE) + "\nprivate words\n", timeout=60)
    assert (process.returncode, out) == (1, "read 2, sent 1, refused 1\n")
    assert "stdin:2: not_json" in err
    assert "private" not in err
    assert len(await read_emitted(settings)) == 1


@pytest.mark.parametrize(
    ("form", "lines"),
    [("jsonl", [json.dumps(GIVEN | wrong) for wrong in ({}, *WRONG)]), ("csv", CSV_LINES)],
)
async def test_what_is_said_about_good_and_bad_lines_tells_no_answer_comment_or_id(
    form: str, lines: Sequence[str], settings: Settings, topics: TopicReport
) -> None:
    with start(settings, "-", "--format", form) as process:
        out, err = process.communicate("\n".join(lines) + "\n", timeout=60)
    read = len(lines) - (form == "csv")
    assert (process.returncode, out) == (1, f"read {read}, sent 1, refused {read - 1}\n")
    assert err.count("stdin:") == read - 1
    words = {MARK, EVENT, "va/va-vha/email"} | spelled({"trust": 4})
    assert said(out + err, words | spelled({"trust": 9})) == []


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
