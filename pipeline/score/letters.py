"""What one emission becomes on the wire, after its ledger entry: score updates, dead letters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.core.partition import Emission
from pipeline.core.updates import ScoreUpdate
from pipeline.errors import KafkaError
from pipeline.score.outbox import Letter, Outbox
from pipeline.wire.dead_letters import DeadLetter
from pipeline.wire.scores import encode_score
from pipeline.wire.topics import Topics, score_key


@dataclass(frozen=True, slots=True)
class Post:
    """Addresses letters, each by the partition it tells of: in order, however many are added."""

    topics: Topics
    dead_letters: int

    @classmethod
    async def find(cls, topics: Topics, outbox: Outbox) -> Post:
        """Ask Kafka. Raises KafkaError when a topic is missing, or narrower than the responses."""
        sources = await outbox.partitions(topics.responses)
        for follower in (topics.ledger, topics.scores):
            if await outbox.partitions(follower) < sources:
                raise KafkaError(
                    f"topic {follower} has fewer partitions than {topics.responses}: "
                    "`cxpulse topics --grow` adds partitions in the right order"
                )
        return cls(topics, await outbox.partitions(topics.dead_letters))

    def letters(self, emission: Emission, dead: Iterable[DeadLetter]) -> Iterable[Letter]:
        """Scores first, for they are what somebody waits for."""
        yield from map(self._score, emission.updates)
        yield from map(self._dead_letter, dead)

    def _score(self, update: ScoreUpdate) -> Letter:
        # Not by key: what is told of a group stays in one log, and in order, when partitions are
        # added. A sink that has read a repair note has read what the hour had before.
        key = score_key(update.group, update.partition)
        return Letter(self.topics.scores, update.partition, key, encode_score(update))

    def _dead_letter(self, dead: DeadLetter) -> Letter:
        # A repeated dead letter lands beside the first.
        partition = dead.partition % self.dead_letters
        headers = tuple(dead.headers())
        return Letter(self.topics.dead_letters, partition, dead.key, dead.value, headers)
