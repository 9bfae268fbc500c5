"""Chosen letters back to where their originals came from: the same bytes, the same partition.

Deduplication is exact inside a partition, so a letter that is sent twice (a crash in the middle, a
second replay) is counted once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError as ClientError
from aiokafka.errors import MessageSizeTooLargeError, RecordTooLargeError

from pipeline.errors import KafkaError
from pipeline.operate.originals import Originals, opened
from pipeline.operate.replay.choice import Choice
from pipeline.operate.topic_scan import Told, batches
from pipeline.settings import Settings
from pipeline.wire.dead_letters import (
    ATTEMPT,
    REPAIR_HEADER,
    REPLAY_OF,
    DeadLetter,
    read_dead_letter,
)
from pipeline.wire.kafka import producer, started
from pipeline.wire.topics import MIB, Topics

LARGEST: Final = 64 * MIB
"""Uncompressed bytes of an original that was cut in its letter; the broker limits the packed."""
EXPIRED: Final = "the letter holds only the beginning, and the original has expired"
TOGETHER: Final = 500
"""Letters sent before their acknowledgements are waited for."""


@dataclass(slots=True)
class Done:
    """What a replay did: letters by reason, and those it could not replay by why."""

    sent: Counter[str] = field(default_factory=Counter)
    cannot: Counter[str] = field(default_factory=Counter)
    stopped: bool = False


_KEY: Final = b""
"""The client wants one with a tombstone; nothing depends on the key of a response."""


async def chosen_letters(
    settings: Settings, choice: Choice, tell: Told, stop: asyncio.Event
) -> AsyncIterator[list[tuple[DeadLetter, str]]]:
    """The letters of `choice` with their reasons, read again, until all are found or `stop`."""
    left = len(choice.places)
    topic = Topics(settings.kafka.topic_prefix).dead_letters
    async for records in batches(settings, topic, lambda done, total: None):
        found = [
            (read_dead_letter(record.value, record.headers), reason)
            for record in records
            if (reason := choice.places.get((record.partition, record.offset)))
        ]
        for at in range(0, len(found), TOGETHER):
            if stop.is_set():
                return
            yield found[at : at + TOGETHER]
        left -= len(found)
        tell(len(choice.places) - left, len(choice.places))
        if not left:
            return


async def resend(settings: Settings, choice: Choice, tell: Told, stop: asyncio.Event) -> Done:
    """Send the letters of `choice`, every acknowledgement waited for. Raises KafkaError."""
    done = Done()
    sender = producer(settings.kafka, max_request_size=LARGEST)
    async with started(sender, settings.kafka), opened(settings) as originals:
        again = _Resend(sender, originals)
        async for letters in chosen_letters(settings, choice, tell, stop):
            outcomes = [await again.begin(letter) for letter, _ in letters]
            for (_, reason), outcome in zip(letters, outcomes, strict=True):
                why = outcome if isinstance(outcome, str) else await _settled(outcome)
                if why:
                    done.cannot[why] += 1
                else:
                    done.sent[reason] += 1
    done.stopped = stop.is_set()
    return done


class _Resend:
    def __init__(self, sender: AIOKafkaProducer, originals: Originals) -> None:
        self._sender = sender
        self._originals = originals
        self._partitions: dict[str, int] = {}

    async def begin(self, letter: DeadLetter) -> Awaitable[object] | str:
        """The acknowledgement to wait for, or why there is none."""
        value = letter.value
        if letter.cut:
            original = await self._originals.fetch(
                letter.topic, letter.partition, letter.offset, letter.appended_at
            )
            if original is None:
                return EXPIRED
            value = original.value
        if letter.partition >= await self._count(letter.topic):
            return "its partition is no more"
        headers = [(ATTEMPT, b"%d" % (letter.attempt + 1)), (REPLAY_OF, letter.first.encode())]
        if letter.repair:
            headers.append(REPAIR_HEADER)
        try:
            acknowledgement: Awaitable[object] = await self._sender.send(  # type: ignore[no-untyped-call]  # aiokafka
                letter.topic, value=value, key=_KEY, partition=letter.partition, headers=headers
            )
        except ClientError as error:
            return _failed(error)
        return acknowledgement

    async def _count(self, topic: str) -> int:
        if topic not in self._partitions:
            try:
                found = await self._sender.partitions_for(topic)  # type: ignore[no-untyped-call]  # aiokafka
            except ClientError as error:
                raise KafkaError(f"topic {topic}: {type(error).__name__}") from error
            self._partitions[topic] = len(found)
        return self._partitions[topic]


async def _settled(acknowledgement: Awaitable[object]) -> str:
    try:
        await acknowledgement
    except ClientError as error:
        return _failed(error)
    return ""


def _failed(error: ClientError) -> str:
    """A record too large for the topic is left out; any other failure ends the replay."""
    if isinstance(error, MessageSizeTooLargeError | RecordTooLargeError):
        return "the original is larger than the topic takes"
    raise KafkaError(
        f"a letter was not acknowledged: {type(error).__name__}; run it again, "
        "what was sent twice is counted once"
    ) from error
