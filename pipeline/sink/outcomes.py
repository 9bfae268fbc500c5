"""Ledger topic → tables `outcomes`, `gaps`, `beginnings` and `ledger`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Final

from pipeline.core.updates import Gap, LedgerEntry, Totals, Verdict
from pipeline.errors import SchemaError
from pipeline.sink.rows import Block, Converted, Record, Refused
from pipeline.wire.ledger import standing

OUTCOMES: Final = "outcomes"
GAPS: Final = "gaps"
BEGINNINGS: Final = "beginnings"
LEDGER: Final = "ledger"
_PLACE: Final = (
    "generation",
    "partition",
    "from_offset",
    "next_offset",
    "start_offset",
    "as_of",
    "watermark",
    "catalogue",
)
_TOTALS: Final = tuple(f.name for f in fields(Totals))


def convert(records: Sequence[Record]) -> Converted:
    """The ledger last: its row proves that what else is told below it is stored. Entries that are
    void, or tell of no offset, have no row."""
    entries: list[LedgerEntry] = []
    refused = []
    for record in records:
        try:
            entry = standing(record)
        except SchemaError:
            refused.append(Refused(record))
            continue
        if entry is not None and entry.from_offset < entry.next_offset:
            entries.append(entry)
    blocks = (
        _parts(OUTCOMES, entries, "exceptions", Verdict._fields),
        _parts(GAPS, entries, "gaps", Gap._fields),
        _beginnings(entries),
        _ledger(entries),
    )
    return Converted(tuple(block for block in blocks if block.rows), tuple(refused))


def _parts(table: str, entries: Sequence[LedgerEntry], part: str, names: Sequence[str]) -> Block:
    """A row for each item of a list in the entries, with `names` of its fields."""
    pairs = [(entry, item) for entry in entries for item in getattr(entry, part)]
    columns: dict[str, Sequence[object]] = {
        "generation": [entry.generation for entry, _ in pairs],
        "partition": [entry.partition for entry, _ in pairs],
    }
    for name in names:
        columns[name] = [getattr(item, name) for _, item in pairs]
    return Block(table, columns)


def _beginnings(entries: Sequence[LedgerEntry]) -> Block:
    """Where a fold began again above the first record: what was given up there is judged."""
    begun = [entry for entry in entries if 0 < entry.from_offset == entry.start_offset]
    names = ("generation", "partition", "start_offset")
    return Block(BEGINNINGS, {name: [getattr(entry, name) for entry in begun] for name in names})


def _ledger(entries: Sequence[LedgerEntry]) -> Block:
    columns: dict[str, Sequence[object]] = {
        name: [getattr(entry, name) for entry in entries] for name in _PLACE
    }
    for name in _TOTALS:
        columns[name] = [getattr(entry.totals, name) for entry in entries]
    return Block(LEDGER, columns)
