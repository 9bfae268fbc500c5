"""What score workers have told of one partition, as records, and sinks that put them into tables.

All of a sink is real but Kafka: lanes, converters, notes, tables. It reads as a group member may:
it dies before or after any insert, its commits are refused, a zombie goes on from where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError
from aiokafka.structs import ConsumerRecord
from hypothesis import strategies as st

from pipeline.core.partition import Emission
from pipeline.core.updates import Gap, LedgerEntry, Loss, ScoreUpdate
from pipeline.score.told import hours_of, lost_to
from pipeline.sink import outcomes, scored
from pipeline.sink.dead import DeadLetterRows
from pipeline.sink.intake import Intake
from pipeline.sink.lane import Lane, Pace
from pipeline.sink.progress import Progress
from pipeline.sink.raw import RawRows
from pipeline.sink.repairs import Repairs
from pipeline.sink.rows import Convert, Record, Refused
from pipeline.sink.target import Tables
from pipeline.sink.writer import Writer
from pipeline.wire.dead_letters import dead_letter
from pipeline.wire.ledger import decode_entry, encode_entry
from pipeline.wire.responses import ResponseDecoder
from pipeline.wire.scores import encode_score
from pipeline.wire.topics import Topics
from tests.support.logs import Step, steps
from tests.support.naive import Naive
from tests.support.owners import stored
from tests.support.runs import GENERATION, Plan, Run
from tests.support.world import CATALOGUE, Sent

TOPICS: Final = Topics("cx")
NAMES: Final = (TOPICS.scores, TOPICS.responses, TOPICS.ledger, TOPICS.dead_letters)
NEVER: Final = -1
_LONG: Final = 3600.0

Records = Mapping[str, Sequence[Record]]
"""By topic, in order."""

_LATE: Final[list[Step]] = [
    *(("new", who, 2, 0) for who in range(3)),
    ("jump", 0, 10, 0),
    *(("new", who, 2, 0) for who in range(3)),
    *(("new", who, 2, 20) for who in range(3)),
    ("flip", 0, 0, 0),
    ("again", 1, 0, 0),
]
"""Three groups answer, and again after 40 days, and then 60 days late; one takes it back."""
scripts = st.tuples(steps, steps).map(lambda two: two[0][:20] + _LATE + two[1][:20])
plans = st.lists(
    st.tuples(
        st.integers(2, 12),
        st.sampled_from(("tell", "tell", "panes", "cut", "crash", "lose")),
        st.integers(0, 5),
    ),
    min_size=4,
    max_size=8,
)
"""How score workers fold: they tell, and begin again at a cut, so that much is told twice; or the
log has expired meanwhile past all that was told, which is given up."""


class Scorers(Run):
    """Score workers that fold a log by plan, and what Kafka has of them."""

    def __init__(self, log: list[Sent]) -> None:
        super().__init__(log)
        self.records: dict[str, list[Record]] = {name: [] for name in NAMES}
        self.records[TOPICS.responses] += stored(log)
        self._log_start = 0
        self._end = log[-1][0] + 1 if log else 0
        self._updates: list[ScoreUpdate] = []
        self._entries: list[LedgerEntry] = []

    def act(self, action: str) -> None:
        if action == "lose":
            told_to = max((entry.next_offset for entry in self._entries), default=0)
            start = max(self.state.next_offset, told_to + 1)
            if start <= self._end:  # else nothing can have expired that was not told
                self._log_start = start
        super().act("crash" if action == "lose" else action)
        if self.state.next_offset < self._log_start:
            self._lose()

    def _lose(self) -> None:
        """As `pipeline.score.told.find_loss` says, when all was told that is in the topics."""
        state = self.state
        entries = [one for one in self._entries if one.next_offset > state.next_offset]
        to, told_to = lost_to(entries, state.next_offset, self._log_start)
        as_of = max((one.as_of for one in entries if one.next_offset <= to), default=0)
        hours = hours_of(one for one in self._updates if one.version > state.version)
        state.lose(Loss(to, told_to, as_of, hours))

    def take(self, emission: Emission) -> None:
        super().take(emission)
        self._updates += emission.updates
        self._entries += [] if emission.entry is None else [emission.entry]
        for update in emission.updates:
            self._send(TOPICS.scores, encode_score(update))
        if emission.entry is None:
            return
        dead = {v.offset: v for v in emission.entry.exceptions if v.outcome == "dead_letter"}
        for record in self.records[TOPICS.responses]:
            if verdict := dead.get(record.offset):
                letter = dead_letter(record, "score", verdict.reason, GENERATION)
                self._send(TOPICS.dead_letters, letter.value, letter.headers())
        self._send(TOPICS.ledger, encode_entry(emission.entry))

    def _send(
        self, topic: str, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()
    ) -> None:
        records = self.records[topic]
        place = (topic, 0, len(records), self.now, 1)
        records.append(ConsumerRecord(*place, b"", value, None, 0, 0, tuple(headers)))


def told(log: list[Sent], plan: Plan) -> Records:
    """All records of a log and of the workers that folded it."""
    return Scorers(log).follow(plan).records


def given_up(records: Records) -> list[Gap]:
    """The offsets that no worker has judged, or not for good."""
    entries = (decode_entry(record.value or b"") for record in records[TOPICS.ledger])
    return [gap for entry in entries for gap in entry.gaps]


def due(log: list[Sent], records: Records) -> dict[tuple[object, ...], list[int]]:
    """What panes count in the end, by group, hour and measure: found by going through the log."""
    lost = {at for gap in given_up(records) for at in range(*gap)}
    judged = Naive().fold([one for one in log if one[0] not in lost])
    return {
        (*group, hour, measure): counts
        for (group, hour), measures in judged.final_panes().items()
        for measure, counts in measures.items()
        if any(counts)
    }


def converters() -> dict[str, tuple[Convert, ...]]:
    """What the sink makes of each topic; of the scores first what is watched live."""
    raw = RawRows(CATALOGUE, ResponseDecoder(), lambda partition: GENERATION)
    return {
        TOPICS.scores: (scored.windows, scored.panes),
        TOPICS.responses: (raw.convert,),
        TOPICS.ledger: (outcomes.convert,),
        TOPICS.dead_letters: (DeadLetterRows(TOPICS.responses).convert,),
    }


class Killed(Exception):  # noqa: N818  # not an error: kill -9
    """The sink is gone."""


class Fuse:
    """Counts writes down: the sink dies before or after one."""

    def __init__(self) -> None:
        self.left = NEVER

    def burn(self) -> None:
        """Raises Killed."""
        if self.left == 0:
            raise Killed
        self.left -= 1


class Member:
    """The consumer of one topic, from `position` on, as `pipeline.sink.intake.Member` names it."""

    def __init__(self, topic: str, records: Sequence[Record], position: int) -> None:
        self._records = records
        self._place = TopicPartition(topic, records[0].partition if records else 0)
        self._position = position
        self.done = position
        self.commits = True
        self._left = 0
        self._piece = 1
        self._stop = asyncio.Event()

    def serve(self, number: int, piece: int, stop: asyncio.Event) -> None:
        """So many more records, `piece` in an answer; then tell the reader to stop."""
        self._left, self._piece, self._stop = number, piece, stop

    def subscribe(self, topics: Sequence[str], *, listener: ConsumerRebalanceListener) -> None: ...
    def pause(self, *partitions: TopicPartition) -> None: ...
    def resume(self, *partitions: TopicPartition) -> None: ...

    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset({self._place})

    def last_poll_timestamp(self, partition: TopicPartition) -> int | None:
        return None

    def last_stable_offset(self, partition: TopicPartition) -> int | None:
        return None

    async def beginning_offsets(
        self, partitions: Sequence[TopicPartition]
    ) -> Mapping[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)

    async def position(self, partition: TopicPartition) -> int:
        return self._position

    async def committed(self, partition: TopicPartition) -> int | None:
        return self.done

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        if not self.commits:
            raise CommitFailedError("refused")
        self.done = offsets[self._place]

    async def getmany(
        self, *, timeout_ms: int, max_records: int
    ) -> Mapping[TopicPartition, Sequence[Record]]:
        ahead = [record for record in self._records if record.offset >= self._position]
        found = ahead[: min(max_records, self._left, self._piece)]
        if not found:
            self._stop.set()
            return {}
        self._left -= len(found)
        self._position = found[-1].offset + 1
        return {self._place: found}


class Stay(NamedTuple):
    """What happens to one topic. The lane reads `records`, `piece` at once, and stores batches of
    `batch` (or all at its end, when `calm`). It is killed at write `fuse`; its commits count when
    `commits`. `back` is how far behind the commits a zombie begins; 0: the sink that lives goes on.
    At the end what notes are ready are recounted, when `recounts`."""

    topic: str
    records: int
    piece: int
    batch: int
    calm: bool
    fuse: int
    commits: bool
    back: int
    recounts: bool


stays = st.lists(
    st.builds(
        Stay,
        topic=st.sampled_from(NAMES),
        records=st.integers(1, 30),
        piece=st.integers(1, 12),
        batch=st.integers(1, 12),
        calm=st.booleans(),
        fuse=st.sampled_from((NEVER, NEVER, 0, 1, 2, 3, 5, 8)),
        commits=st.sampled_from((True, True, False)),
        back=st.sampled_from((0, 0, 0, 3, 100)),
        recounts=st.booleans(),
    ),
    min_size=6,
    max_size=14,
)


class Sink:
    """One process, from its start at these commits until it dies."""

    def __init__(
        self, tables: Tables, fuse: Fuse, records: Records, commits: Mapping[str, int]
    ) -> None:
        self._tables = tables
        self._fuse = fuse
        self._converters = converters()
        self.members = {name: Member(name, records[name], commits[name]) for name in NAMES}
        self._intakes = {name: Intake(self.members[name], name, _nothing) for name in NAMES}
        self._progress = Progress(tables, TOPICS.responses, lambda partition: GENERATION)
        self.repairs = Repairs(tables, TOPICS.responses)

    async def live(self, stay: Stay) -> None:
        """Raises Killed."""
        self._fuse.left = stay.fuse
        member, stop = self.members[stay.topic], asyncio.Event()
        member.commits = stay.commits and not stay.back
        member.serve(stay.records, stay.piece, stop)
        await self._lane(stay, stop).run()
        if stay.recounts:
            await self.repairs.work()

    def _lane(self, stay: Stay, stop: asyncio.Event) -> Lane:
        topic = stay.topic
        *live, writer = (Writer(one, self._tables, _Nowhere()) for one in self._converters[topic])
        return Lane(
            topic,
            self._intakes[topic],
            writer,
            self._progress if topic == TOPICS.responses else None,
            self.repairs if topic == TOPICS.scores else None,
            Pace(stay.batch, 0.0, _LONG if stay.calm else 0.0),
            stop,
            live[0] if live else None,
        )


async def sink_all(tables: Tables, fuse: Fuse, records: Records, stays: Sequence[Stay]) -> None:
    """Sinks do this, one after the other; the last one stores what is left."""
    commits = dict.fromkeys(NAMES, 0)
    sink = Sink(tables, fuse, records, commits)
    for stay in stays:
        behind = {name: max(0, offset - stay.back) for name, offset in commits.items()}
        one = Sink(tables, fuse, records, behind) if stay.back else sink
        with suppress(Killed):
            await one.live(stay)
        commits = {name: member.done for name, member in sink.members.items()}
        if fuse.left == 0 and one is sink:
            sink = Sink(tables, fuse, records, commits)
    for name in NAMES:
        await sink.live(Stay(name, 1 << 30, 500, 500, False, NEVER, True, 0, True))
    assert len(sink.repairs) == 0, "notes are left"


class _Nowhere:
    """Every record can be stored."""

    async def send(self, refused: Sequence[Refused]) -> None:
        raise AssertionError(refused)


def _nothing(partitions: object) -> None:
    """Nobody takes a partition away."""
