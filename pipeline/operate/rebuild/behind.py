"""Sinks that have yet to read what was told before some records were judged anew.

They would store it again after a rebuild has deleted it, and nothing later replaces it: a record
that was accepted has no outcome.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from pipeline.errors import KafkaError
from pipeline.operate.reconcile.logs import commits
from pipeline.settings import KafkaSettings
from pipeline.sink.patience import Stopped, pause
from pipeline.sink.service import ledger_group
from pipeline.wire.kafka import admin, read_errors, started
from pipeline.wire.topics import Topics

STANDSTILL_SECONDS: Final = 10.0
"""Sinks that read commit every other second (`service.CALM`): after so long none is at work."""
LOOK_SECONDS: Final = 0.5
"""Between two looks at the commits: a question to the broker each."""


async def sinks_past(kafka: KafkaSettings, ends: Mapping[int, int], stop: asyncio.Event) -> None:
    """Wait until the sinks have committed the ledger up to these offsets of its partitions.

    Raises KafkaError when they stand still before that, Stopped when told to stop.
    """
    if ends:
        topic = Topics(kafka.topic_prefix).ledger
        with read_errors(topic):
            async with started(admin(kafka), kafka) as client:
                await _follow(client, ledger_group(kafka), topic, ends, stop)


async def _follow(
    client: AIOKafkaAdminClient,
    group: str,
    topic: str,
    ends: Mapping[int, int],
    stop: asyncio.Event,
) -> None:
    before: Mapping[int, int] = {}
    deadline = 0.0
    while behind := await _behind(client, group, topic, ends):
        if behind != before:
            before, deadline = behind, time.monotonic() + STANDSTILL_SECONDS
        elif time.monotonic() >= deadline:
            partition, at = min(behind.items())
            raise KafkaError(
                f"topic {topic} partition {partition}: the sinks are at offset {at} of "
                f"{ends[partition]}, and would bring back what was judged anew since: let them "
                "catch up (`cxpulse sink`), then run it again"
            )
        await pause(LOOK_SECONDS, stop)
        if stop.is_set():
            raise Stopped


async def _behind(
    client: AIOKafkaAdminClient, group: str, topic: str, ends: Mapping[int, int]
) -> dict[int, int]:
    """Where the sinks are, of the partitions in which they are not so far."""
    found = await commits(client, group)
    at = {partition: found.get(TopicPartition(topic, partition), 0) for partition in ends}
    return {partition: offset for partition, offset in at.items() if offset < ends[partition]}
