"""What reconcile finds: one difference is one place where two parts of the system disagree."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pipeline.operate.reconcile.journals import Origin


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
    SURVEY = "survey"


@dataclass(frozen=True, slots=True)
class Difference:
    """`origin` is None for what concerns all. `place` says where (offsets; or group, hour or
    window, and measure), `stored` what is there, `expected` what it should be by the parts it
    follows from, `advice` what to do. `offset` is the first that it is about, where it is about
    offsets."""

    kind: Kind
    origin: Origin | None
    place: str
    stored: str
    expected: str
    advice: str = ""
    offset: int = 0

    @property
    def line(self) -> str:
        """For people."""
        advice = f" ({self.advice})" if self.advice else ""
        where = (
            f"partition {at.partition} generation {at.generation}" if (at := self.origin) else ""
        )
        return (
            f"{self.kind}: {where or 'all partitions'}, {self.place}: stored {self.stored}, "
            f"expected {self.expected}{advice}"
        )

    def as_json(self) -> dict[str, object]:
        """For machines."""
        return {
            "kind": str(self.kind),
            "generation": self.origin and self.origin.generation,
            "partition": self.origin and self.origin.partition,
            "place": self.place,
            "stored": self.stored,
            "expected": self.expected,
            "advice": self.advice,
        }


REBUILD = "run `cxpulse sink --rebuild`: it stores again what Kafka still has"
"""What helps when rows are gone from ClickHouse."""
REPLAY = "mend the cause, then run `cxpulse replay --stage sink`"
"""What helps when the store refused rows."""
NOT_ALL = "not all was looked at: mend these first (--repair), then run it again"
"""What to do when there is more to find than one run tells."""
