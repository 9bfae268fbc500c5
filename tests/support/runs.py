"""Folding a log with interruptions, and a reader that keeps what it was told as ClickHouse does."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import Final, Self

from pipeline.core.breaker import OFF, Limits
from pipeline.core.cut import Cut
from pipeline.core.partition import Emission, PartitionState
from pipeline.core.updates import Group, LedgerEntry, Verdict
from pipeline.wire.cuts import decode_cut, encode_cut
from tests.support.world import CATALOGUE, Sent, checked

GENERATION: Final = 1
MASK: Final = (1 << 48) - 1
"""The offset in a version."""

Plan = Sequence[tuple[int, str, int]]
"""(records to fold, what to do then, how many records are delivered again)."""

Counts = tuple[int, ...]


@dataclass
class Reader:
    """Upserts by key, the highest version wins; `None` stands for "recounted by the sink"."""

    panes: dict[tuple[Group, int, str], tuple[int, Counts | None]] = field(default_factory=dict)
    windows: dict[tuple[Group, str], tuple[int, int, Counts]] = field(default_factory=dict)
    entries: list[LedgerEntry] = field(default_factory=list)
    verdicts: dict[int, Verdict] = field(default_factory=dict)

    def take(self, emission: Emission) -> None:
        for update in emission.updates:
            hours = {row.hour for row in update.panes}
            assert not hours & set(update.repairs), "a pane and its repair went out together"
            names = [measure for measure, _ in update.measures]
            for row in update.panes:
                for at, measure in enumerate(names):
                    counts = row.counts[6 * at : 6 * at + 6]
                    self._put((update.group, row.hour, measure), update.version, counts)
            for hour in update.repairs:
                for measure in names:
                    self._put((update.group, hour, measure), update.version, None)
            for shown in update.windows:
                new = (shown.window_end, update.version, shown.counts)
                key = (update.group, shown.window)
                self.windows[key] = max(new, self.windows.get(key, new))
        if emission.entry is not None:
            self._enter(emission.entry)

    def contents(self) -> dict[tuple[Group, int, str], Counts | None]:
        return {key: counts for key, (_, counts) in self.panes.items()}

    def _put(self, key: tuple[Group, int, str], version: int, counts: Counts | None) -> None:
        before = self.panes.get(key)
        if before is None or version > before[0]:
            self.panes[key] = version, counts
        elif version == before[0]:
            assert counts == before[1], "one version, two contents"

    def _enter(self, entry: LedgerEntry) -> None:
        """Entries told again after a restart replace those they repeat."""
        while self.entries and self.entries[-1].next_offset > entry.from_offset:
            self.entries.pop()
        self.entries.append(entry)
        for verdict in entry.exceptions:
            assert self.verdicts.setdefault(verdict.offset, verdict) == verdict


class Run:
    """One partition folded by plan; checkpoints go through their bytes. `lifted_to` is up to where
    pauses of the breaker are lifted."""

    def __init__(
        self,
        log: list[Sent],
        start: int = 0,
        limits: Limits = OFF,
        replayed: Set[int] = frozenset(),
    ) -> None:
        self.log = log
        self.start = start
        self.limits = limits
        self.replayed = replayed
        self.lifted_to = 0
        self.reader = Reader()
        self.chain: list[list[bytes]] = []
        self.state = self._fresh()
        self.now = 0

    def follow(self, plan: Plan) -> Self:
        """Fold the whole log by plan, then tell everything."""
        position = 0
        for number, action, again in plan:
            position = self.fold(position, number)
            self.act(action)
            position = max(0, min(position, self._position()) - again)
        self.fold(0, len(self.log))
        self.act("tell")
        return self

    def fold(self, position: int, number: int) -> int:
        batch = self.log[position : position + number]
        self.state.apply(checked(self.state, batch), self.replayed)
        if batch:
            self.now = max(self.now, batch[-1][1])
        return position + len(batch)

    def act(self, action: str) -> None:
        if action in ("tell", "panes", "cut", "full"):
            self.take(self.state.emit(self.now, windows=action != "panes"))
        if action in ("cut", "full"):
            full = action == "full" or not self.chain
            self.chain = [] if full else self.chain
            self.chain.append(encode_cut(self.state.cut(full)))
        elif action == "crash":
            self.state = self._restored()
            self.state.breaker.lift(self.lifted_to)

    def resume(self) -> None:
        """Lift the pause, and fold on to the end or the next one."""
        self.lifted_to = self.state.breaker.paused_at
        self.state.breaker.lift(self.lifted_to)
        self.follow([])

    def take(self, emission: Emission) -> None:
        self.reader.take(emission)

    def _position(self) -> int:
        return sum(offset < self.state.next_offset for offset, _, _ in self.log)

    def _fresh(self) -> PartitionState:
        return PartitionState(3, GENERATION, self.start, CATALOGUE, limits=self.limits)

    def _restored(self) -> PartitionState:
        cuts: list[Cut] = [decode_cut(segments) for segments in self.chain]
        if not cuts:
            return self._fresh()
        return PartitionState.load(cuts, CATALOGUE, self.limits)


def snapshot(state: PartitionState) -> dict[str, object]:
    """Everything that the log determines, and nothing that depends on when it was told."""
    return {
        "next_offset": state.next_offset,
        "watermark": state.watermark,
        "as_of": state.as_of,
        "totals": state.totals,
        "ids": remembered(state),
        "held": state.book.held,
        "panes": {
            group: (panes.measures, panes.hours, panes.minutes)
            for group, panes in state.book.groups.items()
            if panes.hours or panes.minutes
        },
    }


def remembered(state: PartitionState) -> dict[bytes, bytes]:
    """Event id → what is known of it."""
    packed = state.ids.pack()
    entries = (packed[at : at + 27] for at in range(0, len(packed), 27))
    return {entry[:16]: entry[16:] for entry in entries}
