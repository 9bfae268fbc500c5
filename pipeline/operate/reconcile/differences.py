"""What reconcile finds: one difference is one place where two parts of the system disagree."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Which part disagrees with those that it follows from."""

    LOG = "log"
    LEDGER = "ledger"
    RAW_ROWS = "raw rows"
    OUTCOMES = "outcomes"
    LETTERS = "dead letters"
    PANE = "pane"
    WINDOW = "window"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Difference:
    """`place` says where (offsets; or group, hour or window, and measure), `stored` what is there,
    `expected` what it should be by the parts it follows from, `advice` what to do."""

    kind: Kind
    generation: int
    partition: int
    place: str
    stored: str
    expected: str
    advice: str = ""

    @property
    def line(self) -> str:
        """For people."""
        advice = f" ({self.advice})" if self.advice else ""
        return (
            f"{self.kind}: partition {self.partition} generation {self.generation}, {self.place}: "
            f"stored {self.stored}, expected {self.expected}{advice}"
        )

    def as_json(self) -> dict[str, object]:
        """For machines."""
        return {
            "kind": str(self.kind),
            "generation": self.generation,
            "partition": self.partition,
            "place": self.place,
            "stored": self.stored,
            "expected": self.expected,
            "advice": self.advice,
        }


REBUILD = "run `cxpulse sink --rebuild`: it stores again what Kafka still has"
"""What helps when rows are gone from ClickHouse."""
