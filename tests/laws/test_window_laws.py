"""Rolling windows: every row is a plain recount, and whoever reads the rows is never behind."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.partition import Emission
from pipeline.core.updates import Group
from pipeline.core.windows import HOUR, MINUTE
from tests.support.logs import Step, make_log, many, steps
from tests.support.naive import Naive
from tests.support.runs import MASK, Run
from tests.support.world import DAY, GROUPS

LENGTHS = {"1h": (HOUR, MINUTE), "24h": (DAY, HOUR), "7d": (7 * DAY, HOUR), "28d": (28 * DAY, HOUR)}
"""Window → its length and that of its panes, in ms."""

waits = st.sampled_from(
    (
        *(0, 0, 1, 250, MINUTE - 1, MINUTE, 61 * MINUTE, HOUR, DAY, 30 * DAY),
        *(-1, -MINUTE, -HOUR // 2),
    )
)
"""How far the worker's clock moved on, beyond the log's; set back, windows wait for it."""

actions = st.sampled_from(("tell", "tell", "tell", "panes", "crash", "cut", "full"))
moves = st.lists(st.tuples(st.integers(0, 6), waits, actions), max_size=16)


class Watch(Run):
    """A run that looks at every emission: what it says, and what it leaves unsaid."""

    def __init__(self, script: list[Step]) -> None:
        super().__init__(make_log(script))
        self.naive = Naive().fold(self.log)
        self.shown_at = self.told_to = 0
        self.back = HOUR

    def move(self, number: int, wait: int, action: str) -> None:
        done = sum(offset < self.state.next_offset for offset, _, _ in self.log)
        self.fold(done, number)
        self.now = max(self.now + max(wait, -self.back), self.state.as_of - HOUR // 2, 0)
        self.shown_at = max(self.shown_at, self.now)
        if action == "crash":  # a new process knows nothing of a clock set back before it
            self.now, self.back = self.shown_at, 0
        else:
            self.back = HOUR
        self.act(action)
        if action in ("tell", "cut", "full") and self.state.next_offset >= self.told_to:
            self.told_to = self.state.next_offset  # a restored fold first has to come back here
            for group, window in product(GROUPS, LENGTHS):
                self.check_told(group, window)

    def check_told(self, group: Group, window: str) -> None:
        """The newest row of a window is right now, or nothing is in it and nothing was."""
        length, pane = LENGTHS[window]
        end = (self.shown_at // pane + 1) * pane
        is_now = self.flat(group, end - length, end, self.state.next_offset)
        told_end, _, told = self.reader.windows.get((group, window), (0, 0, ()))
        if told_end == end:
            assert told == is_now
        else:
            assert not any(is_now), "not told"
            assert not any(told), "no zero row"

    def take(self, emission: Emission) -> None:
        super().take(emission)
        for update in emission.updates:
            for row in update.windows:
                length, pane = LENGTHS[row.window]
                assert row.window_end == (self.shown_at // pane + 1) * pane
                start, below = row.window_end - length, update.version & MASK
                assert row.counts == self.flat(update.group, start, row.window_end, below)

    def flat(self, group: Group, start: int, end: int, below: int) -> tuple[int, ...]:
        counts = self.naive.counts(group, start, end, below)
        return tuple(count for six in counts.values() for count in six)


@many
@given(script=steps, plan=moves)
def test_window_rows_are_recounts_and_whoever_reads_them_is_never_behind(
    script: list[Step], plan: list[tuple[int, int, str]]
) -> None:
    watch = Watch(script)
    for move in plan:
        watch.move(*move)
    watch.move(len(watch.log), DAY, "tell")
    watch.move(0, 60 * DAY, "tell")
    assert not any(any(counts) for _, _, counts in watch.reader.windows.values())
