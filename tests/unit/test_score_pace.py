"""The rhythm of telling: at once while live, each second and without windows while far behind."""

from __future__ import annotations

from pipeline.score.pace import Pace


def test_a_change_is_told_at_once_while_live() -> None:
    pace = Pace(behind_records=1000)
    assert pace.told(now=10.0, lag=0, minute=1)
    assert pace.due(now=10.001, lag=5, changed=True, minute=1)


def test_without_a_change_it_waits_for_the_next_pane() -> None:
    pace = Pace(behind_records=1000)
    pace.told(now=10.0, lag=0, minute=1)
    assert not pace.due(now=50.0, lag=0, changed=False, minute=1)
    assert pace.due(now=50.0, lag=0, changed=False, minute=2)


def test_far_behind_it_tells_once_a_second_and_no_windows() -> None:
    pace = Pace(behind_records=1000)
    assert not pace.told(now=10.0, lag=1001, minute=1)
    assert not pace.due(now=10.9, lag=1001, changed=True, minute=2)
    assert pace.due(now=11.0, lag=1001, changed=True, minute=2)


def test_it_counts_as_caught_up_only_when_most_of_the_lag_is_gone() -> None:
    pace = Pace(behind_records=1000)
    pace.told(now=10.0, lag=1001, minute=1)
    assert not pace.told(now=11.0, lag=101, minute=1)
    assert pace.told(now=12.0, lag=100, minute=1)
    assert pace.told(now=13.0, lag=1000, minute=1)


def test_windows_come_with_the_first_pane_after_catching_up_though_nothing_changed() -> None:
    pace = Pace(behind_records=1000)
    pace.told(now=10.0, lag=5000, minute=1)
    assert pace.due(now=10.1, lag=0, changed=False, minute=1)
