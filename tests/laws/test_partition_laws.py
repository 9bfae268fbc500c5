"""The fold is a function of the log: cuts, crashes and repeats change nothing that is told."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.updates import Gap, Loss, Totals
from tests.support.logs import Step, make_log, many, steps
from tests.support.naive import HOUR_MS, Naive
from tests.support.runs import MASK, Plan, Run, snapshot

actions = st.sampled_from(("none", "tell", "tell", "panes", "cut", "cut", "full", "crash"))
plans = st.lists(st.tuples(st.integers(0, 12), actions, st.integers(0, 5)), max_size=14)


@many
@given(script=steps, plan=plans, start=st.sampled_from([0, 17]))
def test_however_a_log_is_folded_the_state_and_the_last_of_each_row_are_the_same(
    script: list[Step], plan: Plan, start: int
) -> None:
    log = make_log(script, start)
    plain, broken = Run(log, start).follow([]), Run(log, start).follow(plan)
    assert snapshot(broken.state) == snapshot(plain.state)
    broken.act("cut")
    broken.act("crash")
    assert snapshot(broken.state) == snapshot(plain.state)
    assert broken.reader.verdicts == plain.reader.verdicts
    assert broken.reader.contents() == plain.reader.contents()


@many
@given(script=steps)
def test_every_record_gets_the_outcome_that_the_design_gives_it(script: list[Step]) -> None:
    log = make_log(script)
    run, naive = Run(log).follow([]), Naive().fold(log)
    verdicts = run.reader.verdicts
    given_outcomes = {
        offset: (str(verdicts[offset].outcome), verdicts[offset].reason == "conflicting")
        if offset in verdicts
        else ("accepted", False)
        for offset, _, _ in log
    }
    assert given_outcomes == naive.outcomes
    assert run.state.watermark == naive.watermark


@many
@given(script=steps, plan=plans)
def test_every_pane_told_last_is_a_recount_of_accepted_minus_retracted(
    script: list[Step], plan: Plan
) -> None:
    log = make_log(script)
    run, naive = Run(log).follow(plan), Naive().fold(log)
    told = set()
    for (group, hour, measure), (version, counts) in run.reader.panes.items():
        told.add((group, hour))
        if counts is not None:
            expected = naive.counts(group, hour, hour + HOUR_MS, version & MASK)
            assert list(counts) == expected[measure]
            assert expected == naive.counts(group, hour, hour + HOUR_MS, log[-1][0] + 1)
    for one in naive.counted:
        assert (one.group, one.occurred_at // HOUR_MS * HOUR_MS) in told


@many
@given(script=steps, plan=plans, start=st.sampled_from([0, 17]))
def test_ledger_entries_follow_each_other_and_their_equations_hold(
    script: list[Step], plan: Plan, start: int
) -> None:
    log = make_log(script, start)
    if not log:
        return
    entries = Run(log, start).follow(plan).reader.entries
    assert entries[0].from_offset == start
    assert entries[-1].next_offset == log[-1][0] + 1
    assert all(a.next_offset == b.from_offset for a, b in pairwise(entries))
    for entry in entries:
        assert_balanced(entry.totals, entry.next_offset - entry.start_offset)
        assert entry.start_offset == start
        inside = range(entry.from_offset, entry.next_offset)
        assert all(verdict.offset in inside for verdict in entry.exceptions)
    told = [verdict for entry in entries for verdict in entry.exceptions]
    assert entries[-1].totals.accepted == len(log) - len(told)
    for outcome in ("duplicate", "late", "retraction", "dead_letter"):
        assert getattr(entries[-1].totals, outcome) == sum(v.outcome == outcome for v in told)


@many
@given(script=steps, sizes=st.lists(st.integers(1, 8)), lost=st.integers(1, 30))
def test_after_every_batch_all_records_are_accounted_for(
    script: list[Step], sizes: list[int], lost: int
) -> None:
    log = make_log(script)
    run, position = Run(log), 0
    for size in [*sizes, len(log)]:
        position = run.fold(position, size)
        assert_balanced(run.state.totals, run.state.next_offset)
        assert run.state.totals.received == position
    end = run.state.next_offset
    run.state.lose(Loss(end + lost))
    run.state.lose(Loss(end))
    assert run.state.totals.missing == lost
    assert_balanced(run.state.totals, run.state.next_offset)
    entry = run.state.emit(0, windows=False).entry
    assert entry is not None
    assert entry.gaps == (Gap(end, end + lost),)
    assert run.state.emit(0, windows=False).entry is None


@many
@given(script=steps, sizes=st.lists(st.integers(1, 8)))
def test_marks_count_alike_by_themselves_and_with_the_record_that_follows(
    script: list[Step], sizes: list[int]
) -> None:
    log = make_log(script)
    run, position = Run(log), 0
    for size in sizes:
        position = run.fold(position, size)
        if position < len(log):
            run.state.skip(log[position][0])
            assert_balanced(run.state.totals, run.state.next_offset)
    assert snapshot(run.follow([]).state) == snapshot(Run(log).follow([]).state)


def assert_balanced(totals: Totals, read: int) -> None:
    outcomes = (totals.accepted, totals.duplicate, totals.late, totals.retraction)
    assert totals.received == sum(outcomes) + totals.dead_letter
    assert read == totals.received + totals.missing + totals.marker
