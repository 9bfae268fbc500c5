"""`cxpulse topics` as a script sees it: what it prints and how it exits."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pipeline.settings import KafkaSettings

pytestmark = pytest.mark.broker


def run(settings: KafkaSettings, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import typer; from pipeline.operate.topics_command import topics; typer.run(topics)"
    here = {
        "CXPULSE_KAFKA_BOOTSTRAP": settings.bootstrap,
        "CXPULSE_KAFKA_TOPIC_PREFIX": settings.topic_prefix,
        "CXPULSE_KAFKA_PARTITIONS": str(settings.partitions),
    }
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | here,
        capture_output=True,
        text=True,
        check=False,
    )


def test_check_creates_nothing_and_a_second_run_finds_all_well(
    kafka_settings: KafkaSettings,
) -> None:
    missing = run(kafka_settings, "--check")
    assert missing.returncode == 1
    assert missing.stdout.count("MISSING") == 5
    assert run(kafka_settings).stdout.count("created") == 5
    well = run(kafka_settings, "--check")
    assert well.returncode == 0, well.stderr
    assert well.stdout.count(" ok ") == 5
    assert f"{kafka_settings.topic_prefix}.responses" in well.stdout


def test_a_difference_is_named_and_makes_the_exit_code_1(kafka_settings: KafkaSettings) -> None:
    run(kafka_settings)
    wider = run(kafka_settings.model_copy(update={"partitions": 3}))
    assert wider.returncode == 1
    prefix = kafka_settings.topic_prefix
    assert f"{prefix}.ledger: partitions is 2, must be at least 3\n" in wider.stdout
