"""What the tables lack and Kafka has no more, as a rebuild finds it."""

from __future__ import annotations

from pipeline.core.judge import complete_from
from pipeline.operate.rebuild.lacking import lacking, line
from pipeline.sink.expired import Hole, unstored

APPENDED = 1_700_002_800_000
NOW = APPENDED + 86_400_000


def test_only_what_lies_between_the_tables_and_the_log_is_lacking() -> None:
    begins = {0: 7, 1: 7, 2: 7, 3: 7, 4: 0}
    first = dict.fromkeys((0, 1, 2), (7, APPENDED))
    found = lacking({0: 3, 1: 7, 2: 90, 3: 3, 4: 0}, begins, first, NOW)
    assert found == [Hole(0, 3, 7, APPENDED), Hole(3, 3, 7, NOW)]


def test_where_no_sink_has_said_anything_nothing_is_lacking() -> None:
    assert lacking({}, {0: 7}, {0: (7, APPENDED)}, NOW) == []


def test_it_is_written_down_and_told_as_a_sink_does() -> None:
    hole = Hole(2, 3, 1007, APPENDED)
    columns = unstored([hole], lambda partition: partition + 5).columns
    assert columns == {
        "generation": [7],
        "partition": [2],
        "from_offset": [3],
        "next_offset": [1007],
        "complete_from": [complete_from(APPENDED) // 1000],
    }
    said = (
        "partition 2: raw rows or outcomes of offsets 3 to 1,006, which Kafka has no more; "
        "panes before 2023-11-15T"
    )
    assert line(hole).startswith(said)
