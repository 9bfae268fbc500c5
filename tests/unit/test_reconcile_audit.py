"""Which of the responses of one event are one too many."""

from __future__ import annotations

from dataclasses import replace

from pipeline.core.updates import Group
from pipeline.operate.reconcile.audit import Said, surplus
from pipeline.operate.reconcile.journals import Origin

GROUP = Group("va", "va-vha", "email", "va-vha-post-visit")


def said(partition: int, offset: int = 0, **changes: object) -> Said:
    """A response; it was received the earlier, the lower its partition."""
    one = Said(Origin(1, partition), offset, "e", 1_000, 2_000 + partition, GROUP)
    return replace(one, **changes)  # type: ignore[arg-type]


def back(partition: int, offset: int, outcome: str = "retraction", **changes: object) -> Said:
    return said(partition, offset, retracted=True, outcome=outcome, **changes)


def test_of_several_partitions_the_response_that_was_received_first_stays() -> None:
    assert surplus([said(0), said(1), said(2)]) == [said(1), said(2)]
    assert surplus([said(0, received_at=5_000), said(1)]) == [said(0, received_at=5_000)]


def test_what_does_not_count_is_no_surplus() -> None:
    assert surplus([said(0), said(1, outcome="dead_letter"), said(2, outcome="duplicate")]) == []
    assert surplus([said(0), said(1), back(1, 1)]) == [said(0)]  # its emitter took it back
    assert surplus([said(0), said(0, 1, outcome="late")]) == []  # the fold counts the first


def test_a_retraction_takes_back_what_is_in_other_partitions() -> None:
    assert surplus([said(0), back(1, 0)]) == [said(0)]
    assert surplus([said(0), said(1), back(2, 0, "late")]) == [said(0), said(1)]


def test_a_retraction_of_another_time_or_group_or_that_is_dead_takes_nothing_back() -> None:
    for other in (
        back(1, 0, occurred_at=3_000),
        back(1, 0, group=GROUP._replace(channel="phone")),
        back(1, 0, "dead_letter"),
    ):
        assert surplus([said(0), other]) == []


def test_after_a_repair_nothing_is_left_and_the_first_response_stays() -> None:
    mended = [said(0), said(1), back(1, 1, repair=True)]
    assert surplus(mended) == []
    assert surplus([*mended, back(1, 2, "duplicate", repair=True)]) == []


def test_a_retraction_where_a_repair_was_before_takes_the_rest_back() -> None:
    log = [said(0), said(1), back(1, 1, repair=True), back(1, 2, "duplicate")]
    assert surplus(log) == [said(0)]


def test_an_id_given_twice_counts_once_though_the_contents_differ() -> None:
    assert surplus([said(0), said(1, occurred_at=9_000)]) == [said(1, occurred_at=9_000)]
