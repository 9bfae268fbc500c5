"""The time to resume: from a fault until every partition is told beyond it."""

from __future__ import annotations

from pipeline.operate.drill.marks import Marks, longest


def test_a_mark_passes_when_the_last_partition_is_told_beyond_it() -> None:
    marks = Marks(partitions=2)
    mark = marks.set("killed", at=10_000)
    marks.see(0, as_of=10_001, at=11_000)
    marks.see(0, as_of=10_500, at=12_000)
    assert marks.open() == [mark]
    assert not mark.passed.is_set()
    marks.see(1, as_of=10_002, at=16_500)
    assert mark.seconds == 6.5
    assert mark.passed.is_set()


def test_what_was_sent_before_the_fault_says_nothing_however_late_it_is_told() -> None:
    marks = Marks(partitions=1)
    mark = marks.set("killed", at=10_000)
    marks.see(0, as_of=10_000, at=15_000)
    assert mark.seconds is None
    assert marks.wanted(0)


def test_each_mark_counts_from_its_own_moment_and_the_longest_is_told() -> None:
    marks = Marks(partitions=1)
    marks.set("first", at=1_000)
    marks.set("second", at=5_000)
    marks.see(0, as_of=2_000, at=6_000)
    assert [mark.seconds for mark in marks.all] == [5.0, None]
    assert longest(marks.all) is None
    marks.see(0, as_of=6_000, at=7_000)
    assert longest(marks.all) == 5.0
    assert not marks.wanted(0)


def test_without_a_fault_nothing_had_to_resume() -> None:
    assert longest(Marks(partitions=1).all) == 0.0
