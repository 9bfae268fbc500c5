"""Partitions that the circuit breaker pauses, as the checkpoints tell it, and the way to go on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pipeline.score.chains import take_stock
from pipeline.score.log_reader import PartitionLog, open_logs
from pipeline.score.outbox import Letter, Outbox
from pipeline.settings import KafkaSettings
from pipeline.wire.generations import generations_in, is_generation
from pipeline.wire.kafka import partitions_of, producer, started
from pipeline.wire.manifests import parse_key
from pipeline.wire.resumes import RESUME_KEY, encode_resume, resumed_to
from pipeline.wire.topics import Topics


@dataclass(frozen=True, slots=True)
class Pause:
    """A paused partition: nothing from `offset` on has been folded."""

    partition: int
    generation: int
    offset: int


async def find_pauses(kafka: KafkaSettings) -> list[Pause]:
    """Every paused partition. Reads the whole checkpoint topic: seconds where the state is large.

    Raises:
        KafkaError: the broker is away, or the topic is missing.
    """
    topic = Topics(kafka.topic_prefix).checkpoints
    numbers = [tp.partition for tp in await partitions_of(kafka, topic)]
    async with open_logs(kafka, topic, numbers, _tells) as reader:
        await reader.catch_up()
        found = [_pause(number, reader.logs[number]) for number in numbers]
    return [pause for pause in found if pause is not None]


async def resume(kafka: KafkaSettings, partitions: Collection[int] = ()) -> list[Pause]:
    """Lift the pauses of these partitions, without any: all; returns those it lifted.

    Running workers go on within seconds, others when they take the partition over.

    Raises:
        KafkaError: the broker is away, did not acknowledge, or the topic is missing.
    """
    topic = Topics(kafka.topic_prefix).checkpoints
    found = await find_pauses(kafka)
    wanted = [pause for pause in found if not partitions or pause.partition in partitions]
    async with started(producer(kafka), kafka) as client:
        outbox = Outbox(lambda: client)
        await outbox.post(
            Letter(topic, p.partition, RESUME_KEY, encode_resume(p.generation, p.offset))
            for p in wanted
        )
    return wanted


def _tells(key: bytes) -> bool:
    parsed = parse_key(key)
    return parsed.is_manifest if parsed else key == RESUME_KEY or is_generation(key)


def _pause(partition: int, log: PartitionLog) -> Pause | None:
    generation = generations_in(log.records).of(partition)
    stock = take_stock(log.records, generation)
    tripped_at = stock.manifests[0].tripped_at if stock.manifests else 0
    if tripped_at <= resumed_to(log.records, generation):
        return None
    return Pause(partition, generation, tripped_at)
