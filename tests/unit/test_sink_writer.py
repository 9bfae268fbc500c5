from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import islice

import pytest
from aiokafka import ConsumerRecord

from pipeline.errors import BadRowError, TransientStoreError
from pipeline.sink.backoff import FIRST_SECONDS, LONGEST_SECONDS, delays
from pipeline.sink.rows import Block, Converted, Record, Refused
from pipeline.sink.writer import Writer


def record(offset: int, value: bytes = b"") -> Record:
    made: Record = ConsumerRecord("t", 0, offset, 0, 1, None, value, None, 0, 0, ())
    return made


def offsets(records: Sequence[Record]) -> Converted:
    if any(r.value == b"bug" for r in records):
        raise KeyError("a bug in the conversion")
    refused = tuple(Refused(r) for r in records if r.value == b"refused")
    return Converted((Block("t", {"offset": [r.offset for r in records]}),), refused)


class Shelf:
    """A table that takes no row of `bad`, as ClickHouse refuses a whole block for one row."""

    def __init__(self, *bad: int) -> None:
        self.bad = set(bad)
        self.rows: set[object] = set()
        self.refused: list[tuple[int, str]] = []

    async def insert(self, block: Block) -> None:
        if self.bad & set(block.columns["offset"]):
            raise BadRowError("refused", 469)
        self.rows.update(block.columns["offset"])

    async def send(self, refused: Sequence[Refused]) -> None:
        self.refused += [(one.record.offset, one.reason) for one in refused]


async def test_bad_rows_are_found_and_all_others_are_stored() -> None:
    shelf = Shelf(3, 77, 78)
    await Writer(offsets, shelf, shelf).write([record(n) for n in range(100)])
    assert shelf.rows == set(range(100)) - {3, 77, 78}
    assert sorted(shelf.refused) == [(n, "store_refused_469") for n in (3, 77, 78)]


async def test_a_record_that_breaks_the_conversion_is_set_aside_too() -> None:
    shelf = Shelf()
    records = [record(0), record(1, b"bug"), record(2, b"refused"), record(3)]
    await Writer(offsets, shelf, shelf).write(records)
    assert shelf.rows == {0, 2, 3}
    assert sorted(shelf.refused) == [(1, "unconvertible"), (2, "undecodable")]


async def test_an_outage_is_the_callers_business() -> None:
    class Away(Shelf):
        async def insert(self, block: Block) -> None:
            raise TransientStoreError("away")

    with pytest.raises(TransientStoreError):
        await Writer(offsets, Away(), Shelf()).write([record(0), record(1)])


def test_delays_double_with_jitter_up_to_the_longest() -> None:
    found = list(islice(delays(random.Random(1)), 20))
    assert found[0] == FIRST_SECONDS
    assert all(LONGEST_SECONDS / 2 <= delay <= LONGEST_SECONDS for delay in found[8:])
    assert len(set(found[8:])) > 1
