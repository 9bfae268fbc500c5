"""Sends to Kafka where every acknowledgement is waited for, because no send result may be lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError as ClientError

from pipeline.errors import KafkaError


class Letter(NamedTuple):
    """One record to send; `value` None is a tombstone. Partitions are explicit: the hash of a key
    costs 10 µs in Python, so whoever makes a letter remembers it."""

    topic: str
    partition: int
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Outbox:
    """Sends letters through the worker's idempotent producer.

    Memory is bounded by the producer: a full batch of a partition holds the next send back.
    """

    def __init__(self, producer: Callable[[], AIOKafkaProducer]) -> None:
        self._producer = producer

    async def post(self, letters: Iterable[Letter]) -> Sequence[int]:
        """Send in order; returns when Kafka has all of them, with the offset of each.

        Raises:
            KafkaError: one was not acknowledged; whoever sent it must not go on.
        """
        producer = self._producer()
        acknowledgements = []
        try:
            for letter in letters:
                acknowledgement = await producer.send(  # type: ignore[no-untyped-call]  # aiokafka
                    letter.topic,
                    value=letter.value,
                    key=letter.key,
                    partition=letter.partition,
                    headers=list(letter.headers),
                )
                acknowledgements.append(acknowledgement)
        except ClientError as error:
            raise _failed(error) from error
        offsets = []
        for outcome in await asyncio.gather(*acknowledgements, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise _failed(outcome) from outcome
            offsets.append(outcome.offset)
        return offsets

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has. Raises KafkaError when it is missing."""
        try:
            found = await self._producer().partitions_for(topic)  # type: ignore[no-untyped-call]  # aiokafka
        except ClientError as error:
            raise KafkaError(
                f"topic {topic}: {type(error).__name__}; `cxpulse topics` creates it"
            ) from error
        return len(found)


def _failed(error: BaseException) -> KafkaError:
    return KafkaError(f"output was not acknowledged by Kafka: {type(error).__name__}: {error}")
