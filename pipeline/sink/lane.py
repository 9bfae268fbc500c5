"""One topic on its way into the store: read, insert, then commit."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from pipeline import metrics
from pipeline.sink.expired import Expired
from pipeline.sink.guard import Guard
from pipeline.sink.intake import NOTHING, Batch, Intake
from pipeline.sink.patience import Patience, Stopped
from pipeline.sink.progress import Progress
from pipeline.sink.repairs import Repairs
from pipeline.sink.writer import Writer

STALE_SECONDS: Final = 30.0
"""Without a batch stored or an end found for this long, a lane is not healthy: an insert takes
milliseconds, and a restarted store is back within seconds."""
_MS: Final = 1000.0


@dataclass(frozen=True, slots=True)
class Pace:
    """A batch ends at `records`, or `seconds` after the one before. What nobody watches live waits
    for `rest` seconds, and the commit with it."""

    records: int
    seconds: float
    rest: float = 0.0


class Lane:
    """Moves one topic; lanes do not wait for each other.

    `live` writes what somebody watches of each batch at once, before `writer` writes the rest.
    """

    def __init__(
        self,
        topic: str,
        intake: Intake,
        writer: Writer,
        progress: Progress | None,
        repairs: Repairs | None,
        pace: Pace,
        stop: asyncio.Event,
        live: Writer | None = None,
        guard: Guard | None = None,
        expired: Expired | None = None,
    ) -> None:
        self.topic = topic
        self._intake = intake
        self._writer = writer
        self._live = live
        self._guard = guard
        self._expired = expired
        self._waiting = NOTHING
        self._settled = time.monotonic()
        self._progress = progress
        self._repairs = repairs
        self._pace = pace
        self._stop = stop
        self._patience = Patience(topic, intake.pause, stop)
        self._last = time.monotonic()
        self._silence = 0.0

    async def run(self) -> None:
        """Until told to stop; then what was read is stored and committed, if the store is there.

        Raises StoreError when waiting cannot help, KafkaError when the topic cannot be read.
        """
        try:
            while not self._stop.is_set():
                await self._turn(await self._next())
            await self._turn(await self._intake.take())
        except Stopped:
            return

    @property
    def problem(self) -> str:
        """Why this lane makes no progress; empty when it does."""
        idle = time.monotonic() - self._last
        if self._silence > STALE_SECONDS:
            return f"{self.topic}: no answer from Kafka for {self._silence:.0f} s"
        if idle < STALE_SECONDS:
            return ""
        return f"{self.topic}: nothing for {idle:.0f} s: {self._patience.trouble or 'stuck'}"

    async def _next(self) -> Batch:
        if self._repairs is not None and self._repairs.full:
            await self._intake.pause(self._pace.seconds, self._stop)
            return await self._intake.take()
        return await self._intake.collect(self._pace.records, self._pace.seconds, self._stop)

    async def _turn(self, batch: Batch) -> None:
        """Store what is watched live at once, and the rest when it is time."""
        if self._live is not None and batch.records:
            live = self._live
            await self._patience.until_done(lambda: live.write(batch.records))
        waiting = self._waiting = self._waiting.then(batch)
        full = len(waiting.records) >= self._pace.records
        rested = time.monotonic() - self._settled >= self._pace.rest
        if full or rested or self._stop.is_set():
            await self._settle(waiting)
            self._waiting = NOTHING
        self._report(batch)

    async def _settle(self, batch: Batch) -> None:
        """Store all of one batch, tell how far it goes, commit."""
        guard, expired = self._guard, self._expired
        if guard is not None and batch.positions:
            await self._patience.until_done(lambda: guard.check(batch))
        if expired is not None and batch.positions:
            await self._patience.until_done(lambda: expired.notice(batch))
        if batch.records:
            notes = await self._patience.until_done(lambda: self._writer.write(batch.records))
            if self._repairs is not None and batch.epoch == self._intake.epoch:
                self._repairs.hold(notes)
        floors = {} if self._repairs is None else self._repairs.floors()
        progress = self._progress
        if progress is not None:
            done = {p: min(at, floors.get(p, at)) for p, at in batch.positions.items()}
            settled = not batch.records or self._stop.is_set()
            await self._patience.until_done(lambda: progress.tell(done, settled=settled))
        await self._intake.commit(batch, floors)
        metrics.SINK_RECORDS.labels(self.topic).inc(len(batch.records))
        self._settled = time.monotonic()

    def _report(self, batch: Batch) -> None:
        self._last = time.monotonic()
        self._silence = self._intake.silence()
        metrics.SINK_LAST_PROGRESS.labels(self.topic).set_to_current_time()
        metrics.SINK_LAG_RECORDS.labels(self.topic).set(self._intake.lag())
        if batch.records:
            metrics.SINK_BATCH_RECORDS.labels(self.topic).observe(len(batch.records))
            oldest = min(record.timestamp for record in batch.records)
            metrics.SINK_FRESHNESS.labels(self.topic).observe(time.time() - oldest / _MS)
