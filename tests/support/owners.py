"""Owners of one partition, real but for I/O, that stop before and after each record they send.

Nothing runs by itself: `Owner.step` lets one go on to its next send. Whoever is never stepped again
has crashed there; whoever is stepped after another took over is a zombie.
"""

from __future__ import annotations

import types
from collections import defaultdict, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Final

from aiokafka.structs import ConsumerRecord

from pipeline.core.partition import Emission
from pipeline.core.reasons import Reason
from pipeline.core.updates import Group, LedgerEntry
from pipeline.errors import KafkaError
from pipeline.score.chains import Chain, intact_chains, take_stock
from pipeline.score.ledger import Ledger
from pipeline.score.letters import Post
from pipeline.score.log_reader import LogReader, PartitionLog
from pipeline.score.outbox import Letter, Outbox
from pipeline.score.pace import Pace
from pipeline.score.readers import Readers
from pipeline.score.restore import CheckpointStore
from pipeline.score.tenure import Tenure
from pipeline.settings import KafkaSettings
from pipeline.wire.generations import generations_in
from pipeline.wire.ledger import decode_entry
from pipeline.wire.manifests import Owner as Claimant
from pipeline.wire.responses import ResponseDecoder, encode_response
from pipeline.wire.scores import decode_score
from pipeline.wire.topics import Topics
from tests.support.runs import MASK, Reader
from tests.support.world import CATALOGUE, Sent

PARTITION: Final = 3
GENERATION: Final = generations_in({}).of(PARTITION)
BEHIND: Final = 20
"""Records of lag from which on only panes are told: less than a log has."""

Records = Sequence[ConsumerRecord[bytes, bytes]]


@types.coroutine
def pause() -> Generator[None, None, None]:
    """Wait for the next step."""
    yield


class Kafka(Outbox):
    """The topics that owners write: what is sent is there at once, in order."""

    def __init__(self) -> None:
        self.topics = Topics("cx")
        self.reader = Reader()
        self.entries: list[LedgerEntry] = []
        """Those that hold."""
        self.dead: dict[bytes, bytes | None] = {}
        self.checkpoints: list[tuple[int, bytes, bytes | None]] = []
        self.most = 0
        self.epochs: dict[int, Claimant] = {}
        self._ends: set[int] = set()
        self._shown: dict[tuple[Group, str, int, int], tuple[int, ...]] = {}
        self._next: defaultdict[str, Iterator[int]] = defaultdict(count)

    async def post(self, letters: Iterable[Letter]) -> Sequence[int]:
        offsets = []
        for letter in letters:
            await pause()
            offsets.append(next(self._next[letter.topic]))
            self._append(letter, offsets[-1])
        await pause()
        return offsets

    def end(self, topic: str) -> int:
        """The offset of what is sent next."""
        self._next[topic] = count(end := next(self._next[topic]))
        return end

    def compact(self) -> None:
        """Only the last record of each key stays, in its place."""
        last = {key: offset for offset, key, _ in self.checkpoints}
        self.checkpoints = [one for one in self.checkpoints if last[one[1]] == one[0]]

    def forget(self) -> None:
        """As `compact`, long after: tombstones are gone as well."""
        self.compact()
        self.checkpoints = [one for one in self.checkpoints if one[2] is not None]

    def chains(self) -> Iterator[Chain]:
        """Those that a restore could use, the best first."""
        records = self.log().records
        return intact_chains(records, take_stock(records, GENERATION))

    def complete(self) -> int:
        """How many there are, whatever their length."""
        return len({(chain.last.owner, chain.last.base) for chain in self.chains()})

    def log(self) -> PartitionLog:
        log = PartitionLog()
        for _, key, value in self.checkpoints:
            log.add(key, value)
        return log

    def _append(self, letter: Letter, offset: int) -> None:
        topics, value = self.topics, letter.value
        if letter.topic == topics.checkpoints:
            self.checkpoints.append((offset, letter.key, value))
            complete = self.complete()
            self.most = max(self.most, complete)
            assert complete >= min(self.most, 2), f"{complete} complete chains are left"
        elif letter.topic == topics.ledger:
            entry = decode_entry(value or b"")
            if entry.own_offset == offset:
                self.entries.append(entry)
                self._ends.add(entry.next_offset)
        elif letter.topic == topics.scores:
            update = decode_score(value or b"")
            generation, below = divmod(update.version, MASK + 1)
            assert generation == GENERATION
            assert below in self._ends, f"version {below} where no ledger entry, told before, ends"
            for row in update.windows:
                key = (update.group, row.window, row.window_end, below)
                counts = self._shown.setdefault(key, row.counts)
                assert counts == row.counts, "one version of a window, two contents"
            self.reader.take(Emission((update,), None))
        else:
            assert letter.topic == topics.dead_letters
            assert self.dead.setdefault(letter.key, value) == value


