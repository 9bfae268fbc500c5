"""Kafka clients with the limits of our topics; `security` says how they connect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError as ClientError
from aiokafka.partitioner import murmur2

from pipeline.errors import KafkaError
from pipeline.settings import KafkaSettings
from pipeline.wire.refusals import why
from pipeline.wire.security import client_options
from pipeline.wire.topics import ENVELOPE_BYTES, LARGEST_BYTES, MIB

MAX_REQUEST_BYTES = LARGEST_BYTES + ENVELOPE_BYTES
"""A producer refuses a larger record itself; the topics accept each up to their own limit."""

BATCH_BYTES = 256 * 1024
"""aiokafka's limit is for the uncompressed batch (16 KiB by default): 256 KiB is some 2,000
responses, and worth one call of lz4."""

LINGER_MS = 5
"""Fills batches at high rates, and is not noticed at low ones."""

FETCH_BYTES = 16 * MIB
"""Of one answer, all partitions together."""

PARTITION_FETCH_BYTES = 8 * MIB
"""Of one partition: above the largest record, and as few round trips as memory allows."""

METADATA_MS = 5_000
"""How long new partitions, or a topic that is back, may go unnoticed: one small request a client
each time. aiokafka's own five minutes would leave them unread as long."""

FETCH_WAIT_MS = 100
"""How long an idle broker holds a fetch; a record ends the wait at once."""

START_SECONDS = 1.0
"""For a start that is cancelled: a broker that is there has answered long before."""


class Client(Protocol):
    """What producer, consumer and admin client have in common."""

    def start(self) -> Coroutine[Any, Any, None]: ...


C = TypeVar("C", bound=Client)


def producer(kafka: KafkaSettings, **overrides: Any) -> AIOKafkaProducer:
    """An idempotent producer, all replicas acknowledging, lz4; not started yet.

    `overrides` are aiokafka's own arguments and win.
    """
    options: dict[str, Any] = {
        **client_options(kafka),
        "acks": "all",
        "enable_idempotence": True,
        "compression_type": "lz4",
        "max_request_size": MAX_REQUEST_BYTES,
        "max_batch_size": BATCH_BYTES,
        "linger_ms": LINGER_MS,
        "metadata_max_age_ms": METADATA_MS,
    }
    return AIOKafkaProducer(**(options | overrides))  # type: ignore[no-untyped-call]  # aiokafka


def consumer(kafka: KafkaSettings, *topics: str, **overrides: Any) -> AIOKafkaConsumer:
    """A consumer from the earliest record on that commits nothing by itself; not started yet.

    It reads no record of an aborted transaction; to it, a log ends where the first open one begins.

    `overrides` are aiokafka's own arguments and win.
    """
    session_ms = int(kafka.session_timeout_seconds * 1000)
    options: dict[str, Any] = {
        **client_options(kafka),
        "auto_offset_reset": "earliest",
        "enable_auto_commit": False,
        "isolation_level": "read_committed",  # what a producer took back never happened
        "fetch_max_bytes": FETCH_BYTES,
        "max_partition_fetch_bytes": PARTITION_FETCH_BYTES,
        "fetch_max_wait_ms": FETCH_WAIT_MS,
        "metadata_max_age_ms": METADATA_MS,
        "session_timeout_ms": session_ms,
        "heartbeat_interval_ms": session_ms // 4,  # three may be lost before the session is
    }
    return AIOKafkaConsumer(*topics, **(options | overrides))  # type: ignore[no-untyped-call]  # aiokafka


def admin(kafka: KafkaSettings) -> AIOKafkaAdminClient:
    """An admin client; not started yet."""
    return AIOKafkaAdminClient(**client_options(kafka))


async def partition_counts(kafka: KafkaSettings) -> dict[str, int]:
    """How many partitions each topic has. Raises KafkaError when the broker is away."""
    async with started(admin(kafka), kafka) as client:
        try:
            listed = await client.describe_topics()
        except ClientError as error:
            raise KafkaError(f"cannot list topics: {type(error).__name__}") from error
    return {topic["topic"]: len(topic["partitions"]) for topic in listed}


async def partitions_of(kafka: KafkaSettings, topic: str) -> list[TopicPartition]:
    """All partitions of a topic. Raises KafkaError without it, or when the broker is away."""
    number = (await partition_counts(kafka)).get(topic, 0)
    if not number:
        raise KafkaError(f"topic {topic} does not exist; run `cxpulse topics`")
    return [TopicPartition(topic, partition) for partition in range(number)]


@asynccontextmanager
async def started(client: C, kafka: KafkaSettings) -> AsyncIterator[C]:
    """Starts an aiokafka client, and stops it in any case (an admin client is closed).

    Raises:
        KafkaError: no broker answers, or one side refuses the other; the message says why.
    """
    try:
        await _start(client)
    except GeneratorExit:
        raise  # collected meanwhile: it can wait for nothing
    except (ClientError, OSError, ValueError) as error:
        await _stop(client)
        reason = await why(kafka) or type(error).__name__
        raise KafkaError(f"no Kafka at {kafka.bootstrap} (kafka.bootstrap): {reason}") from error
    except BaseException:
        await _stop(client)
        raise
    try:
        yield client
    finally:
        await _stop(client)


@contextmanager
def read_errors(place: str) -> Iterator[None]:
    """Raises KafkaError for what a client fails at inside, or is not done with in time; it may
    await. `place` is a topic, or one and where in it."""
    try:
        yield
    except (ClientError, TimeoutError) as error:
        raise KafkaError(f"topic {place}: cannot be read: {type(error).__name__}") from error


async def _start(client: Client) -> None:
    """Start a client; who is cancelled meanwhile waits a moment for it. Until the first answer of a
    broker aiokafka itself has no hold of the connection, and could not close it."""
    starting = asyncio.ensure_future(client.start())
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait([starting], timeout=START_SECONDS)
        starting.cancel()
        await asyncio.wait([starting])
        if not starting.cancelled():
            starting.exception()  # of no interest any more, and asyncio need not tell
        raise


async def _stop(client: Any) -> None:
    """Stops a client. A consumer whose failed fetch waits to be tried again cancels it, lets that
    surface, and leaves its connections open: only a cancellation meant for this task goes on."""
    stop = getattr(client, "stop", None) or client.close  # an admin client is closed
    try:
        await stop()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        await client._client.close()


Partitioner = Callable[[bytes, int], int]
"""The partition of a key, of so many."""


@lru_cache(maxsize=65_536)
def partition_for(key: bytes, partitions: int) -> int:
    """Where Kafka's own clients put this key. Remembered: in Python the hash takes 8 µs a key."""
    hashed: int = murmur2(key)  # type: ignore[no-untyped-call]  # aiokafka
    return (hashed & 0x7FFFFFFF) % partitions
