"""The breaker trips where the log says, however the log is folded."""

from __future__ import annotations

import uuid
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.breaker import BUCKETS, Limits
from pipeline.core.reasons import Reason
from tests.support.logs import many
from tests.support.runs import Plan, Run, snapshot
from tests.support.world import GROUPS, START, Sent, response

WINDOW: Final = 30_000
WIDTH: Final = WINDOW // BUCKETS
LIMITS: Final = Limits(records=6, share=0.5, window_ms=WINDOW)

Story = list[tuple[int, str]]
"""(ms since the record before, what it is)."""

jumps = st.sampled_from((*(0, 0, 0, 1, WIDTH - 1, WIDTH, 5 * WIDTH), *(WINDOW, -2 * WIDTH)))
kinds = st.sampled_from(("good", "good", "bad", "bad", "bad", "again"))
stories = st.lists(st.tuples(jumps, kinds), min_size=1, max_size=60)
actions = st.sampled_from(("none", "tell", "cut", "full", "crash"))
plans = st.lists(st.tuples(st.integers(0, 12), actions, st.integers(0, 5)), max_size=10)


def make(story: Story, start: int) -> tuple[list[Sent], set[int]]:
    """The log of a story, and which offsets were replayed; those are dead letters again."""
    log: list[Sent] = []
    replayed = set()
    clock = START
    for offset, (jump, kind) in enumerate(story, start):
        clock += jump
        if kind == "again":
            replayed.add(offset)
        good = response(event_id=str(uuid.UUID(int=offset)), **GROUPS[0]._asdict())
        log.append((offset, clock, good if kind == "good" else Reason.TRUNCATED))
    return log, replayed


def pauses(log: list[Sent], replayed: set[int]) -> list[int]:
    """Where it must trip when each pause is lifted, counted anew for every dead letter."""
    found = []
    seen: list[tuple[int, bool]] = []  # part of the window, dead
    for offset, appended_at, record in log:
        if offset in replayed:
            continue
        dead = isinstance(record, Reason)
        seen.append((max([appended_at // WIDTH, *(part for part, _ in seen)]), dead))
        window = [bad for part, bad in seen if part > seen[-1][0] - BUCKETS]
        if dead and len(window) >= LIMITS.records and 2 * sum(window) >= len(window):
            found.append(offset + 1)
            seen = []
    return found


def pauses_of(run: Run, plan: Plan) -> list[int]:
    """Where a fold by plan does trip, each pause lifted."""
    run.follow(plan)
    found = []
    while run.state.breaker.paused_at:
        assert run.state.next_offset == run.state.breaker.paused_at
        found.append(run.state.next_offset)
        run.act("cut")
        run.act("crash")
        assert run.state.breaker.paused_at == found[-1]
        run.resume()
    return found


@many
@given(story=stories, plan=plans, start=st.sampled_from([0, 17]))
def test_it_trips_at_the_same_offset_however_the_log_is_cut_killed_and_restored(
    story: Story, plan: Plan, start: int
) -> None:
    log, replayed = make(story, start)
    run = Run(log, start, LIMITS, replayed)
    assert pauses_of(run, plan) == pauses(log, replayed)
    assert snapshot(run.state) == snapshot(Run(log, start).follow([]).state)


@many
@given(story=stories, plan=plans)
def test_records_that_were_replayed_never_trip_it(story: Story, plan: Plan) -> None:
    again = [(jump, "good" if kind == "good" else "again") for jump, kind in story]
    log, replayed = make(again, 0)
    assert pauses_of(Run(log, 0, LIMITS, replayed), plan) == []


@given(story=stories)
def test_what_was_lifted_beforehand_does_not_pause_again(story: Story) -> None:
    log, replayed = make(story, 0)
    expected = pauses(log, replayed)
    if not expected:
        return
    run = Run(log, 0, LIMITS, replayed)
    run.state.breaker.lift(expected[0])
    run.follow([])
    assert run.state.breaker.paused_at == (expected[1] if expected[1:] else 0)
