"""Which partitions a score worker is far behind in."""

from __future__ import annotations

from pipeline.operate.reconcile.journals import Journal, Origin
from pipeline.operate.reconcile.logs import LogBounds, caught_up

FRONT, BACK, GONE = Origin(1, 0), Origin(1, 1), Origin(1, 2)


def test_only_lives_that_go_on_and_are_told_almost_to_their_end_are_caught_up() -> None:
    bounds = {
        0: LogBounds(1, 0, 100, None),
        1: LogBounds(1, 0, 111, None),
        2: LogBounds(2, 0, 0, 0),
    }
    journals = {origin: Journal(origin, 0, 100, 90, 0) for origin in (FRONT, BACK, GONE)}
    assert set(caught_up(bounds, journals, 10)) == {FRONT}
    assert set(caught_up(bounds, journals, 11)) == {FRONT, BACK}
