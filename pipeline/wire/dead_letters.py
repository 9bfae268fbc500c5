"""The dead-letter envelope: the original bytes as value, everything else in headers.

Headers never hold field values, so that a reader of headers learns nothing about a customer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from pipeline.errors import SchemaError
from pipeline.wire.avro import HEADER, MARKER
from pipeline.wire.generations import FIRST
from pipeline.wire.topics import DEAD_LETTER_BYTES, dead_letter_key

Stage = Literal["score", "sink"]
Headers = list[tuple[str, bytes]]

_STAGES: Final[dict[bytes, Stage]] = {b"score": "score", b"sink": "sink"}
_LONG: Final = 1 << 63
_IN_LOG: Final = re.compile(rb"[0-9]{1,5}/[0-9]{1,19}")
"""Generation and offset."""

ATTEMPT: Final = "attempt"
"""Header of a dead letter, and of a record that `cxpulse replay` sends back: which attempt it is,
counted from 1 in decimal. A record without it is a first attempt."""

REPLAY_OF: Final = "replay-of"
"""Header of a record that `cxpulse replay` sends back, and of its dead letter: the place of the
record that was refused first, `topic/partition/generation/offset`."""

REPAIR: Final = "repair"
"""Header of a retraction that `cxpulse reconcile --repair` sends to the partition whose count must
go; its dead letter, should it become one, carries it on."""

REPAIR_HEADER: Final = (REPAIR, b"true")

GENERATION: Final = "origin-generation"
"""Header of the dead letter of a response whose log is not the first of its partition."""

MOST_ATTEMPTS: Final = 1_000_000
"""Anybody may send the header: a larger number is taken for this one, and fits every column."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record that could not be used: where it came from, why, and its bytes as they were read.

    `appended_at` is the broker's append time of the original in ms, `schema` the hex of its first
    header when they claim to be Avro (else empty: other bytes are somebody's data), `attempt`
    counts from 1. `cut` says that the original did not fit: it stays in its own topic. `repair`
    says that it carried that header. `generation` is that of a response; other topics have none.
    `replay_of` is the place of the record that it replayed, empty when it was none.
    """

    topic: str
    partition: int
    offset: int
    stage: Stage
    reason: str
    appended_at: int
    value: bytes | None
    attempt: int = 1
    cut: bool = False
    repair: bool = False
    generation: int = FIRST
    replay_of: str = ""

    @property
    def first(self) -> str:
        """The place of the record that was refused first: all replays of it have this one."""
        return self.replay_of or f"{self.topic}/{self.partition}/{self.generation}/{self.offset}"

    @property
    def key(self) -> bytes:
        """`topic/partition/offset/stage`: the same fault always lands on the same key."""
        return dead_letter_key(self.topic, self.partition, self.offset, self.stage)

    def headers(self) -> Headers:
        """The envelope, one UTF-8 header a fact."""
        facts: Headers = [
            ("reason", self.reason.encode()),
            ("stage", self.stage.encode()),
            ("origin-topic", self.topic.encode()),
            ("origin-partition", b"%d" % self.partition),
            ("origin-offset", b"%d" % self.offset),
            ("origin-timestamp", b"%d" % self.appended_at),
            (ATTEMPT, b"%d" % self.attempt),
            ("schema", self.schema.encode()),
        ]
        if self.value is None:
            facts.append(("tombstone", b"true"))
        if self.cut:
            facts.append(("cut", b"true"))
        if self.repair:
            facts.append(REPAIR_HEADER)
        if self.generation != FIRST:
            facts.append((GENERATION, b"%d" % self.generation))
        if self.replay_of:
            facts.append((REPLAY_OF, self.replay_of.encode()))
        return facts

    @property
    def schema(self) -> str:
        """Hex of the schema header, empty when the bytes do not begin with one."""
        value = self.value or b""
        length = HEADER if value[:2] == MARKER else 5 if value[:1] == b"\0" else 0
        return value[:length].hex()


class Origin(Protocol):
    """The part of a Kafka record that its dead letter keeps; `timestamp` is its append time, ms."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


def dead_letter(record: Origin, stage: Stage, reason: str, generation: int) -> DeadLetter:
    """The dead letter of a record, with the attempt that the record's own header gives.

    A compressed record can be larger than any message we may send: then only the beginning goes
    along, marked as cut.
    """
    value = record.value
    cut = value is not None and len(value) > DEAD_LETTER_BYTES
    return DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        stage=stage,
        reason=reason,
        appended_at=record.timestamp,
        value=value[:DEAD_LETTER_BYTES] if value is not None and cut else value,
        attempt=attempt_of(record.headers),
        cut=cut,
        repair=is_repair(record.headers),
        generation=generation,
        replay_of=replay_of(record),
    )


def attempt_of(headers: Iterable[tuple[str, bytes]]) -> int:
    """Which attempt a record is: 1 without a usable header, 2 or more when it was replayed."""
    for name, raw in headers:
        if name == ATTEMPT:
            try:
                return min(max(1, _number(raw)), MOST_ATTEMPTS)
            except (ValueError, AttributeError):  # anybody may send a header, or one without value
                return 1
    return 1


def replay_of(record: Origin) -> str:
    """The place of the record that this one replays; empty when it is none. An `attempt` alone
    makes no replay: other programs count their attempts by that name, too."""
    if attempt_of(record.headers) == 1:
        return ""
    here = f"{record.topic}/{record.partition}/".encode()
    place = next((raw for name, raw in record.headers if name == REPLAY_OF), None) or b""
    fits = place.startswith(here) and _IN_LOG.fullmatch(place, len(here))
    return place.decode() if fits else ""


def is_repair(headers: Iterable[tuple[str, bytes]]) -> bool:
    """Whether a retraction is a repair, and not the emitter's own."""
    return any(name == REPAIR for name, _ in headers)


def read_dead_letter(value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> DeadLetter:
    """The dead letter in one record of the dead-letter topic. Raises SchemaError if it is none."""
    facts = dict(headers)
    try:
        return DeadLetter(
            topic=facts["origin-topic"].decode(),
            partition=_number(facts["origin-partition"]),
            offset=_number(facts["origin-offset"]),
            stage=_STAGES[facts["stage"]],
            reason=facts["reason"].decode(),
            appended_at=_number(facts["origin-timestamp"]),
            value=None if "tombstone" in facts else value,
            cut="cut" in facts,
            repair=REPAIR in facts,
            attempt=_number(facts[ATTEMPT]),
            generation=_number(facts.get(GENERATION, b"%d" % FIRST)),
            replay_of=facts.get(REPLAY_OF, b"").decode(),
        )
    except (KeyError, ValueError, AttributeError) as error:  # Kafka allows a header without value
        raise SchemaError(f"dead letter without a usable envelope: {error}") from None


def _number(raw: bytes) -> int:
    """A whole number in ASCII that fits a signed long. Raises ValueError."""
    number = int(raw.decode("ascii"))
    if not -_LONG <= number < _LONG:
        raise ValueError("a number out of range")
    return number
