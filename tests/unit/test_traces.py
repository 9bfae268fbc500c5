"""What became of an event, from its copies and the ledger."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.operate.traces import (
    BEFORE_START,
    NOT_JUDGED,
    Copy,
    Judged,
    changed_panes,
    counted,
    judge,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def copy(offset: int, outcome: str = "", *, partition: int = 0, retracted: bool = False) -> Copy:
    return Copy(1, partition, offset, NOW, NOW, None, retracted, outcome=outcome or NOT_JUDGED)


def test_a_copy_without_an_exception_is_accepted_only_where_the_ledger_has_been() -> None:
    judged = Judged(2, 6, {4: ("dead_letter", "truncated")})
    outcomes = [judge(copy(offset), judged) for offset in (1, 2, 4, 5, 6)]
    assert [(c.outcome, c.reason) for c in outcomes] == [
        (BEFORE_START, ""),
        ("accepted", ""),
        ("dead_letter", "truncated"),
        ("accepted", ""),
        (NOT_JUDGED, ""),
    ]
    assert judge(copy(0), None).outcome == NOT_JUDGED


def test_a_response_and_its_retraction_change_the_pane_and_leave_nothing_counted() -> None:
    response, back = copy(0, "accepted"), copy(2, "retraction", retracted=True)
    copies = [response, copy(1, "duplicate"), back, copy(3, "duplicate", retracted=True)]
    assert changed_panes(copies) == [response, back]
    assert counted(copies) == 0
    assert counted(copies[:2]) == 1


def test_a_response_after_its_retraction_changes_nothing() -> None:
    copies = [copy(0, "retraction", retracted=True), copy(1, "accepted")]
    assert changed_panes(copies) == []
    assert counted(copies) == 0


def test_late_copies_count_and_retractions_reach_their_own_partition_only() -> None:
    late, elsewhere = copy(0, "late"), copy(0, "accepted", partition=1)
    back = copy(5, "late", partition=1, retracted=True)
    assert changed_panes([back, elsewhere, late]) == [late, elsewhere, back]
    assert counted([back, elsewhere, late]) == 1
    assert counted([elsewhere, late]) == 2


def test_dead_letters_and_copies_not_judged_change_nothing() -> None:
    copies = [copy(0, "dead_letter"), copy(1)]
    assert changed_panes(copies) == []
    assert counted(copies) == 0