class Follower(LogReader):
    """Reads the checkpoints in memory."""

    def __init__(self, kafka: Kafka) -> None:
        self.logs = {PARTITION: PartitionLog()}
        self._kafka = kafka
        self._position = 0

    async def catch_up(self) -> None:
        await pause()
        for offset, key, value in self._kafka.checkpoints:
            if offset >= self._position:
                self.logs[PARTITION].add(key, value)
                self._position = offset + 1


class Shown(Ledger):
    """Looks at the entries in memory."""

    def __init__(self, kafka: Kafka, end: int) -> None:
        super().__init__(KafkaSettings(), kafka, kafka.topics.ledger, PARTITION, end)
        self._known = kafka

    async def told_between(self, first: int, end: int) -> bool:
        await pause()
        return any(first <= entry.own_offset < end for entry in self._known.entries)


class Owner:
    """Takes the partition over with its first steps, then does what it is ordered to."""

    def __init__(self, kafka: Kafka, records: Records) -> None:
        self.busy = True
        self.epoch = 0
        self.tenure: Tenure | None = None
        self._kafka = kafka
        self._records = records
        self._orders: deque[str] = deque()
        self._failure: Exception | None = None
        self._life = self._live()

    @property
    def claiming(self) -> bool:
        """Whether it reads checkpoints yet."""
        return self.tenure is None

    def fold(self, number: int, again: int) -> None:
        """Fold so many records from the position on, some of them for a second time."""
        if self.tenure is None:
            return
        position = sum(r.offset < self.tenure.state.next_offset for r in self._records)
        batch = self._records[max(0, position - again) : position + number]
        if batch:
            self.tenure.fold(batch)

    def order(self, what: str) -> None:
        """Have it `emit` or `checkpoint` when its turn comes."""
        self._orders.append(what)
        self.busy = True

    def step(self) -> None:
        """Go on to before, or after, the next record it sends; what fails is raised, each time."""
        if self._failure is not None:
            raise self._failure
        try:
            self._life.send(None)
        except Exception as error:
            self._failure = error
            raise

    def finish(self) -> None:
        """Do all that was ordered."""
        while self.busy:
            self.step()

    def crash(self) -> None:
        self._life.close()

    async def _live(self) -> None:
        self.tenure = tenure = await self._take_over()
        with suppress(KafkaError):  # overtaken: it has ended, and does nothing any more
            if self._fresh:
                await tenure.checkpoint()
            while True:
                while self._orders:
                    await getattr(tenure, self._orders.popleft())()
                self.busy = False
                await pause()
        while True:
            self.busy = False
            await pause()

    async def _take_over(self) -> Tenure:
        """As `CheckpointStore.restore` and then the worker do it."""
        kafka, readers = self._kafka, Readers(ResponseDecoder(), CATALOGUE)
        store = CheckpointStore(KafkaSettings(), kafka, readers)
        follower = Follower(kafka)
        ledger_end = kafka.end(kafka.topics.ledger)
        owner = (await store._claim(follower, [PARTITION]))[PARTITION]
        self.epoch = owner.epoch
        first = kafka.epochs.setdefault(owner.epoch, owner)
        # A claim that won is removed, and compacted away, only long after others have taken over:
        # who slept for that long over its own may take it for the first.
        overtaken = max(kafka.epochs) > owner.epoch
        assert first == owner or overtaken, f"epoch {owner.epoch} has two owners"
        end = self._records[-1].offset + 1 if self._records else 0
        restored = store._load(PARTITION, follower.logs[PARTITION], owner, (0, end), ledger_end)
        ledger = Shown(kafka, ledger_end)
        self._fresh = restored.cut_at < 0
        post = Post(kafka.topics, 1)
        return Tenure(replace(restored, ledger=ledger), readers.current, post, kafka, Pace(BEHIND))


def stored(log: Iterable[Sent]) -> Records:
    """The log as Kafka keeps it."""
    return [
        ConsumerRecord(
            *("cx.responses", PARTITION, offset, at, 1, b"", _bytes_of(record), None, 0, 0, ())
        )
        for offset, at, record in log
    ]


def _bytes_of(record: object) -> bytes | None:
    if record is Reason.TOMBSTONE:
        return None
    return b"\xc3\x01abc" if isinstance(record, Reason) else encode_response(record)  # type: ignore[arg-type]
