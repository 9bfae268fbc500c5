"""Kafka against the tables: where each partition of the responses topic ends, and how far the
ledger, the raw rows and the sink's commit have come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.errors import KafkaError as ClientError

from pipeline.errors import KafkaError
from pipeline.operate.reconcile.differences import REBUILD, Difference, Kind
from pipeline.operate.reconcile.journals import Journal, Journals, Origin
from pipeline.settings import Settings
from pipeline.wire.generations import raw_rows_group, read_generations
from pipeline.wire.kafka import admin, consumer, started
from pipeline.wire.topics import Topics

READ_MS: Final = 1_000
"""Time for one answer of the broker when a tail is looked at."""


@dataclass(frozen=True, slots=True)
class LogBounds:
    """One partition of the responses topic: its generation, its first offset, the one after its
    last, and where the sink's group has committed (None: nowhere)."""

    generation: int
    start: int
    end: int
    committed: int | None


async def read_bounds(settings: Settings) -> dict[int, LogBounds]:
    """Of every partition, now. Raises KafkaError when broker or topic are missing."""
    kafka = settings.kafka
    topic = Topics(kafka.topic_prefix).responses
    generations = await read_generations(kafka)
    try:
        async with started(admin(kafka), kafka) as describer:
            listed = {t["topic"]: t["partitions"] for t in await describer.describe_topics()}
            if topic not in listed:
                raise KafkaError(f"topic {topic} does not exist; run `cxpulse topics`")
            parts = [TopicPartition(topic, part["partition"]) for part in listed[topic]]
            commits = await _commits(describer, raw_rows_group(kafka, generations))
        async with started(consumer(kafka), kafka) as client:
            starts = await client.beginning_offsets(parts)  # type: ignore[no-untyped-call]  # aiokafka
            ends = await client.end_offsets(parts)  # type: ignore[no-untyped-call]  # aiokafka
    except ClientError as error:
        raise KafkaError(f"topic {topic}: cannot be read: {type(error).__name__}") from error
    return {
        p.partition: LogBounds(generations.of(p.partition), starts[p], ends[p], commits.get(p))
        for p in parts
    }


async def _commits(describer: AIOKafkaAdminClient, group: str) -> dict[TopicPartition, int]:
    """Of a group that may never have been; a broker without any group has no coordinator yet."""
    try:
        commits = await describer.list_consumer_group_offsets(group)
    except GroupCoordinatorNotAvailableError:
        return {}
    return {tp: commit.offset for tp, commit in commits.items() if commit.offset >= 0}


def compare_logs(bounds: Mapping[int, LogBounds], journals: Journals) -> Iterator[Difference]:
    """What differs between the log at that moment and the tables now."""
    for partition, log in sorted(bounds.items()):
        origin = Origin(log.generation, partition)
        journal = journals.get(origin) or Journal(origin, 0, 0, 0, 0)
        yield from _of_partition(journal, log)


def _of_partition(journal: Journal, log: LogBounds) -> Iterator[Difference]:
    def differs(place: str, stored: int, expected: int, advice: str) -> Difference:
        return Difference(Kind.LOG, journal.origin, place, f"{stored}", f"{expected}", advice)

    if log.end > log.start and journal.told < log.end:
        yield differs(
            "ledger, next offset", journal.told, log.end, "are score workers and sinks running?"
        )
    if log.end > log.start and journal.stored < log.end:
        yield differs("raw rows, next offset", journal.stored, log.end, "is a sink running?")
    if log.committed is not None and log.committed > journal.stored:
        yield differs("commit of the sink", journal.stored, log.committed, REBUILD)


def compare_ends(bounds: Mapping[int, LogBounds], journals: Journals) -> Iterator[Difference]:
    """Ledgers that know more than the log, as it is after they were read."""
    for partition, log in sorted(bounds.items()):
        journal = journals.get(Origin(log.generation, partition))
        if journal is not None and journal.told > log.end:
            advice = "was the topic re-created, or cut short?"
            place = "ledger, next offset"
            told, end = f"{journal.told}", f"at most {log.end}"
            yield Difference(Kind.LOG, journal.origin, place, told, end, advice)


async def without_markers(
    settings: Settings, bounds: Mapping[int, LogBounds], journals: Journals
) -> dict[int, LogBounds]:
    """The bounds, with ends moved down to the last record that can be read: control records at the
    end of a log are never folded. Raises KafkaError."""
    kafka = settings.kafka
    topic = Topics(kafka.topic_prefix).responses
    found = dict(bounds)
    async with started(consumer(kafka), kafka) as client:
        for partition, log in bounds.items():
            journal = journals.get(Origin(log.generation, partition))
            told = max(log.start, journal.told if journal else 0)
            if told < log.end and await _is_empty(client, TopicPartition(topic, partition), told):
                found[partition] = replace(log, end=told)
    return found


async def _is_empty(client: AIOKafkaConsumer, place: TopicPartition, offset: int) -> bool:
    """Whether nothing can be read from `offset` on, though the log goes on."""
    try:
        client.assign([place])  # type: ignore[no-untyped-call]  # aiokafka
        client.seek(place, offset)  # type: ignore[no-untyped-call]  # aiokafka
        records = await client.getmany(place, timeout_ms=READ_MS, max_records=1)
        position: int = await client.position(place)  # type: ignore[no-untyped-call]  # aiokafka
    except ClientError as error:
        raise KafkaError(
            f"topic {place.topic} partition {place.partition} offset {offset}: cannot be read: "
            f"{type(error).__name__}"
        ) from error
    return not records and position > offset
