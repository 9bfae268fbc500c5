"""A score worker: takes partitions over, folds what arrives, tells and checkpoints it.

Whatever cannot go on ends the process: restart and replay are always safe, going on may not be.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterable, Mapping
from contextlib import suppress
from typing import Final

from aiokafka.errors import KafkaError as ClientError
from faust.types import TP

from pipeline import metrics
from pipeline.core.catalogue import Catalogue
from pipeline.errors import CxpulseError, KafkaError
from pipeline.logs import get
from pipeline.observe import Health
from pipeline.score.app import make_app
from pipeline.score.folding import Folding
from pipeline.score.health import Gauges, judge
from pipeline.score.letters import Post
from pipeline.score.outbox import Outbox
from pipeline.score.pace import Pace
from pipeline.score.pauses import follow_resumes, limits_of
from pipeline.score.readers import Readers
from pipeline.score.restore import CheckpointStore
from pipeline.score.tenure import Tenure
from pipeline.score.transport import Chunk, Consumer, Producer
from pipeline.settings import Settings
from pipeline.wire.catalogue_watch import follow_catalogue
from pipeline.wire.responses import ResponseDecoder
from pipeline.wire.topics import Topics

LET_GO_SECONDS: Final = 5.0
"""For the last cut before partitions move; without it the next owner replays a few seconds."""

STOP_SECONDS: Final = 10.0
"""Leaving the group takes well under a second; a broker that is away must not keep us."""

COMMIT_SECONDS: Final = 5.0
"""Group offsets are for lag monitors only, and each commit is a write on the broker."""

log = get(__name__)


class ScoreWorker:
    """One member of the scoring group. `run` returns after `stop`, or raises what went wrong.

    `stuck` says that Faust's threads did not end: leave the process without waiting for them.
    """

    def __init__(self, settings: Settings, catalogue: Catalogue, *, rebuild: bool = False) -> None:
        self.kafka = settings.kafka
        self.group_id = f"{settings.kafka.group_prefix}-score"
        self.source = Topics(settings.kafka.topic_prefix).responses
        self.failure: Exception | None = None
        self.stuck = False
        self._pace = settings.score
        self._catalog = settings.catalog
        self._readers = Readers(ResponseDecoder(settings.kafka.confluent_ids), catalogue)
        self._outbox = Outbox(lambda: self._producer.client)
        self._store = CheckpointStore(
            *(settings.kafka, self._outbox, self._readers),
            limits=limits_of(settings.score),
            rebuild=rebuild,
        )
        self._folding = Folding(
            *(self.source, self._store, self._pace.checkpoint_records),
            log_start=self._log_start,
            leaving=lambda: self._closing,
            aside=self._aside,
        )
        self._tenures: dict[int, Tenure] = {}
        self._gauges = Gauges()
        self._waiting_since: float | None = time.monotonic()
        self._ended = asyncio.Event()
        self._closing = False  # the last cut is being made: fold nothing more
        self._torn = False  # being taken down: what fails now is no failure
        self._app = make_app(self, self._fold, self._let_go)

    async def run(self) -> None:
        """Work until `stop` is called.

        Raises:
            CxpulseError: one line for the operator.
            Exception: whatever else ended the worker.
        """
        tasks = [
            self._aside(work)
            for work in (
                *(self._app.start(), self._watch_app(), self._tell(), self._keep()),
                *(self._follow_catalogue(), self._follow_resumes()),
            )
        ]
        try:
            await self._ended.wait()
            if self.failure is None:
                self._closing = True
                await self._guard(self._let_go())
        finally:
            self._closing = self._torn = True
            for task in tasks:
                task.cancel()
            await self._leave()
        if isinstance(self.failure, ClientError):
            raise KafkaError(f"Kafka: {self.failure}") from self.failure
        if self.failure is not None:
            raise self.failure

    def stop(self) -> None:
        """End `run`: last cut, leave the group."""
        self._ended.set()

    def health(self) -> Health:
        """Progress, not mere life. Safe to call from another thread."""
        tenures = list(self._tenures.values())
        return judge(tenures, self._silence, self._waiting_since, self.failure)

    async def take_over(self, partitions: frozenset[int]) -> Mapping[int, int]:
        """See Host. A failure ends the process; nothing flows until then."""
        self._drop()
        started = time.perf_counter()
        try:
            tenures = await self._restore(partitions)
        except CxpulseError as error:
            self._fail(error)
            return await _never()
        metrics.REBALANCES.inc()
        metrics.RESTORE_SECONDS.observe(time.perf_counter() - started)
        self._tenures = tenures
        for tenure in tenures.values():
            tenure.adopt(self._readers.current)  # it may have come during the restore
        self._waiting_since = None
        return {partition: tenure.position for partition, tenure in tenures.items()}

    def begin(self, partitions: Iterable[int], stamp: int) -> None:
        """See Host."""
        for partition in partitions:
            self._tenures[partition].stamp = stamp
        self._folding.changed.set()
        paused = sorted(p for p in partitions if self._tenures[p].paused_at)
        log.info("ready", partitions=sorted(partitions), **({"paused": paused} if paused else {}))

    async def _restore(self, partitions: frozenset[int]) -> dict[int, Tenure]:
        post = await Post.find(Topics(self.kafka.topic_prefix), self._outbox)
        tenures = {}
        # Each partition has its share of the lag that counts as far behind for the worker.
        share = self._pace.behind_records // max(1, len(partitions))
        for partition, restored in (await self._store.restore(partitions)).items():
            pace = Pace(share)
            tenure = Tenure(restored, self._readers.current, post, self._outbox, pace)
            if tenure.state.next_offset > restored.cut_at or tenure.switches:
                await tenure.checkpoint()
            tenures[partition] = tenure
        return tenures

    async def _fold(self, chunk: Chunk) -> None:
        tenure = self._tenures.get(chunk.partition)
        try:
            if tenure is not None:
                await self._folding.fold(tenure, chunk)
        except Exception as error:
            # Outside a record: end the process. Faust would restart the agent on the next chunk.
            self._fail(error)
            await _never()

    async def _follow_catalogue(self) -> None:
        now = self._readers.current.validator.catalogue
        await follow_catalogue(self._catalog, now, self._adopt, self._ended)

    def _adopt(self, catalogue: Catalogue) -> None:
        """Each partition goes on with it at its next checkpoint, those restored from now on too."""
        reader = self._readers.adopt(catalogue)
        for tenure in self._tenures.values():
            tenure.adopt(reader)

    async def _follow_resumes(self) -> None:
        await follow_resumes(self.kafka, lambda: self._tenures, self._go_on)

    async def _go_on(self) -> None:
        """A pause was lifted: what was dropped meanwhile is read again."""
        await self._consumer.read_from({p: t.read_again() for p, t in self._tenures.items()})

    async def _let_go(self) -> None:
        """Last cut of everything owned: whoever comes next goes on exactly there."""
        tenures = list(self._tenures.values())
        try:
            async with asyncio.timeout(LET_GO_SECONDS):
                await asyncio.gather(*(tenure.checkpoint() for tenure in tenures))
        except TimeoutError:
            log.warning("no last checkpoint in time: the next owner replays a little")
        except KafkaError as error:
            self._fail(error)
        if self._closing:
            await self._commit(tenures)
        self._drop()

    def _drop(self) -> None:
        for tenure in self._tenures.values():
            tenure.release()
        self._tenures = {}
        self._folding.drop()
        self._waiting_since = time.monotonic()

    async def _tell(self) -> None:
        """Emit at the pace of each partition, and at each pane boundary though nothing arrives."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_until_next_minute()):
                    await self._folding.changed.wait()
            round_began = time.monotonic()
            self._folding.changed.clear()
            due = [tenure for tenure in self._tenures.values() if tenure.due()]
            await asyncio.gather(*(tenure.emit() for tenure in due))
            if any(tenure.untold_since for tenure in self._tenures.values()):
                self._folding.changed.set()
            await asyncio.sleep(round_began + self._pace.emit_seconds - time.monotonic())

    async def _keep(self) -> None:
        """Checkpoints by time, gauges, and the offsets shown to lag monitors."""
        committed = time.monotonic()
        while True:
            await asyncio.sleep(self._pace.checkpoint_seconds)
            for tenure in list(self._tenures.values()):
                await tenure.checkpoint()
            self._gauges.show(self._tenures.values())
            if time.monotonic() - committed >= COMMIT_SECONDS:
                committed = time.monotonic()
                await self._commit(self._tenures.values())

    async def _commit(self, tenures: Iterable[Tenure]) -> None:
        offsets = {TP(self.source, t.partition): t.position for t in tenures}
        if offsets and not self._app.rebalancing:
            await self._consumer.commit_for_display(offsets)

    async def _watch_app(self) -> None:
        await self._app.wait()
        raise self._app.crash_reason or RuntimeError("Faust stopped by itself")

    async def _leave(self) -> None:
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._app.stop()
        except TimeoutError:
            self.stuck = True
            log.warning("the group was not left in time: its partitions move after a session")

    def _aside(self, work: Awaitable[object]) -> asyncio.Task[None]:
        return asyncio.create_task(self._guard(work))

    async def _guard(self, work: Awaitable[object]) -> None:
        try:
            await work
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if self.failure is None and not self._torn:
            self.failure = error
        for tenure in self._tenures.values():
            tenure.release()
        self._ended.set()

    async def _log_start(self, partition: int) -> int:
        return await self._consumer.log_start(TP(self.source, partition))

    def _silence(self, partition: int) -> float:
        return self._consumer.silence(TP(self.source, partition))

    @property
    def _consumer(self) -> Consumer:
        consumer = self._app.consumer
        assert isinstance(consumer, Consumer)
        return consumer

    @property
    def _producer(self) -> Producer:
        producer = self._app.producer
        assert isinstance(producer, Producer)
        return producer


def _until_next_minute() -> float:
    """Seconds to the next pane boundary, and a little: windows must be those of the new pane."""
    return 60.0 - time.time() % 60.0 + 0.01


async def _never() -> Mapping[int, int]:
    """Wait until cancelled."""
    await asyncio.Event().wait()
    raise AssertionError
