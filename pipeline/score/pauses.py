"""Partitions that the circuit breaker pauses, and how a running worker hears they may go on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from pipeline.core.breaker import Limits
from pipeline.errors import KafkaError
from pipeline.logs import get
from pipeline.score.log_reader import LogReader, open_logs
from pipeline.score.tenure import Tenure
from pipeline.settings import KafkaSettings, ScoreSettings
from pipeline.wire.resumes import RESUME_KEY, resumed_to
from pipeline.wire.topics import Topics

LOOK_SECONDS: Final = 1.0
"""Between looks: an operator waits for it, and it costs one request while something is paused."""

Tenures = Mapping[int, Tenure]

log = get(__name__)


def limits_of(score: ScoreSettings) -> Limits:
    """When the breaker trips."""
    return Limits(score.breaker_records, score.breaker_share, int(1000 * score.breaker_seconds))


async def make_pause(tenure: Tenure) -> None:
    """The breaker has tripped: make it durable, and say so. Raises KafkaError."""
    await tenure.checkpoint()
    log.error(
        "paused: too many dead letters; mend the cause, then `cxpulse resume`",
        partition=tenure.partition,
        offset=tenure.paused_at,
    )


async def follow_resumes(
    kafka: KafkaSettings, tenures: Callable[[], Tenures], go_on: Callable[[], Awaitable[None]]
) -> None:
    """While partitions are paused, look for records that lift that; then `go_on` is called.

    A broker that is away is waited for, as everywhere. Never returns.
    """
    topic = Topics(kafka.topic_prefix).checkpoints
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        paused = _paused(tenures())
        if not paused:
            continue
        try:
            async with open_logs(kafka, topic, paused, RESUME_KEY.__eq__) as reader:
                while paused == _paused(tenures()):
                    await reader.catch_up()
                    if _lift(reader, tenures()):
                        await go_on()
                    await asyncio.sleep(LOOK_SECONDS)
        except KafkaError as error:
            log.warning("cannot look whether to resume", partitions=paused, error=str(error))


def _paused(tenures: Tenures) -> list[int]:
    return sorted(partition for partition, tenure in tenures.items() if tenure.paused_at)


def _lift(reader: LogReader, tenures: Tenures) -> bool:
    """Lift what may go on; whether anything did."""
    lifted = False
    for partition, found in reader.logs.items():
        tenure = tenures.get(partition)
        if tenure is None or not tenure.paused_at:
            continue
        tenure.state.breaker.lift(resumed_to(found.records, tenure.state.generation))
        if not tenure.paused_at:
            log.info("resumed", partition=partition, offset=tenure.state.next_offset)
            lifted = True
    return lifted
