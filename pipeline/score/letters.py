"""What one emission becomes on the wire, after its ledger entry: score updates, dead letters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.core.partition import Emission
from pipeline.core.updates import ScoreUpdate
from pipeline.errors import KafkaError
from pipeline.score.outbox import Letter, Outbox
from pipeline.wire.dead_letters import DeadLetter
from pipeline.wire.kafka import partition_for
from pipeline.wire.scores import encode_score
from pipeline.wire.topics import Topics, score_key


@dataclass(frozen=True, slots=True)
class Post:
    """Addresses letters: the topics and how many partitions each has."""

    topics: Topics
    scores: int
    dead_letters: int

    @classmethod
    async def find(cls, topics: Topics, outbox: Outbox) -> Post:
        """Ask Kafka. Raises KafkaError when a topic is missing, or the ledger is too narrow."""
        sources = await outbox.partitions(topics.responses)
        if await outbox.partitions(topics.ledger) < sources:
            raise KafkaError(
                f"topic {topics.ledger} has fewer partitions than {topics.responses}: "
                "`cxpulse topics --grow` adds partitions in the right order"
            )
        scores = await outbox.partitions(topics.scores)
        return cls(topics, scores, await outbox.partitions(topics.dead_letters))

    def letters(self, emission: Emission, dead: Iterable[DeadLetter]) -> Iterable[Letter]:
        """Scores first, for they are what somebody waits for."""
        yield from map(self._score, emission.updates)
        yield from map(self._dead_letter, dead)

    def _score(self, update: ScoreUpdate) -> Letter:
        key = score_key(update.group, update.partition)
        partition = partition_for(key, self.scores)
        return Letter(self.topics.scores, partition, key, encode_score(update))

    def _dead_letter(self, dead: DeadLetter) -> Letter:
        # By source partition: no hash, and a repeated dead letter lands beside the first.
        partition = dead.partition % self.dead_letters
        headers = tuple(dead.headers())
        return Letter(self.topics.dead_letters, partition, dead.key, dead.value, headers)
