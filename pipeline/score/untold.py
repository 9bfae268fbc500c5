"""What of the records that were folded is not told yet, and is not in the state: since when they
wait, and the bytes of dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pipeline import metrics
from pipeline.core.reasons import Outcome
from pipeline.core.updates import Verdict
from pipeline.score.records import Records
from pipeline.wire.dead_letters import DeadLetter, dead_letter

MAX_HELD_BYTES: Final = 8 * 1024 * 1024
"""Dead letters kept until the next emission: four of the largest, thousands of ordinary ones."""

MAX_EXCEPTIONS: Final = 50_000
"""Verdicts in one ledger entry, some 40 bytes each: 2 MB, half of what the topic takes."""


class Untold:
    """`since` is the append time (ms) of the oldest record that waits, None without one."""

    def __init__(self, generation: int) -> None:
        self.since: int | None = None
        self._generation = generation
        self._dead: list[DeadLetter] = []
        self._dead_bytes = 0
        self._exceptions = 0

    @property
    def overfull(self) -> bool:
        """It would not fit into memory or one ledger entry much longer."""
        return self._dead_bytes >= MAX_HELD_BYTES or self._exceptions >= MAX_EXCEPTIONS

    def add(self, records: Records, verdicts: Sequence[Verdict]) -> None:
        """Records that were just folded, and the verdicts on those not simply accepted. Only dead
        letters need their bytes; they are found again by offset."""
        if self.since is None:
            self.since = records[0].timestamp
        self._exceptions += len(verdicts)
        refused = {v.offset: v.reason for v in verdicts if v.outcome == Outcome.DEAD_LETTER}
        if not refused:
            return
        for record in records:
            reason = refused.get(record.offset)
            if reason is not None:
                self._dead.append(dead_letter(record, "score", str(reason), self._generation))
                self._dead_bytes += len(record.value or b"")
                metrics.DEAD_LETTERS.labels(str(reason)).inc()

    def take(self) -> tuple[list[DeadLetter], int | None]:
        """The dead letters, and since when their like waits: all of it is told now."""
        dead, since = self._dead, self.since
        self._dead, self.since = [], None
        self._dead_bytes = self._exceptions = 0
        return dead, since
