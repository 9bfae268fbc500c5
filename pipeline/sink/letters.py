"""Records that cannot be stored go to the dead-letter topic, with their original bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError as ClientError

from pipeline import logs, metrics
from pipeline.errors import TransientStoreError
from pipeline.sink.rows import Refused
from pipeline.wire.dead_letters import DeadLetter, dead_letter

_log = logs.get(__name__)


class Letters:
    """Sends dead letters of stage `sink`, and waits until the broker has them. `generation_of` a
    partition of the responses."""

    def __init__(
        self, producer: AIOKafkaProducer, topic: str, generation_of: Callable[[int], int]
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._generation_of = generation_of

    async def send(self, refused: Sequence[Refused]) -> None:
        """Send all. Sent again after a crash, a letter has the same key and is the same row.

        A record of the dead-letter topic itself is not sent again: its bytes are there already, and
        a letter about it could be refused in its turn, without an end.
        Raises TransientStoreError when the broker does not take them now.
        """
        for one in refused:
            record = one.record
            metrics.SINK_REFUSED.labels(record.topic, one.reason).inc()
            _log.warning(
                "record refused by the sink",
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                reason=one.reason,
            )
        letters = [self._letter(one) for one in refused if one.record.topic != self._topic]
        try:
            await asyncio.gather(*(self._send(letter) for letter in letters))
        except ClientError as error:
            name = type(error).__name__
            raise TransientStoreError(f"topic {self._topic}: {name}: cannot send") from error

    async def _send(self, letter: DeadLetter) -> None:
        await self._producer.send_and_wait(  # type: ignore[no-untyped-call]  # aiokafka
            self._topic, value=letter.value, key=letter.key, headers=letter.headers()
        )

    def _letter(self, refused: Refused) -> DeadLetter:
        record = refused.record
        return dead_letter(record, "sink", refused.reason, self._generation_of(record.partition))
