"""What `/healthz` of a score worker says when the broker hangs."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from pipeline.local.broker_properties import JVM_QUICK
from pipeline.local.kafka import LocalKafka
from pipeline.operate.topics import ensure_topics
from pipeline.score import health
from pipeline.settings import KafkaSettings, Settings
from tests.fixtures.scoring import received, response, scoring, send, until

pytestmark = pytest.mark.broker


async def test_a_worker_that_is_caught_up_and_hears_nothing_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "STUCK_SECONDS", 1.5)
    with LocalKafka(tmp_path, port=0, jvm=JVM_QUICK) as broker:
        settings = Settings(kafka=KafkaSettings(bootstrap=broker.bootstrap, partitions=1))
        await ensure_topics(settings)
        async with scoring(settings) as worker:
            await send(settings, [response()])
            await received(settings, 1)
            await until(lambda: worker._tenures[0].checkpoint_age == 0)
            assert worker.health().good
            assert broker.pid is not None
            os.kill(broker.pid, signal.SIGSTOP)
            try:
                await until(lambda: not worker.health().good)
                reasons = worker.health().reasons
            finally:
                os.kill(broker.pid, signal.SIGCONT)
            await until(lambda: worker.health().good)
    assert len(reasons) == 1
    assert "partition 0: no answer from Kafka for" in reasons[0]
