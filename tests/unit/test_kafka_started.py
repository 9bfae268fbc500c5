"""A client that starts while whoever asked for it is gone."""

from __future__ import annotations

import asyncio
import gc
import sys

import pytest

from pipeline.settings import KafkaSettings
from pipeline.wire.kafka import started


class Slow:
    """Never starts, and takes its time to stop."""

    async def start(self) -> None:
        await asyncio.Event().wait()

    async def stop(self) -> None:
        await asyncio.sleep(0)


async def leave_it_starting() -> None:
    sys.set_asyncgen_hooks(None, None)  # a loop would end it as a task
    entering = started(Slow(), KafkaSettings()).__aenter__()
    entering.__await__().send(None)


def test_a_start_that_is_collected_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    unraisable: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: unraisable.append(repr(told.exc_value)))
    asyncio.run(leave_it_starting())
    gc.collect()
    assert unraisable == []
