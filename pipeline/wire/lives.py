"""Whether a log is still the one that was read: Kafka gives a re-created topic the old name and new
records at the old offsets, and tells no reader.

The broker's append time of the last record that was read is the mark: in the same log it is there
for ever (or has expired), in another log it is another. Marks of transactions may follow it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.core.cut import Cut
from pipeline.core.partition import PartitionState
from pipeline.errors import CheckpointError
from pipeline.settings import KafkaSettings
from pipeline.wire.kafka import consumer, partition_counts, read_errors, started
from pipeline.wire.log_ends import bounds, read_to

AWAY_MS: Final = 2_000
"""Longest silence between two answers to the fetches of a partition that is only a slow broker: the
sink asks each to be answered within half a second. After a longer one (a wait for ClickHouse, a
stopped process, a broker away) its log may be another, and long enough for nothing to show."""

ONE_BATCH: Final = 1
"""Bytes asked for of a partition: the broker then sends one batch, however large, and no more."""


LOOK_BACK: Final = 100
"""Offsets before a mark among which its record is looked for, where marks of transactions follow
it: each is a request at worst, and few producers end so many without a record between."""


K = TypeVar("K")


def left_alone(heard: Mapping[K, int], answered: Mapping[K, int]) -> set[K]:
    """Which partitions were not read for a while: `answered` has the time (ms) of the last answer
    to a fetch of each, `heard` what it was before."""
    return {key for key, at in answered.items() if at - heard.get(key, at) > AWAY_MS}


def shortened(known: Mapping[K, int], ends: Mapping[K, int]) -> set[K]:
    """Which logs end before where they ended: another log grows from 0, be it with marks of
    transactions only, which no reader is given. (So may one whose leader has just changed.)"""
    return {key for key, end in ends.items() if end < known.get(key, end)}


class Mark(NamedTuple):
    """How far a partition was read, and the append time (ms) of the last record before that."""

    next_offset: int
    appended_at: int


UNREAD: Final = -1
"""In place of an append time, where all before was given up and none of it read: a log that has a
record below `next_offset`, or begins at 0, is another one."""


def mark_of(read: PartitionState | Cut) -> Mark:
    """By what the log is known that was read so far."""
    only_marks = read.totals.marker == read.next_offset
    return Mark(read.next_offset, read.as_of if read.as_of or only_marks else UNREAD)


class Compared(NamedTuple):
    """Which partitions are `others` than the logs that were read, and how that shows; and which are
    the `same` for sure, since the marked record is there."""

    others: dict[int, str]
    same: frozenset[int]


async def other_logs(kafka: KafkaSettings, topic: str, marks: Mapping[int, Mark]) -> dict[int, str]:
    """Which of these partitions are not the logs that were read, and how that shows.

    A log whose marked record has expired passes: what is read on from there cannot collide with
    what was read. Raises KafkaError.
    """
    return (await compare_logs(kafka, topic, marks)).others


async def compare_logs(kafka: KafkaSettings, topic: str, marks: Mapping[int, Mark]) -> Compared:
    """As `other_logs`, and which are sure. Raises KafkaError."""
    wanted = {p: mark for p, mark in marks.items() if mark.next_offset > 0}
    if not wanted:
        return Compared({}, frozenset())
    present = (await partition_counts(kafka)).get(topic, 0)
    places = {p: TopicPartition(topic, p) for p in wanted if p < present}
    with read_errors(topic):
        async with started(_reader(kafka), kafka) as client:
            reach = await bounds(client, places.values())
            found = {}
            there = {}
            for p, mark in wanted.items():
                start, end = reach[places[p]] if p in places else (0, 0)
                if end < mark.next_offset:
                    found[p] = f"the log ends at {end}, below {mark.next_offset}"
                elif start < mark.next_offset:
                    there[places[p]] = mark
            times = await _append_times(client, there)
            # Asked after that: what has expired meanwhile is no other log.
            silent = [tp for tp in there if tp not in times and there[tp].next_offset <= LOOK_BACK]
            if silent:
                starts = await client.beginning_offsets(silent)  # type: ignore[no-untyped-call]  # aiokafka
                times |= {tp: 0 for tp in silent if starts[tp] == 0}  # its record never was there
    same = {tp for tp, mark in there.items() if times.get(tp) == mark.appended_at}
    found |= {
        tp.partition: f"offset {there[tp].next_offset - 1} holds something else than was read there"
        for tp in times.keys() - same
    }
    return Compared(found, frozenset(tp.partition for tp in same))


def recreated(topic: str, partition: int, how: str) -> CheckpointError:
    """The line that ends whoever was to read another log on: what to do about it."""
    return CheckpointError(
        f"{topic} partition {partition}: {how}: the topic was re-created; "
        "`cxpulse topics --new-generation` begins a new generation for it"
    )


def _reader(kafka: KafkaSettings) -> AIOKafkaConsumer:
    return consumer(kafka, max_partition_fetch_bytes=ONE_BATCH, fetch_max_bytes=ONE_BATCH)


async def _append_times(
    client: AIOKafkaConsumer, marks: Mapping[TopicPartition, Mark], back: int = 1
) -> dict[TopicPartition, int]:
    """The append time of the last record below each mark, no further than `LOOK_BACK` before it;
    without those that have none there."""
    client.assign(list(marks))  # type: ignore[no-untyped-call]  # aiokafka
    for tp, mark in marks.items():
        client.seek(tp, max(0, mark.next_offset - back))  # type: ignore[no-untyped-call]  # aiokafka
    times: dict[TopicPartition, int] = {}
    async for tp, records in read_to(client, {tp: m.next_offset for tp, m in marks.items()}):
        for record in records:
            if record.offset < marks[tp].next_offset:
                times[tp] = record.timestamp
    unmarked = {tp: mark for tp, mark in marks.items() if tp not in times}
    if unmarked and back < LOOK_BACK:
        times |= await _append_times(client, unmarked, LOOK_BACK)
    return times
