"""Adds partitions to the topics while everything runs, in the order that nobody stumbles over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.errors import KafkaError as ClientError

from pipeline.errors import KafkaError
from pipeline.operate.generations import copy_generations
from pipeline.operate.topics import READY_SECONDS
from pipeline.settings import KafkaSettings
from pipeline.wire.kafka import METADATA_MS, admin, partition_counts, started
from pipeline.wire.topics import Topics, topic_specs

POLL_SECONDS: Final = 0.05

HEARD_SECONDS: Final = 1.2 * METADATA_MS / 1000
"""After this every running worker knows the new partitions of what it writes to, and a little."""


async def grow(kafka: KafkaSettings, partitions: int, tell: Callable[[str], None]) -> None:
    """Give every topic at least so many partitions, the responses last; `tell` hears each step.

    A score worker that sees a partition of the responses must find the same one of ledger and
    checkpoints. Safe to repeat: what is wide enough is left alone. Raises KafkaError when a topic
    is missing or has more partitions, or the broker refuses.
    """
    names = [spec.name for spec in topic_specs(kafka)]
    counts = await partition_counts(kafka)
    responses = Topics(kafka.topic_prefix).responses
    missing = [name for name in names if name not in counts]
    if missing:
        raise KafkaError(f"topic {missing[0]} does not exist; run `cxpulse topics`")
    if counts[responses] > partitions:
        raise KafkaError(
            f"topic {responses} has {counts[responses]} partitions: Kafka cannot take any away"
        )
    followers = [name for name in names if name != responses and counts[name] < partitions]
    for name in followers:
        await _widen(kafka, name, partitions)
        tell(f"{name}: {counts[name]} → {partitions} partitions")
    await copy_generations(kafka)
    if counts[responses] < partitions:
        await asyncio.sleep(HEARD_SECONDS)
        await _widen(kafka, responses, partitions)
        tell(f"{responses}: {counts[responses]} → {partitions} partitions")


async def _widen(kafka: KafkaSettings, topic: str, partitions: int) -> None:
    """Returns when each new partition has a leader."""
    wanted = {topic: NewPartitions(partitions)}  # type: ignore[no-untyped-call]  # aiokafka
    async with started(admin(kafka), kafka) as client:
        try:
            await client.create_partitions(wanted)
            async with asyncio.timeout(READY_SECONDS):
                while True:
                    if await _led(client, topic, partitions):
                        return
                    await asyncio.sleep(POLL_SECONDS)
        except ClientError as error:
            name = type(error).__name__
            raise KafkaError(f"topic {topic}: cannot get partitions: {name}") from error
        except TimeoutError as error:
            raise KafkaError(
                f"topic {topic}: new partitions without leaders after {READY_SECONDS:.0f} s: are "
                "enough brokers alive? Then run it again"
            ) from error


async def _led(client: AIOKafkaAdminClient, topic: str, partitions: int) -> bool:
    (found,) = await client.describe_topics([topic])
    led = [p for p in found["partitions"] if p["error_code"] == 0 and p["leader"] >= 0]
    return len(led) >= partitions
