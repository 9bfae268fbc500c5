"""Whether memory stays flat though processes are killed again and again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from pipeline.local.verdict import Check

WARM_SECONDS: Final = 10.0
"""A process younger than this is still starting: its memory says nothing."""
GROWTH: Final = 0.10
"""What allocator and garbage collector may add; a leak at a steady rate adds more."""
ID_BYTES: Final = 48
"""Each response adds a remembered event id: 32 bytes (design, section 5), 37 in a worker that has
restored it (880,000 in eight partitions), and panes of new hours take the rest."""
MIB: Final = 1024 * 1024
FEWEST: Final = 20
"""Samples in a quarter, below which its median says nothing: with one in 5 s, some killed workers
and whoever took over from them are in each, and that alone makes 15 MiB."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Memory of all processes of a kind at one moment, and how many responses were sent by then."""

    at: float
    kind: str
    size: int
    sent: int


@dataclass(slots=True)
class Memory:
    """Samples of resident memory by kind of process; each is of one process, the largest."""

    samples: list[Sample] = field(default_factory=list)
    _born: dict[int, float] = field(default_factory=dict)

    def look(self, pids: Mapping[str, Sequence[int]], sent: int) -> dict[str, int]:
        """Sample the processes of each kind that are warm; returns what was found, in bytes."""
        now = time.monotonic()
        alive = {pid for each in pids.values() for pid in each}
        self._born = {pid: self._born.get(pid, now) for pid in alive}
        found: dict[str, int] = {}
        for kind, each in pids.items():
            warm = [pid for pid in each if now - self._born[pid] >= WARM_SECONDS]
            if warm and (size := max(map(resident, warm))):
                found[kind] = size
                self.samples.append(Sample(now, kind, size, sent))
        return found

    def checks(self, remembering: str) -> list[Check]:
        """One for each kind: the median of the last quarter against that of the second one.

        Processes of the kind `remembering` keep an id of every response sent meanwhile.
        """
        kinds = sorted({sample.kind for sample in self.samples})
        return [self._check(kind, kind == remembering) for kind in kinds]

    def _check(self, kind: str, remembers: bool) -> Check:
        what = f"memory of {kind} is flat"
        first, last = self.samples[0].at, self.samples[-1].at
        quarter = (last - first) / 4
        own = [sample for sample in self.samples if sample.kind == kind]
        early = [s for s in own if first + quarter <= s.at < first + 2 * quarter]
        late = [s for s in own if s.at >= first + 3 * quarter]
        if min(len(early), len(late)) < FEWEST:
            return Check(what, True, "too few samples to say: it needs a longer run")
        before, after = (median(s.size for s in part) for part in (early, late))
        more = median(s.sent for s in late) - median(s.sent for s in early)
        allowed = before * (1 + GROWTH) + (more * ID_BYTES if remembers else 0)
        seen = f"{before / MIB:.0f} MiB in the second quarter, {after / MIB:.0f} in the last"
        if remembers:
            seen += f", which remembers {more:,.0f} more responses"
        return Check(what, after <= allowed, f"{seen}; at most {allowed / MIB:.0f}")


def resident(pid: int) -> int:
    """Bytes of memory that a process occupies now; 0 when it is gone (or this is no Linux)."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    found = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(found[0]) * 1024 if found else 0
