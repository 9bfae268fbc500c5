"""Commands of ours that end by themselves, run as processes of their own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pipeline.errors import LocalError
from pipeline.local.part import POLL_SECONDS, obituary
from pipeline.local.processes import Child

ERRAND_SECONDS: Final = 120.0
"""`topics` and `migrate` take a second or two; this is a fault even on a busy machine."""


def cxpulse(*args: str) -> tuple[str, ...]:
    """The arguments that run one of our commands with the Python that runs this."""
    return (sys.executable, "-m", "pipeline.cli", *args)


async def run_command(folder: Path, env: Mapping[str, str], *args: str) -> None:
    """Run `cxpulse ARGS`, its output in `folder`. Raises LocalError when it fails or hangs."""
    name, log = args[0], folder / f"{args[0]}.log"
    child = Child(cxpulse(*args), log, env)
    try:
        async with asyncio.timeout(ERRAND_SECONDS):
            while not await asyncio.to_thread(child.wait, POLL_SECONDS):
                pass
    except TimeoutError:
        raise LocalError(f"{name} did not end within {ERRAND_SECONDS:.0f} s; see {log}") from None
    finally:
        child.kill()
    if child.exit_code != 0:
        raise LocalError(obituary(name, child.exit_code, log))
