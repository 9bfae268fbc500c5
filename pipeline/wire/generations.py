"""Generations: which life of the responses topic the records of a partition belong to.

A generation is written down when the topic was re-created, as a record in every partition of
`cx.checkpoints`. It names the partitions whose log began anew; the others go on in theirs, so that
(generation, partition, offset) always names one record. Each has a key of its own, so none is ever
replaced, and a partition is in the highest that names it. Without any it is in the first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pipeline.errors import KafkaError
from pipeline.settings import KafkaSettings
from pipeline.wire.kafka import consumer, partition_counts, partitions_of, read_errors, started
from pipeline.wire.log_ends import bounds, read_to
from pipeline.wire.topics import Topics

FIRST: Final = 1
"""Every log is in it until it is said to be another."""

_KEY: Final = re.compile(rb"generation/([0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class Generations:
    """Generation → the partitions of the responses whose logs began with it."""

    begun: Mapping[int, frozenset[int]] = field(default_factory=dict)

    def of(self, partition: int) -> int:
        """The generation of what a partition holds now."""
        return max((n for n, here in self.begun.items() if partition in here), default=FIRST)

    @property
    def newest(self) -> int:
        """The highest of any partition."""
        return max(self.begun, default=FIRST)


def raw_rows_group(kafka: KafkaSettings, generations: Generations) -> str:
    """The consumer group that stores raw rows. What was committed in an old log is of no use in the
    new one, and a sink that does not know of it yet may still commit: so each life has its own."""
    life = "" if generations.newest == FIRST else f"-g{generations.newest}"
    return f"{kafka.group_prefix}-sink-responses{life}"


def generation_key(number: int) -> bytes:
    """Where generation `number` is written down."""
    return b"generation/%08x" % number


def is_generation(key: bytes | None) -> bool:
    """Whether a generation is written down under this key."""
    return _KEY.fullmatch(key or b"") is not None


def encode_generation(partitions: Iterable[int]) -> bytes:
    """The record of a generation that begins in these partitions, as JSON for an operator."""
    return json.dumps({"begins_in": sorted(partitions)}).encode()


def generations_in(records: Mapping[bytes, bytes]) -> Generations:
    """What records of the checkpoint topic say. Raises KafkaError when one is damaged."""
    begun = {}
    for key, value in records.items():
        if match := _KEY.fullmatch(key):
            try:
                begun[int(match[1], 16)] = frozenset(map(int, json.loads(value)["begins_in"]))
            except (ValueError, KeyError, TypeError) as error:
                raise KafkaError(f"checkpoint topic: {key.decode()} is damaged") from error
    return Generations(begun)


async def read_generations(kafka: KafkaSettings) -> Generations:
    """The generations as the shortest partition of the checkpoint topic has them: each has all that
    the responses have too. One that is just added gets them before the responses are widened.

    Raises KafkaError when the broker is away, the topic is missing, or a record is damaged.
    """
    topics = Topics(kafka.topic_prefix)
    topic = topics.checkpoints
    responses = (await partition_counts(kafka)).get(topics.responses, 0)
    tps = (await partitions_of(kafka, topic))[: responses or None]
    kept: dict[bytes, bytes] = {}
    with read_errors(topic):
        async with started(consumer(kafka), kafka) as client:
            places = await bounds(client, tps)
            shortest, (start, end) = min(places.items(), key=lambda at: at[1][1] - at[1][0])
            client.assign([shortest])  # type: ignore[no-untyped-call]  # aiokafka
            client.seek(shortest, start)  # type: ignore[no-untyped-call]  # aiokafka
            async for _, records in read_to(client, {shortest: end}):
                kept |= {r.key or b"": r.value or b"" for r in records if is_generation(r.key)}
    return generations_in(kept)
