"""What retention takes from under a sink is told, offset by offset, and nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, cast
from unittest.mock import patch

from aiokafka.structs import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sink import expired
from pipeline.sink.expired import Expired
from pipeline.sink.intake import Batch
from pipeline.sink.rows import Block
from pipeline.sink.target import Tables
from pipeline.wire.generations import generations_in

NUMBER: Final = 3
END: Final = 30


@dataclass
class Kafka:
    """One partition whose every third offset is the mark of a transaction, and the tables that its
    sink writes into. It reads fast, stores later, commits then, and tells progress now and then."""

    start: int = 0
    position: int = 0
    commit: int | None = None
    progress: int | None = None
    batch: list[int] = field(default_factory=list)
    stored: set[int] = field(default_factory=set)
    told: set[int] = field(default_factory=set)

    async def starts(self, partitions: Iterable[int]) -> Mapping[int, int]:
        return dict.fromkeys(partitions, self.start)

    async def committed(self, partitions: Iterable[int]) -> Mapping[int, int]:
        return {} if self.commit is None else dict.fromkeys(partitions, self.commit)

    async def stored_to(self, *_: object) -> dict[int, int]:
        return {} if self.progress is None else {NUMBER: self.progress}

    async def insert(self, block: Block) -> None:
        assert block.table == expired.TABLE
        spans = zip(block.columns["from_offset"], block.columns["next_offset"], strict=True)
        for begin, end in cast(Iterable[tuple[int, int]], spans):
            assert begin >= max(self.commit or 0, self.progress or 0)
            self.told.update(range(begin, end))

    def read(self, number: int) -> None:
        for _ in range(number):
            self.position = max(self.position, self.start)
            if self.position < END:
                self.batch += [self.position] if self.position % 3 else []
                self.position += 1

    async def store(self, watch: Expired, epoch: int, *, tells: bool, commits: bool) -> None:
        place = ("cx.responses", NUMBER)
        records = tuple(
            ConsumerRecord(*place, at, at, 1, b"", b"", None, 0, 0, ()) for at in self.batch
        )
        await watch.notice(Batch(records, {NUMBER: self.position}, epoch))
        self.stored.update(self.batch)
        self.batch.clear()
        self.progress = self.position if tells else self.progress
        self.commit = self.position if commits else self.commit

    def watch(self) -> Expired:
        self.position, self.batch = self.commit or 0, []
        tables = cast(Tables, self)
        return Expired(tables, "cx.responses", generations_in({}), self, raw=True)


happenings = st.lists(
    st.tuples(
        st.sampled_from(("read", "read", "store", "store", "expire", "restart", "rebalance")),
        st.integers(1, 8),
        st.booleans(),
        st.booleans(),
    ),
    max_size=25,
)


@given(script=happenings)
def test_each_record_is_stored_or_told_to_be_lacking_and_no_other_is_told(
    script: list[tuple[str, int, bool, bool]],
) -> None:
    kafka = Kafka()

    async def play() -> None:
        watch, epoch = kafka.watch(), 0
        for what, number, tells, commits in [*script, ("read", END, True, True)]:
            if what == "read":
                kafka.read(number)
            elif what == "store":
                await kafka.store(watch, epoch, tells=tells, commits=commits)
            elif what == "expire":
                kafka.start = min(END, kafka.start + number)
            elif what == "restart":
                watch = kafka.watch()
            else:
                epoch += 1
                kafka.watch()
        await kafka.store(watch, epoch, tells=True, commits=True)

    with patch.object(expired, "stored_to", kafka.stored_to):
        asyncio.run(play())
    records = {at for at in range(END) if at % 3}
    assert records - kafka.stored <= kafka.told <= set(range(kafka.start))
