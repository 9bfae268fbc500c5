"""Which outcomes and totals hold no more once a fold has told of their offsets again."""

from __future__ import annotations

from pipeline.core.updates import LedgerEntry, Totals, Verdict
from pipeline.operate.rebuild.retold import Retold, overruled


def entry(begin: int, end: int, *exceptions: int) -> LedgerEntry:
    verdicts = tuple(Verdict(offset, "dead_letter", "unknown_survey") for offset in exceptions)
    return LedgerEntry(1, 0, begin, end, 0, 0, 0, "", Totals(), verdicts)


def excepted(one: LedgerEntry, offset: int) -> bool:
    return offset in {verdict.offset for verdict in one.exceptions}


def test_the_last_entry_that_tells_of_an_offset_decides() -> None:
    again = [entry(0, 10, 2, 5), entry(4, 8, 6), entry(10, 20, 11)]
    stored = [2, 5, 6, 7, 11, 12]
    assert sorted(overruled(stored, again, excepted)) == [5, 7, 12]


def test_what_nobody_told_again_stays() -> None:
    assert [*overruled([1, 2, 30], [entry(4, 8)], excepted)] == []


def seen(*entries: LedgerEntry) -> list[LedgerEntry]:
    retold = Retold()
    for one in entries:
        retold.see(one)
    return [one for found in retold.entries.values() for one in found]


def test_entries_of_a_fold_that_began_again_are_collected_until_it_is_as_far() -> None:
    first = [entry(0, 10), entry(10, 20), entry(20, 30)]
    again = [entry(0, 15), entry(15, 25), entry(20, 28), entry(28, 40)]
    assert seen(*first, *again, entry(40, 50)) == again


def test_what_a_restart_or_a_late_sleeper_tells_again_is_not() -> None:
    assert seen(entry(0, 10), entry(10, 20), entry(10, 30), entry(5, 12)) == []
    again = entry(0, 8)
    assert seen(entry(0, 10), entry(10, 20), again, entry(18, 20)) == [again]
