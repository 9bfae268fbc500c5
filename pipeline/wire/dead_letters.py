"""The dead-letter envelope: the original bytes as value, everything else in headers.

Headers never hold field values, so that a reader of headers learns nothing about a customer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pipeline.errors import SchemaError

Stage = Literal["score", "sink"]
Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record that could not be used: where it came from, why, and its bytes as they were read.

    `appended_at` is the broker's append time of the original in ms, `schema` the hex of its first
    ten bytes (what the producer claimed), `attempt` counts from 1.
    """

    topic: str
    partition: int
    offset: int
    stage: Stage
    reason: str
    appended_at: int
    value: bytes | None
    original_key: bytes | None = None
    attempt: int = 1

    @property
    def key(self) -> bytes:
        """`topic/partition/offset/stage`: the same fault always lands on the same key."""
        return f"{self.topic}/{self.partition}/{self.offset}/{self.stage}".encode()

    def headers(self) -> Headers:
        """The envelope, one UTF-8 header a fact."""
        facts: Headers = [
            ("reason", self.reason.encode()),
            ("stage", self.stage.encode()),
            ("origin-topic", self.topic.encode()),
            ("origin-partition", b"%d" % self.partition),
            ("origin-offset", b"%d" % self.offset),
            ("origin-timestamp", b"%d" % self.appended_at),
            ("attempt", b"%d" % self.attempt),
            ("schema", (self.value or b"")[:10].hex().encode()),
        ]
        if self.value is None:
            facts.append(("tombstone", b"true"))
        if self.original_key is not None:
            facts.append(("origin-key", self.original_key))
        return facts


def read_dead_letter(value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> DeadLetter:
    """The dead letter in one record of the dead-letter topic. Raises SchemaError if it is none."""
    facts = dict(headers)
    try:
        stage = facts["stage"].decode()
        return DeadLetter(
            topic=facts["origin-topic"].decode(),
            partition=int(facts["origin-partition"]),
            offset=int(facts["origin-offset"]),
            stage="sink" if stage == "sink" else "score",
            reason=facts["reason"].decode(),
            appended_at=int(facts["origin-timestamp"]),
            value=None if "tombstone" in facts else value,
            original_key=facts.get("origin-key"),
            attempt=int(facts["attempt"]),
        )
    except (KeyError, ValueError) as error:
        raise SchemaError(f"dead letter without a usable envelope: {error}") from None
