"""The client for systems that collect responses.

    async with Emitter(settings) as emitter:
        await emitter.send(SurveyResponse(event_id=..., occurred_at=..., ...))
        report = await emitter.flush()

A response that does not hold raises ResponseRefusedError at once and is not sent. Sending is
idempotent and acknowledged by all replicas; `flush` waits for it. After a failure send everything
since the last good flush again: the same event_id counts once.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, cast

from pipeline.core.catalogue import Catalogue
from pipeline.core.response import Response, Validator
from pipeline.emit.outbox import Outbox
from pipeline.emit.record import SurveyResponse, read_record
from pipeline.emit.refusal import ResponseRefusedError, refusal_for
from pipeline.errors import KafkaError
from pipeline.settings import Settings
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.kafka import Partitioner, partition_for, producer, started
from pipeline.wire.responses import encode_response
from pipeline.wire.topics import Topics, response_key

FLUSH_SECONDS: Final = 60
"""Without any acknowledgement for so long, waiting on is no use: broker failovers take seconds."""
CLOSE_SECONDS: Final = 5
"""To take leave of the broker; everything is acknowledged or given up by then."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of everything since the emitter was opened.

    `failed` responses were not acknowledged (they may have arrived); send them again.
    """

    sent: int = 0
    failed: int = 0
    failure: str = ""
    refused: Mapping[str, int] = field(default_factory=dict)

    @property
    def refusals(self) -> int:
        """How many were refused, all reasons together."""
        return sum(self.refused.values())


class Emitter:
    """Validates, encodes, keys and sends responses; an asynchronous context manager.

    `send` waits while too much is unacknowledged. `clock` gives ms since 1970 UTC. Send each event
    with the same `partitioner`, its repeats and its retraction too. Opening raises KafkaError when
    there is no broker or topic, CatalogueError when the catalogue does not hold.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue | None = None,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        partitioner: Partitioner = partition_for,
    ) -> None:
        self._settings = settings
        self._partitioner = partitioner
        self._catalogue = catalogue or load_catalogue(settings.catalog)
        self._validator = Validator(self._catalogue)
        self._clock = clock
        self._refused: Counter[str] = Counter()
        self._stack = AsyncExitStack()
        self._box: Outbox | None = None

    async def __aenter__(self) -> Emitter:
        async with AsyncExitStack() as stack:
            kafka = self._settings.kafka
            client = await stack.enter_async_context(started(producer(kafka), kafka))
            box = Outbox(client, Topics(kafka.topic_prefix).responses, self._partitioner)
            await box.start()
            stack.push_async_callback(box.close)
            self._box = box
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if not isinstance(error, KafkaError | asyncio.CancelledError):
                await self.flush()
        finally:
            # aiokafka waits for ever for a broker that is gone; what is lost was just reported.
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._stack.aclose()
            self._box = None

    @property
    def catalogue(self) -> Catalogue:
        """What responses are checked against."""
        return self._catalogue

    async def send(self, response: SurveyResponse | Mapping[str, object]) -> None:
        """Check one response and queue it. Raises ResponseRefusedError, naming the field."""
        try:
            record = read_record(response)
        except ResponseRefusedError as error:
            self.count_refusal(error.refusal.reason)
            raise
        await self.send_record(record)

    async def retract(self, response: SurveyResponse | Mapping[str, object]) -> None:
        """Take a response back: give it as it was sent. Raises ResponseRefusedError."""
        record = read_record(response)
        await self.send_record({**record, "retracted": True})

    async def send_record(self, record: Mapping[str, object]) -> None:
        """As `send`, for a complete record whose types are right (every field of the schema)."""
        await self._outbox.put(self.key_of(record), encode_response(record))

    def key_of(self, record: Mapping[str, object]) -> bytes:
        """Check a complete record and give its key. Raises ResponseRefusedError."""
        checked = self._validator.check(record, self._clock())
        if not isinstance(checked, Response):
            survey = self._catalogue.surveys.get(cast(str, record["survey"]))
            answers = cast("dict[str, int]", record["answers"])
            refusal = refusal_for(checked, survey, answers)
            self.count_refusal(refusal.reason)
            raise ResponseRefusedError(refusal)
        return response_key(checked.group)

    async def send_bytes(self, key: bytes, value: bytes | None) -> None:
        """Queue bytes as they are, unchecked: for generators, whose bad input is meant."""
        await self._outbox.put(key, value)

    def count_refusal(self, reason: str) -> None:
        """Count a response that was refused before it reached `send`."""
        self._refused[reason] += 1

    async def flush(self) -> Report:
        """Wait until everything queued is acknowledged or has failed; totals since opening.

        Raises KafkaError when Kafka does not answer for a minute.
        """
        box = self._outbox
        while True:
            before = box.settled
            try:
                async with asyncio.timeout(FLUSH_SECONDS):
                    await box.flush()
                return self.report()
            except TimeoutError:
                if box.settled == before:
                    raise KafkaError(
                        f"no answer from Kafka at {self._settings.kafka.bootstrap}: "
                        f"{box.unsettled} responses are not acknowledged; send them again, "
                        "each will count once"
                    ) from None

    def report(self) -> Report:
        """The totals so far, without waiting."""
        box = self._outbox
        return Report(box.delivered, box.failed, box.failure, dict(self._refused))

    @property
    def _outbox(self) -> Outbox:
        if self._box is None:
            raise KafkaError("this Emitter is not open; use `async with Emitter(settings)`")
        return self._box
