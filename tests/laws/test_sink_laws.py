"""What becomes of a record in the tables does not depend on the batches it comes in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from pipeline.sink.rows import Convert, Note, Record
from tests.simulation.store import Row, rows_of
from tests.support.logs import Step, make_log, steps
from tests.support.runs import Plan
from tests.support.sinks import converters, plans, told

Stored = tuple[dict[tuple[str, Row], tuple[int, Row]], set[Note]]
"""(table, key) → version and content; and the notes."""


def stored(batches: Iterable[Sequence[Record]], converts: Sequence[Convert]) -> Stored:
    """As ClickHouse keeps rows: of each key the highest version, of equal ones the last."""
    tables: dict[tuple[str, Row], tuple[int, Row]] = {}
    notes: set[Note] = set()
    for batch in batches:
        for convert in converts:
            converted = convert(batch)
            assert not converted.refused
            notes.update(converted.notes)
            for block in converted.blocks:
                for key, version, content in rows_of(block):
                    known = tables.get((block.table, key), (version, content))
                    if known[0] <= version:
                        tables[block.table, key] = version, content
    return tables, notes


@given(script=steps, plan=plans, data=st.data())
def test_rows_and_notes_do_not_depend_on_batches_their_order_and_repetition(
    script: list[Step], plan: Plan, data: st.DataObject
) -> None:
    records, convert = told(make_log(script), plan), converters()
    for topic, all_of_it in records.items():
        size = data.draw(st.integers(1, 20))
        whole = [all_of_it[at : at + size] for at in range(0, len(all_of_it), size)]
        ends = data.draw(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=4))
        again = [all_of_it[min(pair) : max(pair)] for pair in ends]
        batches = data.draw(st.permutations(whole + again))
        assert stored(batches, convert[topic]) == stored([all_of_it], convert[topic])
