"""What a converter makes of Kafka records: columns for tables, refused records, repair notes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.core.updates import GENERATION_SHIFT, Group
from pipeline.wire.dead_letters import Origin


class Record(Origin, Protocol):
    """The part of an aiokafka record that the sink reads; `timestamp` is the append time in ms."""

    @property
    def key(self) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one table by columns: every sequence has the same length."""

    table: str
    columns: dict[str, Sequence[object]]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(next(iter(self.columns.values()), ()))


@dataclass(frozen=True, slots=True)
class Note:
    """Recount these hours of a group from the raw rows of `partition` below `version`.

    `source` is where the note stands in the score topic: (partition, offset).
    """

    group: Group
    partition: int
    version: int
    measures: tuple[tuple[str, str], ...]
    hours: tuple[int, ...]
    as_of: int
    last_response_at: int
    source: tuple[int, int]

    @property
    def generation(self) -> int:
        """Of the responses topic."""
        return self.version >> GENERATION_SHIFT

    @property
    def next_offset(self) -> int:
        """The first offset that does not count."""
        return self.version & ((1 << GENERATION_SHIFT) - 1)


@dataclass(frozen=True, slots=True)
class Refused:
    """A record without rows, because its bytes are not what its topic promises."""

    record: Record
    reason: str = "undecodable"


@dataclass(frozen=True, slots=True)
class Converted:
    """Blocks are written in their order: what proves that others are there comes last.

    `redactions` counts what was taken out of comments, by kind.
    """

    blocks: tuple[Block, ...]
    refused: tuple[Refused, ...] = ()
    notes: tuple[Note, ...] = ()
    redactions: Mapping[str, int] = field(default_factory=dict)


Convert = Callable[[Sequence[Record]], Converted]
"""Pure: the same records give the same rows, whatever else was in their batch."""
