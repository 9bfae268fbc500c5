"""Begins a new generation after the responses topic was re-created: scores start anew over its new
log, beside those of the log that is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.errors import KafkaError
from pipeline.score.chains import intact_chains, take_stock
from pipeline.score.log_reader import open_logs
from pipeline.score.outbox import Letter, Outbox
from pipeline.settings import KafkaSettings
from pipeline.wire.cuts import decode_cut
from pipeline.wire.generations import (
    Generations,
    encode_generation,
    generation_key,
    generations_in,
)
from pipeline.wire.kafka import partition_counts, producer, started
from pipeline.wire.lives import Mark, mark_of, other_logs
from pipeline.wire.topics import Topics

FORCED = "as you said (--force)"


@dataclass(frozen=True, slots=True)
class Begun:
    """The newest generation now, and the partitions that were put into it just now, with why."""

    newest: int
    partitions: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class _Known:
    """What one partition of the checkpoint topic says; `mark` is None without a checkpoint."""

    generations: Generations
    mark: Mark | None


async def begin_generation(kafka: KafkaSettings, *, force: bool = False) -> Begun:
    """Put each partition whose log is not the one that was folded into a new generation.

    With `force` all of them. An interrupted run is completed by the next, and nothing is begun
    twice. Raises KafkaError when a topic is missing, cannot be read or written.
    """
    topics = Topics(kafka.topic_prefix)
    counts = await partition_counts(kafka)
    for name in (topics.responses, topics.checkpoints):
        if name not in counts:
            raise KafkaError(f"topic {name} does not exist; run `cxpulse topics`")
    places = range(counts[topics.checkpoints])
    known = [await _read(kafka, topics.checkpoints, place) for place in places]
    begun = {n: here for one in known for n, here in one.generations.begun.items()}
    newest = Generations(begun).newest
    if any(one.generations.begun != begun for one in known):
        # The last run was interrupted: what it began holds everywhere now.
        await _write(kafka, topics.checkpoints, len(places), begun)
        return Begun(newest, dict.fromkeys(sorted(begun[newest]), "an earlier run was interrupted"))
    marks = {p: one.mark for p, one in enumerate(known) if one.mark is not None}
    others = dict(await other_logs(kafka, topics.responses, marks))
    if force:
        others |= {p: FORCED for p in places if p not in others}
    if others:
        newest += 1
        await _write(kafka, topics.checkpoints, len(places), {newest: frozenset(others)})
    return Begun(newest, dict(sorted(others.items())))


async def copy_generations(kafka: KafkaSettings) -> None:
    """Give every partition of the checkpoint topic all generations: new ones have none yet.

    Raises KafkaError.
    """
    topic = Topics(kafka.topic_prefix).checkpoints
    places = range((await partition_counts(kafka)).get(topic, 0))
    known = [(await _read(kafka, topic, place)).generations.begun for place in places]
    begun = {n: here for one in known for n, here in one.items()}
    if any(one != begun for one in known):
        await _write(kafka, topic, len(places), begun)


async def _read(kafka: KafkaSettings, topic: str, partition: int) -> _Known:
    async with open_logs(kafka, topic, [partition]) as reader:
        await reader.catch_up()
        records = reader.logs[partition].records
    generations = generations_in(records)
    stock = take_stock(records, generations.of(partition))
    for chain in intact_chains(records, stock):
        return _Known(generations, mark_of(decode_cut(chain.cuts[-1])))
    return _Known(generations, None)


async def _write(
    kafka: KafkaSettings, topic: str, partitions: int, begun: Mapping[int, frozenset[int]]
) -> None:
    async with started(producer(kafka), kafka) as client:
        await Outbox(lambda: client).post(
            Letter(topic, partition, generation_key(number), encode_generation(here))
            for partition in range(partitions)
            for number, here in sorted(begun.items())
        )
