"""The demo as a user runs it: its verdict, and that nothing of it stays behind."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import clickhouse_connect
import pytest
from aiokafka import AIOKafkaProducer

from tests.fixtures.demo import demo, plain_event

pytestmark = [pytest.mark.broker, pytest.mark.engine]

VISIBLE_SECONDS = 5.0
"""It takes well under one second; this is for a machine that does a lot besides."""


async def test_a_short_demo_holds_though_a_stranger_sends_too_and_leaves_nothing_running(
    tmp_path: Path,
) -> None:
    with demo(tmp_path, "--seconds", "5") as running:
        running.until("While this runs")
        await send_one(found(r"kafka is ready at (\S+)", running.said))
        assert await seen(found(r"clickhouse is ready at (\S+)", running.said))
        assert running.end() == 0, running.said
        assert "1 came from elsewhere" in running.said
        assert "everything holds" in running.said
        assert running.gone(0)
    assert (tmp_path / "score-1.log").exists()


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, text
    return match[1]


async def send_one(bootstrap: str) -> None:
    client = AIOKafkaProducer(bootstrap_servers=bootstrap)  # type: ignore[no-untyped-call]  # theirs
    async with client as producer:
        event = plain_event(
            agency="va",
            service="va-vba",
            channel="fax",  # nobody else does
            survey="va-vba-call",
            answers={"trust": 4},
        )
        await producer.send_and_wait("cx.responses", event)


async def seen(url: str) -> bool:
    """Whether it shows among the scores."""
    deadline = time.monotonic() + VISIBLE_SECONDS
    client = await clickhouse_connect.get_async_client(dsn=url)
    query = "SELECT mean FROM cx.rolling_now WHERE channel = 'fax' AND window = '1h' AND n > 0"
    rows: list[object] = []
    while not rows and time.monotonic() < deadline:
        rows = list((await client.query(query)).result_rows)
    await client.close()
    return rows == [(4.0,)]


def test_a_part_that_dies_is_named_and_ends_the_demo(tmp_path: Path) -> None:
    with demo(tmp_path, "--seconds", "0") as running:
        running.until("A quarter as it was published")
        os.kill(running.pid_of("score"), signal.SIGKILL)
        assert running.end() == 1
        assert "score-1 has ended by itself (signal 9)" in running.said
        assert "Traceback" not in running.said
        assert running.gone(0)


@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        ((signal.SIGINT,), 1),
        ((signal.SIGTERM, signal.SIGTERM), 1),
        ((signal.SIGKILL,), -9),
    ],
)
def test_a_demo_ended_while_it_starts_leaves_nothing_running(
    tmp_path: Path, numbers: tuple[signal.Signals, ...], code: int
) -> None:
    with demo(tmp_path) as running:
        running.until("clickhouse is ready")
        for number in numbers:
            running.process.send_signal(number)
        assert running.end() == code
        assert "Traceback" not in running.said
        assert running.gone(10)  # the supervisor of a killed one needs a moment
