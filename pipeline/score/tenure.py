"""One partition for as long as this worker owns it: folding, telling, checkpointing."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from pipeline import metrics
from pipeline.core.partition import Emission, Record
from pipeline.core.reasons import Outcome
from pipeline.core.updates import Loss, Verdict
from pipeline.core.windows import MINUTE
from pipeline.logs import get
from pipeline.score.letters import Post
from pipeline.score.outbox import Outbox
from pipeline.score.pace import Pace
from pipeline.score.records import Records, between, replayed
from pipeline.score.restore import Restored
from pipeline.score.transport import Place
from pipeline.score.untold import Untold
from pipeline.wire.catalogue_moves import Past
from pipeline.wire.dead_letters import DeadLetter
from pipeline.wire.lives import Mark, mark_of
from pipeline.wire.reading import ResponseReader

log = get(__name__)


class Tenure:
    """A partition that was taken over. `stamp` is 0 until its position is set.

    Folding is synchronous; telling and checkpointing take a consistent cut first and then wait for
    Kafka, one at a time, while folding goes on. After `release` nothing is sent any more.
    """

    def __init__(
        self, restored: Restored, reader: ResponseReader, post: Post, outbox: Outbox, pace: Pace
    ) -> None:
        self.state = restored.state
        self.partition = restored.state.partition
        self.pace = pace
        self.stamp = 0
        self.log_end = restored.log_end
        self.open_records = 0
        self.alive = True
        self.unsure = False  # whether the log is still the one that was folded
        self.progress_at = time.monotonic()
        self.uncut_records = 0
        self._cut_at = restored.cut_at
        self._uncut_since: float | None = None
        self._cutting_since: float | None = None
        self._writer = restored.writer
        self._post = post
        self._outbox = outbox
        self._reader = restored.reader
        self._next_reader = reader
        self._told_to = restored.told_to
        self._ledger = restored.ledger
        self._loss: Loss | None = None
        self._turn = asyncio.Lock()
        self._untold = Untold(self.state.generation)
        self._restored = True
        if restored.loss is not None:
            self.lose(restored.loss)

    @property
    def position(self) -> int:
        """Where to read on."""
        return self.state.next_offset if self._loss is None else self._loss.to

    @property
    def lag(self) -> int:
        """Offsets that are not folded yet, as far as is known: not those of open transactions."""
        return max(0, self.log_end - self.position)

    @property
    def mark(self) -> Mark:
        """The last record folded: by it the log is known."""
        return mark_of(self.state)

    @property
    def paused_at(self) -> int:
        """Where too many dead letters paused the partition; 0 when it goes on."""
        return self.state.breaker.paused_at

    @property
    def overfull(self) -> bool:
        """What waits to be told would not fit into memory or one ledger entry much longer."""
        return self._untold.overfull

    @property
    def untold_since(self) -> int | None:
        """Append time (ms) of the oldest record folded and not told yet."""
        return self._untold.since

    @property
    def checkpoint_age(self) -> float:
        """Seconds since the oldest record that no checkpoint holds was folded; 0 without one."""
        since = self._cutting_since or self._uncut_since
        return 0.0 if since is None else time.monotonic() - since

    @property
    def switches(self) -> bool:
        """The next checkpoint changes the catalogue. Not before all that the one before us may have
        told was folded with the old one: nothing told is judged again. Nobody told beyond a pause.
        """
        waits = self.state.next_offset < self._told_to and not self.paused_at
        return self._next_reader is not self._reader and not waits

    def takes(self, stamp: int) -> bool:
        """Whether records read after this seek may be folded; ask again after each wait."""
        return self.alive and self.stamp == stamp

    def read_again(self) -> int:
        """Where to read on, after a pause: not without looking whether it is still that log."""
        self.unsure = True
        return self.position

    def adopt(self, reader: ResponseReader) -> None:
        """Judge by another catalogue as soon as a checkpoint can say from where on."""
        self._next_reader = reader

    def parts(self, records: Records) -> Iterator[Records]:
        """The records, if any, in one piece or two: those that may have been told already by the
        old catalogue, and those that need not wait for the next checkpoint to go by the new."""
        told = self._told_to
        waits = self._next_reader is not self._reader
        if waits and records and records[0].offset < told <= records[-1].offset:
            yield between(records, 0, told)
            records = between(records, told, records[-1].offset + 1)
        if records:
            yield records

    def lose(self, loss: Loss) -> None:
        """Records expired unread. The state says so with the first version above all that was told
        of them, for only that replaces it; until then what was told stands."""
        self._loss = loss
        self._give_up(loss.to)

    def fold(self, records: Records) -> None:
        """Decode and fold one chunk, as far as the breaker lets it. A bad record becomes a dead
        letter and raises nothing."""
        self._give_up(records[-1].offset + 1)
        if self._loss is not None:
            return  # all of it is given up
        before = self.state.next_offset
        started = time.perf_counter()
        verdicts = self.state.apply(self._decoded(records), replayed(records))
        metrics.FOLD_SECONDS.observe(time.perf_counter() - started)
        metrics.CHUNK_RECORDS.observe(len(records))
        fresh = between(records, before, self.state.next_offset)
        if not fresh:
            return
        self.uncut_records += len(fresh)
        if self._uncut_since is None:
            self._uncut_since = time.monotonic()
        self._untold.add(fresh, verdicts)
        _count(len(fresh), verdicts)

    def reached(self, place: Place) -> None:
        """All that was read is folded, save during a pause."""
        if not self.paused_at:
            self._give_up(place.read_to)
            self.state.skip(place.read_to if self._loss is None else 0)
        self.log_end = max(place.stable_end, self.position)
        self.open_records = max(0, place.log_end - self.log_end)
        self.progress_at = time.monotonic()

    def due(self) -> bool:
        """Whether there is something to tell, and it is time."""
        changed = self._restored or self._untold.since is not None
        return self.alive and self.pace.due(time.monotonic(), self._waiting, changed, this_minute())

    async def emit(self) -> None:
        """Tell what changed, and wait until Kafka has it. Raises KafkaError."""
        async with self._my_turn():
            if not self._gone():
                await self._tell(*self._take())

    async def checkpoint(self) -> None:
        """Tell everything, then make the state at that point durable; nothing new costs nothing.

        Raises:
            KafkaError: not acknowledged; nothing more may be sent for this partition.
            CatalogueError: the catalogue to change to moves a survey, or changes a scale.
        """
        async with self._my_turn():
            nothing_new = self._cut_at == self.state.next_offset and not self.switches
            if self._gone() or nothing_new:
                return
            started = time.perf_counter()
            emission, dead, since = self._take()
            if self.switches:
                self._switch()
            cut = self.state.cut(self._writer.wants_full)
            if cut.full and emission.entry is None:
                # A chain of its own, maybe by another catalogue, begins who owns the ledger.
                emission = replace(emission, entry=self.state.entry())
            self.uncut_records = 0
            self._cut_at = cut.next_offset
            self._cutting_since, self._uncut_since = self._uncut_since, None
            await self._tell(emission, dead, since)
            if self._gone():
                return
            size = await self._writer.write(cut)
            self._cutting_since = None
            metrics.CHECKPOINT_BYTES.labels("full" if cut.full else "increment").observe(size)
            metrics.CHECKPOINT_SECONDS.observe(time.perf_counter() - started)

    def release(self) -> None:
        """Send nothing more for this partition: from now on it is somebody else's."""
        self.alive = False

    def _give_up(self, end: int) -> None:
        """Lose what is lost, when the next rows will be of version `end`, if those win."""
        loss = self._loss
        if loss is None or end <= loss.told_to:
            return
        self._loss = None
        offset = self.state.next_offset
        where = {"partition": self.partition, "offset": offset, "records": loss.to - offset}
        log.error("records expired unread", **where, told_again=len(loss.hours))
        self.state.lose(loss)
        self._restored = True

    def _switch(self) -> None:
        """What is folded from here on is told only after the cut that names the catalogue."""
        Past.of(self.state.catalogue).followed_by(self._next_reader.validator.catalogue)
        self._reader = self._next_reader
        self.state.switch(self._reader.validator.catalogue)
        self._writer.adopt(self.state.catalogue)
        self._restored = True  # all groups are to be told anew: their measures may be others
        metrics.CATALOGUE_SWITCHES.inc()
        where = {"partition": self.partition, "offset": self.state.next_offset}
        log.info("catalogue changed", **where, catalogue=self.state.catalogue.digest)

    @property
    def _waiting(self) -> int:
        """The lag that will be folded soon: not that of a pause, whose windows still slide."""
        return 0 if self.paused_at else self.lag

    @asynccontextmanager
    async def _my_turn(self) -> AsyncIterator[None]:
        """One at a time. Who fails has taken what nobody will tell now: whoever waits for a turn
        must not make a checkpoint that says it was told."""
        async with self._turn:
            try:
                yield
            except BaseException:
                self.release()
                raise

    def _gone(self) -> bool:
        return not self.alive

    def _decoded(self, records: Records) -> Iterator[Record]:
        appended = [record.timestamp for record in records]
        read = self._reader.read([record.value for record in records], appended)
        return zip([record.offset for record in records], appended, read, strict=True)

    def _take(self) -> tuple[Emission, list[DeadLetter], int | None]:
        now = time.time_ns() // 1_000_000
        # A catalogue is switched only when windows are told too, however far behind.
        windows = self.pace.told(time.monotonic(), self._waiting, now // MINUTE) or self.switches
        emission = self.state.emit(now, windows)
        self._restored = False
        return emission, *self._untold.take()

    async def _tell(self, emission: Emission, dead: list[DeadLetter], since: int | None) -> None:
        started = time.perf_counter()
        if emission.entry is not None:
            # First of all: whoever comes next learns from it how far we may have told.
            await self._ledger.enter(emission.entry)
        await self._outbox.post(self._post.letters(emission, dead))
        if not (emission.updates or dead or emission.entry):
            return
        metrics.EMIT_SECONDS.observe(time.perf_counter() - started)
        metrics.EMITTED_UPDATES.inc(len(emission.updates))
        if since is not None:
            metrics.SCORE_FRESHNESS.observe(max(0.0, time.time() - since / 1000))


def this_minute() -> int:
    """The pane that contains now, counted since 1970."""
    return time.time_ns() // (MINUTE * 1_000_000)


def _count(fresh: int, verdicts: Sequence[Verdict]) -> None:
    outcomes = Counter(verdict.outcome for verdict in verdicts)
    metrics.RECORDS.labels(str(Outcome.ACCEPTED)).inc(fresh - len(verdicts))
    for outcome, number in outcomes.items():
        metrics.RECORDS.labels(str(outcome)).inc(number)
