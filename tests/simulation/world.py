"""Everything together: broker, store, processes that are started again when they end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pipeline.core.catalogue import Catalogue
from pipeline.core.reasons import Reason
from pipeline.errors import CheckpointError, KafkaError, TransientStoreError
from pipeline.operate.pauses import resume
from pipeline.score.worker import ScoreWorker
from pipeline.settings import KafkaSettings, ScoreSettings, Settings, SinkSettings
from pipeline.sink.service import Sink
from pipeline.wire.generations import FIRST as FIRST_LIFE
from pipeline.wire.manifests import Manifest, decode_manifest
from tests.simulation.broker import METADATA, Broker, Trace
from tests.simulation.catalogues import FIRST
from tests.simulation.groups import Group
from tests.simulation.kept import TOPICS, newest_chain
from tests.simulation.loop import Process, VirtualLoop
from tests.simulation.store import Store
from tests.simulation.traffic import ANSWERS, KINDS, MORE_ANSWERS, Fields, Traffic
from tests.support.world import DAY, START

OTHER_LANES: Final = {
    "scores": TOPICS.scores,
    "ledger": TOPICS.ledger,
    "dead-letters": TOPICS.dead_letters,
}
NEVER_RECORDS: Final = 1000
"""More than any schedule has: this breaker counts, and never trips."""
RESTLESS: Final = 0.25
"""How many schedules change the catalogue: all processes look for that, which costs steps."""
CALM_SECONDS: Final = 300.0
"""After the last fault everything must be done well within this: the longest waits are 30 s."""


@dataclass
class Running:
    """A process of the pipeline, started again whenever it ends."""

    name: str
    main: Callable[[], Coroutine[Any, Any, None]]
    process: Process
    stop: Callable[[], None] = lambda: None
    held_until: float = 0.0
    """Nobody starts it before."""


@dataclass
class Sent:
    """The truth of one life of a partition: (offset, append time, what the record means), the
    offsets `[from, to)` that expired before a checkpoint held them, with how far they had been
    told, those that expired before a sink said that it had stored them, and where it ended."""

    number: int
    generation: int = FIRST_LIFE
    log: list[tuple[int, int, Fields | Reason]] = field(default_factory=list)
    lost: list[tuple[int, int, int]] = field(default_factory=list)
    unread: list[tuple[int, int]] = field(default_factory=list)
    end: int = 0


class World:
    """One schedule: everything in it is a function of the seed."""

    def __init__(self, seed: int, tell: Callable[[str], None] | None = None) -> None:
        self.seed = seed
        self.rng = rng = random.Random(seed)
        self.loop = VirtualLoop(rng)  # type: ignore[abstract]  # what it lacks is not used
        self.trace = Trace(tell)
        self.slept = 0
        self.slept_at = 0.0
        self._began = START + 10 * 3_600_000 - int(rng.random() * 60_000)
        self.broker = Broker(self.loop, rng, self.clock, self.trace)
        self.store = Store(self.loop, rng, self.trace)
        self.catalogue = FIRST
        self.restless = rng.random() < RESTLESS  # other catalogues follow the first
        self.partitions = rng.choice((1, 2, 2, 3))
        for topic in TOPICS.all:
            self.broker.create(topic, self.partitions)
        self.groups = {TOPICS.responses: Group(self.broker, TOPICS.responses)}
        for name, topic in OTHER_LANES.items():
            self.groups[f"cxpulse-sink-{name}"] = Group(self.broker, topic)
        self.settings = _settings(rng)
        self.traffic = Traffic(rng, self.partitions, MORE_ANSWERS if self.restless else ANSWERS)
        self.sent = [Sent(number) for number in range(self.partitions)]
        self.past: list[Sent] = []  # of logs that are gone
        self.newest = FIRST_LIFE
        self.quiet = False  # nothing is sent
        self.renewing = 0  # the log may be another one, and not all know it
        self.running: list[Running] = []
        self.plots: list[asyncio.Future[None]] = []  # faults of several steps, under way
        self.failures: list[str] = []
        self.settled = False  # a minute began after the last fault: every window is that of now
        self.over = False

    def clock(self) -> int:
        """Milliseconds since 1970: the time of everybody."""
        return self._began + int(self.loop.time() * 1000) + self.slept

    def sleep(self, ms: int) -> None:
        """Let days go by in which nothing happens."""
        self.slept += ms
        self.slept_at = self.loop.time()
        self.traffic.slept()
        self.trace.add("slept", ms)

    def recreate(self) -> None:
        """The responses topic is deleted and created again, as wide as it was."""
        old = self.broker.topics[TOPICS.responses]
        begun = [number for number, partition in enumerate(old) if partition.end]
        self.newest += bool(begun)
        for number in begun:  # a log that never had anything cannot be told from another one
            self.sent[number].end = old[number].end
            self.past.append(self.sent[number])
            self.sent[number] = Sent(number, self.newest)
        self.broker.create(TOPICS.responses, self.partitions)
        self.trace.add(self.loop.time(), "created again", TOPICS.responses)

    def group(self, name: str) -> Group:
        """The consumer group of that name; raw rows have one for each life."""
        if name not in self.groups:
            self.groups[name] = Group(self.broker, TOPICS.responses)
        return self.groups[name]

    @property
    def raw_rows(self) -> Group:
        """Who stores the raw rows of the newest life."""
        life = "" if self.newest == FIRST_LIFE else f"-g{self.newest}"
        return self.group(f"cxpulse-sink-responses{life}")

    def widen(self, topic: str, partitions: int) -> None:
        """Add partitions to a topic; its readers notice within the age of their metadata."""
        self.broker.widen(topic, partitions)
        for group in self.groups.values():
            if group.topic == topic:
                self.loop.elsewhere(self.rng.random() * METADATA, group.rebalance)
        if topic == TOPICS.responses:
            self.sent += [Sent(number) for number in range(self.partitions, partitions)]
            self.partitions = partitions
            self.traffic.spread(partitions)

    def publish(self, catalogue: Catalogue) -> None:
        """Replace the files of the catalogue: each process finds that when it looks."""
        self.catalogue = catalogue
        self.trace.add(self.loop.time(), "catalogue", catalogue.digest)

    def produce(self, kinds: Sequence[str] = KINDS) -> None:
        """Append the next record; now and then an offset is left out."""
        if self.quiet:
            return
        number, value, meaning = self.traffic.next(self.clock(), kinds)
        if self.rng.random() < 0.05:
            self.broker.mark(TOPICS.responses, number)
        offset = self.broker.append(TOPICS.responses, number, b"", value, ())
        self.sent[number].log.append((offset, self.clock(), meaning))
        if self.rng.random() < 0.05:
            self.broker.mark(TOPICS.responses, number)

    def launch(self, workers: int, sinks: int) -> None:
        for n in range(workers):
            self._launch(f"worker-{n}", self._work)
        for n in range(sinks):
            self._launch(f"sink-{n}", self._sink)

        if 0 < self.settings.score.breaker_records < NEVER_RECORDS:
            self._launch("operator", self._operate)

    def _launch(self, name: str, main: Callable[[Running], Coroutine[Any, Any, None]]) -> None:
        one = Running(name, lambda: main(one), Process(name))
        self.running.append(one)
        self._start(one)

    def _start(self, one: Running) -> None:
        one.process = Process(one.name)
        self.trace.add(self.loop.time(), "start", one.name)
        self.loop.start(one.process, one.main())

    def kill(self, one: Running) -> None:
        """kill -9; a supervisor starts it again some seconds later."""
        if one.process.alive:
            self.trace.add(self.loop.time(), "kill", one.name)
            self.loop.kill(one.process)
            self._start_later(one)

    def hold(self, kind: str, seconds: float) -> list[Running]:
        """Let nobody start processes of this kind for so long; returns them."""
        chosen = [one for one in self.running if one.name.startswith(kind)]
        for one in chosen:
            one.held_until = max(one.held_until, self.loop.time() + seconds)
        return chosen

    def pause(self, one: Running, seconds: float) -> None:
        """SIGSTOP, and SIGCONT later."""
        if one.process.alive and not one.process.paused:
            self.trace.add(self.loop.time(), "pause", one.name, seconds)
            self.loop.pause(one.process)
            self.loop.elsewhere(seconds, self._wake, one.process)

    def _wake(self, process: Process) -> None:
        if process.alive:
            self.trace.add(self.loop.time(), "wake", process.name)
            self.loop.wake(process)

    def _start_later(self, one: Running) -> None:
        held = max(0.0, one.held_until - self.loop.time())
        self.loop.elsewhere(held + self.rng.random() * 4.0, self._start_unless_held, one)

    def _start_unless_held(self, one: Running) -> None:
        if one.held_until > self.loop.time():
            self._start_later(one)
        else:
            self._start(one)

    def _end(self, one: Running, error: BaseException | None) -> None:
        """The main coroutine came to its end: so does the process, with all its threads."""
        if self.over:
            return
        self.trace.add(self.loop.time(), "end", one.name, type(error).__name__)
        expected = isinstance(error, KafkaError) and not isinstance(error, CheckpointError)
        expected = expected or (self.newest > FIRST_LIFE and "topic was re-created" in str(error))
        if error is not None and not expected and not isinstance(error, TransientStoreError):
            self.failures.append(f"{one.name} ended: {type(error).__name__}: {error}")
        if one.process.alive:
            self.loop.kill(one.process)
            self._start_later(one)

    async def _work(self, one: Running) -> None:
        error: BaseException | None = None
        try:
            worker = ScoreWorker(self.settings, self.catalogue)
            one.stop = worker.stop
            await worker.run()
        except Exception as caught:
            error = caught
        self._end(one, error)

    async def _sink(self, one: Running) -> None:
        error: BaseException | None = None
        try:
            stop = asyncio.Event()
            one.stop = stop.set
            await Sink(self.settings).run(stop)
        except Exception as caught:
            error = caught
        self._end(one, error)

    async def _operate(self, one: Running) -> None:
        """Somebody who sees pauses after a while, and lifts them."""
        error: BaseException | None = None
        stop = asyncio.Event()
        one.stop = stop.set
        try:
            while not stop.is_set():
                await asyncio.sleep(self.rng.random() * 6.0)
                await resume(self.settings.kafka)
        except Exception as caught:
            error = caught
        self._end(one, error)

    @property
    def drained(self) -> bool:
        """Whether the scorers have cut, and the sinks committed, all there is."""
        lanes = [self.raw_rows, *(self.groups[f"cxpulse-sink-{name}"] for name in OTHER_LANES)]
        return all(
            group.committed.get(number, 0) >= partition.end
            for group in lanes
            for number, partition in enumerate(self.broker.topics[group.topic])
        ) and all(self._cut(number) for number in range(self.partitions))

    def _cut(self, number: int) -> bool:
        """Whether a checkpoint holds the last record, and the marks after it; when catalogues
        change, whether the one that counts does, by the last of them."""
        place = (self.sent[number].generation, self.broker.topics[TOPICS.responses][number].end)
        cut = any(
            record.value is not None and _place(decode_manifest(record.value)) == place
            for record in reversed(self.broker.topics[TOPICS.checkpoints][number].records)
            if record.key is not None and record.key.endswith(b"/manifest")
        )
        if not cut or not self.restless:
            return cut
        chain = newest_chain(self.broker, number)
        wanted = (place, self.catalogue.digest)
        return chain is not None and (_place(chain.last), chain.last.catalogue) == wanted


def _place(manifest: Manifest) -> tuple[int, int]:
    return manifest.generation, manifest.next_offset


def _settings(rng: random.Random) -> Settings:
    """Small numbers; the limits of the real settings are for real traffic."""
    return Settings.model_construct(
        kafka=KafkaSettings(),
        score=ScoreSettings.model_construct(
            emit_seconds=rng.choice((0.1, 0.25)),
            checkpoint_seconds=rng.choice((1.0, 2.0, 5.0)),
            checkpoint_records=rng.choice((5, 20, 1000)),
            behind_records=rng.choice((8, 40, 1000)),
            breaker_records=rng.choice((0, 1, 4, NEVER_RECORDS)),
            breaker_share=rng.choice((0.1, 0.5)),
        ),
        sink=SinkSettings.model_construct(
            flush_rows=rng.choice((3, 30, 1000)), flush_seconds=rng.choice((1.0, 2.0))
        ),
    )


__all__ = ["DAY", "TOPICS", "World"]
