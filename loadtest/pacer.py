"""Sends responses on a fixed schedule, whatever happens downstream, and notes what was due when.

    python -m loadtest.pacer START_MS RATE RESPONSES NOTES_FILE

Everything is made before the start, so that the schedule is kept by little more than a clock.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from hashlib import blake2b
from pathlib import Path
from typing import Final

from pipeline.core.reasons import Outcome
from pipeline.emit.client import Emitter
from pipeline.emit.simulate import Item, Traffic, items
from pipeline.settings import Settings, load

TICK_SECONDS: Final = 0.002
"""Between two looks at the clock: two records at 1,000 a second."""


async def pace(settings: Settings, traffic: Traffic) -> tuple[dict[str, float], dict[str, int]]:
    """Send each record once it is due (open loop); how that went, and what was due when."""
    async with Emitter(settings) as emitter:
        due = list(items(emitter.catalogue, traffic))
        lags = []
        at = 0
        while at < len(due):
            now = time.time_ns() // 1_000_000
            while at < len(due) and due[at].due <= now:
                await emitter.send_bytes(due[at].key, due[at].value)
                lags.append(now - due[at].due)
                at += 1
            await asyncio.sleep(TICK_SECONDS)
        report = await emitter.flush()
    told: dict[str, float] = {
        "sent": report.sent,
        "failed": report.failed,
        "most_behind": max(lags, default=0),
    }
    return told, expected(due)


def expected(due: list[Item]) -> dict[str, int]:
    """Fingerprint of each response that is accepted and stays → when it was due (ms)."""
    return {
        fingerprint(item.value): item.due
        for item in due
        if item.outcome is Outcome.ACCEPTED and item.change is not None
    }


def fingerprint(value: bytes | None) -> str:
    """Stands for the bytes of a record."""
    return blake2b(value or b"", digest_size=10).hexdigest()


if __name__ == "__main__":
    start, rate, responses = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    plan = Traffic(start=start, rate=rate, live=responses)
    told, notes = asyncio.run(pace(load(), plan))
    Path(sys.argv[4]).write_text(json.dumps(notes), encoding="utf-8")
    sys.stdout.write(json.dumps(told) + "\n")
