"""The five topics: their names, their settings with the reason for each, and the keys in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from pipeline.core.updates import Group
from pipeline.settings import KafkaSettings

MIB = 1024 * 1024
DAY_MS = 24 * 60 * 60 * 1000

RESPONSE_BYTES = 2 * MIB
"""A comment of 10,000 characters and every answer take 41 kB; a program may pack 50 times that."""

SCORE_BYTES = 2 * MIB
"""An update packs what one group changed in one cut: 697 open panes of 23 measures are 0.4 MiB."""

LEDGER_BYTES = 4 * MIB
"""One entry names every exception of a cut: 50,000 dead letters of 40 bytes are 2 MB."""

DEAD_LETTER_BYTES = 4 * MIB
"""Twice a response: its original bytes unchanged, its key and the headers always fit."""

CHECKPOINT_BYTES = 4 * MIB
"""Sections are cut to fit; large ones make a restore quick."""

ENVELOPE_BYTES = 64 * 1024
"""What batch header, key and headers add at most to a value (they are a few hundred bytes)."""

LARGEST_BYTES = max(RESPONSE_BYTES, SCORE_BYTES, LEDGER_BYTES, DEAD_LETTER_BYTES, CHECKPOINT_BYTES)
"""What every producer may send and every consumer must be able to fetch, besides the envelope."""

RETENTION_RESPONSES_MS = 35 * DAY_MS
"""The longest window is 28 days and panes are kept 29: a rebuild from the log needs those, and most
of a week to notice that it is needed."""

RETENTION_SCORES_MS = 7 * DAY_MS
"""Scores are absolute and can be made again: this is how long the sink may be away."""

ROLL_MS = DAY_MS
"""Only closed segments expire, so a quiet partition is cut once a day."""


@dataclass(frozen=True, slots=True)
class Topics:
    """The names under one prefix: `Topics("cx").responses` is `cx.responses`."""

    prefix: str
    responses: str = field(init=False)
    scores: str = field(init=False)
    ledger: str = field(init=False)
    dead_letters: str = field(init=False)
    checkpoints: str = field(init=False)

    def __post_init__(self) -> None:
        for name in ("responses", "scores", "ledger", "dead_letters", "checkpoints"):
            object.__setattr__(self, name, f"{self.prefix}.{name.replace('_', '-')}")

    @property
    def all(self) -> tuple[str, ...]:
        """Every name, in the order of the flow."""
        return (self.responses, self.scores, self.ledger, self.dead_letters, self.checkpoints)


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it must be; `config` holds Kafka's names and values."""

    name: str
    partitions: int
    replication: int
    config: tuple[tuple[str, str], ...]


def topic_specs(kafka: KafkaSettings) -> tuple[TopicSpec, ...]:
    """What each topic must look like under these settings, in the order of creation.

    The followers of `responses` come first: a score worker that sees a partition of responses must
    find the same partition of ledger and checkpoints.
    """
    topics = Topics(kafka.topic_prefix)

    def spec(name: str, config: dict[str, str]) -> TopicSpec:
        common = {
            "compression.type": "producer",  # kept as sent: the broker recompresses nothing
            "min.insync.replicas": str(kafka.min_isr),
            "unclean.leader.election.enable": "false",  # waiting is better than losing answers
        }
        settings = tuple(sorted((common | config).items()))
        return TopicSpec(name, kafka.partitions, kafka.replication, settings)

    return (
        spec(topics.checkpoints, _compacted()),
        spec(topics.ledger, _kept(RETENTION_RESPONSES_MS, LEDGER_BYTES)),
        spec(topics.scores, _kept(RETENTION_SCORES_MS, SCORE_BYTES)),
        spec(topics.dead_letters, _kept(RETENTION_RESPONSES_MS, DEAD_LETTER_BYTES)),
        spec(topics.responses, _kept(RETENTION_RESPONSES_MS, RESPONSE_BYTES)),
    )


def _kept(retention_ms: int, largest: int) -> dict[str, str]:
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(retention_ms),
        "retention.bytes": "-1",  # by time only: a burst must not push out what is still needed
        "segment.ms": str(ROLL_MS),
        "max.message.bytes": str(largest + ENVELOPE_BYTES),
        # The broker's clock, part of the log: a replay sees the same times, and a producer with a
        # wrong clock can neither bend a score nor make records expire early.
        "message.timestamp.type": "LogAppendTime",
    }


def _compacted() -> dict[str, str]:
    return {
        "cleanup.policy": "compact",
        # Small segments, cleaned early: a restore reads what is live and little else.
        "segment.bytes": str(64 * MIB),
        "segment.ms": str(60 * 60 * 1000),
        "min.cleanable.dirty.ratio": "0.2",
        # A restore (seconds to minutes) must never miss a tombstone of a key it has read.
        "delete.retention.ms": str(DAY_MS),
        "max.message.bytes": str(CHECKPOINT_BYTES + ENVELOPE_BYTES),
        "message.timestamp.type": "LogAppendTime",
    }


@lru_cache(maxsize=65_536)
def response_key(group: Group) -> bytes:
    """`agency/service/channel` in UTF-8: informative, it keeps one service's answers together."""
    return "/".join(group[:3]).encode()


@lru_cache(maxsize=65_536)
def score_key(group: Group, partition: int) -> bytes:
    """`agency/service/channel/survey/partition` of the source partition."""
    return f"{'/'.join(group)}/{partition}".encode()


def ledger_key(partition: int) -> bytes:
    """The source partition, in decimal."""
    return str(partition).encode()


def dead_letter_key(topic: str, partition: int, offset: int, stage: str) -> bytes:
    """`topic/partition/offset/stage`: where the original record is, and who refused it."""
    return f"{topic}/{partition}/{offset}/{stage}".encode()
