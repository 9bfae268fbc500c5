"""The ledger of one partition, as one owner writes it: what comes first holds, whoever is late
tells nothing (docs/decisions/0025)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.core.updates import LedgerEntry
from pipeline.errors import KafkaError
from pipeline.score.outbox import Letter, Outbox
from pipeline.score.told import told_between
from pipeline.settings import KafkaSettings
from pipeline.wire.ledger import encode_entry
from pipeline.wire.topics import ledger_key


@dataclass(slots=True)
class Ledger:
    """Below the offset `end` its owner knows all that was told. At first that is where the ledger
    ended before the owner looked for checkpoints."""

    kafka: KafkaSettings
    outbox: Outbox
    topic: str
    partition: int
    end: int

    async def enter(self, entry: LedgerEntry) -> None:
        """Append the entry at an offset below which its owner knows all.

        Raises:
            KafkaError: not acknowledged; or another owner has told something since: the entry is
                void, and nothing that follows from it may be sent.
            SchemaError: the ledger holds something else.
        """
        while True:
            expected = self.end
            value = encode_entry(replace(entry, own_offset=expected))
            letter = Letter(self.topic, self.partition, ledger_key(self.partition), value)
            (offset,) = await self.outbox.post([letter])
            if offset == expected:
                self.end = offset + 1
                return
            place = f"topic {self.topic} partition {self.partition} offset {expected}"
            if offset < expected:
                raise KafkaError(
                    f"{place}: Kafka does not say that the entry is there (it says {offset}): "
                    "start this one again"
                )
            if await self.told_between(expected, offset):
                raise KafkaError(
                    f"{place}: another worker took it over while this one stood still: "
                    "start this one again"
                )
            # Somebody who was overtaken has been here: what is void changes nothing, ours is too.
            self.end = offset + 1

    async def told_between(self, first: int, end: int) -> bool:
        """Whether an entry that holds stands at one of these offsets."""
        return await told_between(self.kafka, self.topic, self.partition, first, end)
