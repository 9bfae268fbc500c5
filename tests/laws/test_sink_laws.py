"""What becomes of records in the tables does not depend on their batches, nor on crashes of sinks.

The same law on the real engine: `tests/contract/test_sink_idempotence.py`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence
from typing import cast
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from pipeline.sink import repairs
from pipeline.sink.expired import Lack
from pipeline.sink.rows import Convert, Note, Record
from pipeline.sink.target import Tables
from tests.simulation.broker import Trace
from tests.simulation.loop import VirtualLoop
from tests.simulation.store import Row, Store, rows_of
from tests.support.logs import Step, make_log
from tests.support.owners import PARTITION
from tests.support.runs import MASK, Plan
from tests.support.sinks import (
    Fuse,
    Records,
    Stay,
    converters,
    due,
    given_up,
    plans,
    scripts,
    sink_all,
    stays,
    told,
)

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


@given(script=scripts, plan=plans, data=st.data())
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


class Memory(Store):
    """The store of the simulation, at once and without weather; its users die at a write."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__(cast(VirtualLoop, None), random.Random(0), Trace())
        self._fuse = fuse

    async def _arrive(self) -> None: ...

    async def _write(self, table: str, rows: list[tuple[Row, int, Row]]) -> None:
        self._fuse.burn()
        for row in rows:
            self._put(table, *row)
        self._fuse.burn()


async def _all(tables: Tables) -> dict[tuple[int, int], Lack]:
    """Nothing has expired."""
    return {}


def ended(records: Records, happened: list[Stay]) -> dict[str, dict[Row, tuple[int, Row]]]:
    """The tables once sinks have stored it all."""
    fuse = Fuse()
    store = Memory(fuse)
    with (
        patch.object(repairs, "reach", lambda tables, *which: tables.reach(*which)),
        patch.object(repairs, "lacks", _all),
        patch.object(repairs, "recount", lambda tables, notes: tables.recount(notes)),
    ):
        asyncio.run(sink_all(cast(Tables, store), fuse, records, happened))
    gaps = given_up(records)
    # A recount may know of no gap yet.
    for _, version, conflict in store.conflicts.get(PARTITION, ()):
        assert any(gap.from_offset < version & MASK < gap.next_offset for gap in gaps), conflict
    return store.tables


def counted(tables: dict[str, dict[Row, tuple[int, Row]]]) -> dict[Row, list[int]]:
    """What panes count, by group, hour and measure."""
    rows = tables["score_panes"].items()
    return {
        (*key[1:5], key[0] * 1000, key[5]): list(counts)
        for key, (_, (counts, _)) in rows
        if any(counts)
    }


@given(script=scripts, plan=plans, happened=stays)
def test_repeats_crashes_and_zombies_of_sinks_leave_no_trace(
    script: list[Step], plan: Plan, happened: list[Stay]
) -> None:
    log = make_log(script)
    records = told(log, plan)
    once = ended(records, [])
    assert counted(once) == due(log, records)
    assert ended(records, happened) == once
