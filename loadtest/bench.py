"""What every measurement needs: a folder, settings for children, and children that answer."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from loadtest.sizes import Sizes
from pipeline.errors import LocalError
from pipeline.local.part import obituary
from pipeline.local.processes import Child
from pipeline.settings import KafkaSettings

POLL_SECONDS = 0.2
"""Between two looks at a child: it measures by itself, so this is in no number."""

GRACE_SECONDS = 15.0
"""A worker makes its last cut and leaves in a second or two."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where to work, how much to do, and whom to tell of progress; `beside` is the Python of
    another release of cxpulse, to be measured too."""

    folder: Path
    sizes: Sizes
    say: Callable[[str], None]
    beside: Path | None = None


def environment(kafka: KafkaSettings) -> dict[str, str]:
    """Of a child: these Kafka settings, and none of ours that happen to be around."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("CXPULSE_")}
    return env | {
        "PYTHONUNBUFFERED": "1",
        "CXPULSE_KAFKA_BOOTSTRAP": kafka.bootstrap,
        "CXPULSE_KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
        "CXPULSE_KAFKA_GROUP_PREFIX": kafka.group_prefix,
        "CXPULSE_KAFKA_PARTITIONS": str(kafka.partitions),
        "CXPULSE_SCORE_METRICS_PORT": "0",
    }


def start(bench: Bench, name: str, env: Mapping[str, str], module: str, *args: str) -> Child:
    """`python -m MODULE ARGS` as a child that cannot outlive this process, with its own log."""
    return _child(bench, name, env, sys.executable, "-m", module, *args)


def start_worker(
    bench: Bench, name: str, env: Mapping[str, str], python: Path | None = None
) -> Child:
    """A score worker of the release that `python` has installed, or of this one. It must not
    import from the current folder (`-P`), which is this release."""
    return _child(bench, name, env, str(python or sys.executable), "-P", "-m", "pipeline.score")


def _child(bench: Bench, name: str, env: Mapping[str, str], *command: str) -> Child:
    log = bench.folder / f"{name}.log"
    log.unlink(missing_ok=True)
    return Child(command, log, env)


async def answer(child: Child, name: str) -> dict[str, float]:
    """Wait for a child that ends; its last line of output is JSON. Raises LocalError."""
    try:
        while not await asyncio.to_thread(child.wait, POLL_SECONDS):
            pass
    finally:
        child.kill()
    if child.exit_code:
        raise LocalError(obituary(name, child.exit_code, child.log))
    lines = child.log.read_text(encoding="utf-8").splitlines()
    try:
        return cast("dict[str, float]", json.loads(lines[-1]))
    except (IndexError, ValueError):
        raise LocalError(obituary(name, child.exit_code, child.log)) from None
