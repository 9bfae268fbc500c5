"""Kafka against the tables: where each partition of the responses topic ends, and how far the
ledger, the raw rows and the sink's commit have come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from pipeline.operate.pauses import Pause
from pipeline.operate.reconcile.differences import REBUILD, Difference, Kind
from pipeline.operate.reconcile.journals import Journal, Journals, Origin
from pipeline.settings import KafkaSettings, Settings
from pipeline.wire.generations import Generations, raw_rows_group, read_generations
from pipeline.wire.kafka import admin, consumer, partitions_of, read_errors, started
from pipeline.wire.log_ends import bounds
from pipeline.wire.topics import Topics

BEHIND: Final = "are score workers and sinks running?"
"""Advice for a ledger that has not come as far as the log."""


@dataclass(frozen=True, slots=True)
class LogBounds:
    """One partition of the responses topic: its generation, its first offset, the one after its
    last, and where the sink's group has committed (None: nowhere)."""

    generation: int
    start: int
    end: int
    committed: int | None


class Ends:
    """Looks where the partitions of the responses are; see `opened`."""

    def __init__(
        self,
        kafka: KafkaSettings,
        describer: AIOKafkaAdminClient,
        client: AIOKafkaConsumer,
        generations: Generations,
        parts: Sequence[TopicPartition],
    ) -> None:
        self._kafka = kafka
        self._describer = describer
        self._client = client
        self._generations = generations
        self._parts = parts

    async def read(self) -> dict[int, LogBounds]:
        """Of every partition, now. Raises KafkaError."""
        group = raw_rows_group(self._kafka, self._generations)
        with read_errors(Topics(self._kafka.topic_prefix).responses):
            committed = await commits(self._describer, group)
            reach = await bounds(self._client, self._parts)
        return {
            p.partition: LogBounds(self._generations.of(p.partition), start, end, committed.get(p))
            for p, (start, end) in reach.items()
        }


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Ends]:
    """For any number of looks: what does not change is read once. Raises KafkaError when broker or
    topic are missing."""
    kafka = settings.kafka
    generations = await read_generations(kafka)
    parts = await partitions_of(kafka, Topics(kafka.topic_prefix).responses)
    async with started(admin(kafka), kafka) as describer, started(consumer(kafka), kafka) as client:
        yield Ends(kafka, describer, client, generations, parts)


async def read_bounds(settings: Settings) -> dict[int, LogBounds]:
    """One look. Raises KafkaError."""
    async with opened(settings) as ends:
        return await ends.read()


async def commits(describer: AIOKafkaAdminClient, group: str) -> dict[TopicPartition, int]:
    """Of a group that may never have been; a broker without any group has no coordinator yet."""
    try:
        commits = await describer.list_consumer_group_offsets(group)
    except GroupCoordinatorNotAvailableError:
        return {}
    return {tp: commit.offset for tp, commit in commits.items() if commit.offset >= 0}


def caught_up(
    bounds: Mapping[int, LogBounds], journals: Journals, most: int
) -> dict[Origin, Journal]:
    """The journals of lives that go on, no further than `most` records behind their log."""
    ends = {Origin(log.generation, partition): log.end for partition, log in bounds.items()}
    return {o: one for o, one in journals.items() if o in ends and ends[o] - one.told <= most}


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
        yield differs("ledger, next offset", journal.told, log.end, BEHIND)
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


def name_pauses(found: Iterable[Difference], pauses: Iterable[Pause]) -> Iterator[Difference]:
    """The same, with the reason where a partition is behind because it is paused."""
    paused = {Origin(one.generation, one.partition): one.offset for one in pauses}
    for one in found:
        at = paused.get(one.origin) if one.origin and one.advice == BEHIND else None
        yield (
            one
            if at is None
            else replace(
                one,
                advice=f"paused by the circuit breaker at offset {at}: see `cxpulse resume --help`",
            )
        )
