"""What whoever owned a partition has told of it beyond its last checkpoint."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from pipeline.core.partition import PartitionState
from pipeline.core.updates import Group, LedgerEntry, Loss, ScoreUpdate, make_version
from pipeline.core.windows import HOUR
from pipeline.errors import SchemaError
from pipeline.settings import KafkaSettings
from pipeline.wire.kafka import consumer, partitions_of, read_errors, started
from pipeline.wire.ledger import standing
from pipeline.wire.log_ends import read_to
from pipeline.wire.scores import decode_score
from pipeline.wire.topics import Topics

MARGIN_MS: Final = 10_000
"""Records are looked for from so long before: brokers that lead one after the other may have
clocks that differ by less."""

SENT_MS: Final = 60_000 + MARGIN_MS
"""Scores that follow a ledger entry are in their topic so soon after it, or their sender gave up
(`transport.OUTPUT_TIMEOUT_MS`)."""


class Dated(NamedTuple):
    """A ledger entry, and its append time (ms)."""

    at: int
    entry: LedgerEntry


async def told_to(
    kafka: KafkaSettings, topic: str, partition: int, generation: int, since: int
) -> int:
    """Below which offset records were told by entries since append time `since` (ms); 0: none.

    An emission enters the ledger before anything else of it is sent, so nothing beyond was told.
    Raises KafkaError when the ledger cannot be read, SchemaError when it holds something else.
    """
    told = await _entries(kafka, topic, partition, generation, since)
    return max((entry.next_offset for _, entry in told), default=0)


async def told_between(
    kafka: KafkaSettings, topic: str, partition: int, first: int, end: int
) -> bool:
    """Whether an entry that holds stands at one of these offsets of the ledger. Raises as
    `told_to`."""
    tp = TopicPartition(topic, partition)
    async with _reading(kafka, topic) as client:
        client.assign([tp])  # type: ignore[no-untyped-call]  # aiokafka
        client.seek(tp, first)  # type: ignore[no-untyped-call]  # aiokafka
        async for _, records in read_to(client, {tp: end}):
            if any(record.offset < end and standing(record) for record in records):
                return True
    return False


async def find_loss(
    kafka: KafkaSettings, topics: Topics, state: PartitionState, log_start: int
) -> Loss:
    """What is lost when the log begins at `log_start`, above the next offset of `state`, and what
    others have told beyond that offset. Raises KafkaError, SchemaError as `told_to`."""
    place = (state.partition, state.generation, state.as_of)
    found = await _entries(kafka, topics.ledger, *place)
    told = [one for one in found if one.entry.next_offset > state.next_offset]
    entries = [entry for _, entry in told]
    to, told_below = lost_to(entries, state.next_offset, log_start)
    as_of = max((entry.as_of for entry in entries if entry.next_offset <= to), default=0)
    if not told:
        return Loss(to)
    span = (told[0].at - MARGIN_MS, told[-1].at + SENT_MS)
    below = max(entry.next_offset for entry in entries)
    updates = [
        update
        for update in await _updates(kafka, topics.scores, state.partition, *span)
        if state.version < update.version <= make_version(state.generation, below)
    ]
    return Loss(to, told_below, as_of, hours_of(updates))


def lost_to(entries: Iterable[LedgerEntry], offset: int, log_start: int) -> tuple[int, int]:
    """Up to where what follows `offset` is lost, and up to where it had been told before anybody
    said so; `entries` in the order in which they were told.

    All that was told is given up, though the log may have its end: an answer that was a duplicate,
    or late, could be judged otherwise without what came before it. Who has given it up before us
    has told the rest by that: so do we.
    """
    told = 0
    for entry in entries:
        for gap in entry.gaps:
            if gap.from_offset == offset and gap.next_offset >= log_start:
                return gap.next_offset, told
        told = max(told, entry.next_offset)
    return max(log_start, told), told


def hours_of(updates: Iterable[ScoreUpdate]) -> Mapping[Group, set[int]]:
    """The hours (since 1970) that panes and repair notes tell of, by group."""
    hours: defaultdict[Group, set[int]] = defaultdict(set)
    for update in updates:
        hours[update.group].update(pane.hour // HOUR for pane in update.panes)
        hours[update.group].update(hour // HOUR for hour in update.repairs)
    return dict(hours)


async def _entries(
    kafka: KafkaSettings, topic: str, partition: int, generation: int, since: int
) -> Sequence[Dated]:
    tp = TopicPartition(topic, partition)
    async with _reading(kafka, topic) as client:
        records = await _between(client, [tp], since - MARGIN_MS, None)
    found = ((record.timestamp, standing(record)) for record in records)
    return [Dated(at, one) for at, one in found if one is not None and one.generation == generation]


async def _updates(
    kafka: KafkaSettings, topic: str, partition: int, since: int, until: int
) -> Sequence[ScoreUpdate]:
    """Of one source partition; those of a group stand in order. What is no update is left to the
    sink to refuse."""
    ours = f"/{partition}".encode()
    tps = await partitions_of(kafka, topic)
    async with _reading(kafka, topic) as client:
        records = await _between(client, tps, since, until)
    updates = []
    for record in records:
        if (record.key or b"").endswith(ours):
            try:
                updates.append(decode_score(record.value or b""))
            except SchemaError:
                continue
    return [update for update in updates if update.partition == partition]


@asynccontextmanager
async def _reading(kafka: KafkaSettings, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    with read_errors(topic):
        async with started(consumer(kafka), kafka) as client:
            yield client


async def _between(
    client: AIOKafkaConsumer, tps: Sequence[TopicPartition], since: int, until: int | None
) -> Sequence[ConsumerRecord[bytes, bytes]]:
    """The records appended from `since` to `until` (ms), or to what is the end now."""
    client.assign(tps)  # type: ignore[no-untyped-call]  # aiokafka
    ends = await client.end_offsets(tps)  # type: ignore[no-untyped-call]  # aiokafka
    if until is not None:
        last = await client.offsets_for_times(dict.fromkeys(tps, max(0, until)))  # type: ignore[no-untyped-call]  # aiokafka
        ends |= {tp: found.offset for tp, found in last.items() if found is not None}
    first = await client.offsets_for_times(dict.fromkeys(tps, max(0, since)))  # type: ignore[no-untyped-call]  # aiokafka
    for tp in tps:
        found = first[tp]
        client.seek(tp, ends[tp] if found is None else found.offset)  # type: ignore[no-untyped-call]  # aiokafka
    read: list[ConsumerRecord[bytes, bytes]] = []
    async for _, records in read_to(client, ends):
        read += records
    return read
