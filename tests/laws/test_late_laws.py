"""Late records: their hours go to the sink, once, in the emission that covers them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.partition import Emission
from pipeline.core.updates import make_version
from tests.support.logs import Step, make_log, many, steps
from tests.support.naive import HOUR_MS, Naive
from tests.support.runs import GENERATION, Plan, Run

actions = st.sampled_from(("none", "tell", "panes", "cut", "full", "crash"))
plans = st.lists(st.tuples(st.integers(0, 8), actions, st.integers(0, 5)), max_size=14)


class Watch(Run):
    """A run that holds every emission against the late records it covers."""

    def __init__(self, script: list[Step]) -> None:
        super().__init__(make_log(script))
        self.naive = Naive().fold(self.log)

    def take(self, emission: Emission) -> None:
        super().take(emission)
        entry, due = emission.entry, set()
        if entry is not None:
            covered = range(entry.from_offset, entry.next_offset)
            due = {(group, hour) for at, group, hour in self.naive.late if at in covered}
        updates = emission.updates
        noted = [(update.group, hour) for update in updates for hour in update.repairs]
        assert sorted(noted) == sorted(due)
        version = make_version(GENERATION, self.state.next_offset)
        assert {update.version for update in updates} <= {version}
        for update in updates:
            assert list(update.repairs) == sorted(update.repairs)


@many
@given(script=steps, plan=plans)
def test_each_emission_notes_the_hours_of_the_late_records_it_covers_and_no_others(
    script: list[Step], plan: Plan
) -> None:
    Watch(script).follow(plan)


@many
@given(script=steps, plan=plans)
def test_a_pane_that_expired_before_it_was_told_is_told_or_recounted(
    script: list[Step], plan: Plan
) -> None:
    run = Watch(script).follow(plan)
    noted = {(group, hour) for _, group, hour in run.naive.late}
    for one in run.naive.counted:
        key = (one.group, one.occurred_at // HOUR_MS * HOUR_MS, "response")
        assert (run.reader.panes[key][1] is None) == (key[:2] in noted)
