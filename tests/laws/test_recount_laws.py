"""What the fold counts is what a recount of raw rows and outcomes gives, below every version."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.logs import Step, make_log, many, steps
from tests.support.naive import HOUR_MS, Naive


@many
@given(script=steps, cut=st.integers(0, 60))
def test_hours_without_late_records_recount_to_what_the_fold_counted(
    script: list[Step], cut: int
) -> None:
    log = make_log(script)
    naive = Naive().fold(log)
    below = log[min(cut, len(log) - 1)][0] + 1 if log else 0
    late = {(group, hour) for offset, group, hour in naive.late if offset < below}
    hours = {(one.group, one.occurred_at // HOUR_MS * HOUR_MS) for one in naive.counted}
    for group, hour in hours - late:
        folded = naive.counts(group, hour, hour + HOUR_MS, below)
        assert naive.recounted(group, hour, below) == folded
