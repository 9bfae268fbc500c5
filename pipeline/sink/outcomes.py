"""Ledger topic → tables `outcomes`, `gaps` and `ledger`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Final

from pipeline.core.updates import LedgerEntry, Totals
from pipeline.errors import SchemaError
from pipeline.sink.rows import Block, Converted, Record, Refused
from pipeline.wire.ledger import decode_entry

OUTCOMES: Final = "outcomes"
GAPS: Final = "gaps"
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
    """The ledger last: its row proves that the outcomes and gaps below it are stored."""
    entries: list[LedgerEntry] = []
    refused = []
    for record in records:
        try:
            entries.append(decode_entry(record.value or b""))
        except SchemaError:
            refused.append(Refused(record))
    blocks = (_outcomes(entries), _gaps(entries), _ledger(entries))
    return Converted(tuple(block for block in blocks if block.rows), tuple(refused))


def _outcomes(entries: Sequence[LedgerEntry]) -> Block:
    verdicts = [(entry, verdict) for entry in entries for verdict in entry.exceptions]
    return Block(
        OUTCOMES,
        {
            "generation": [entry.generation for entry, _ in verdicts],
            "partition": [entry.partition for entry, _ in verdicts],
            "offset": [verdict.offset for _, verdict in verdicts],
            "outcome": [verdict.outcome for _, verdict in verdicts],
            "reason": [verdict.reason for _, verdict in verdicts],
        },
    )


def _gaps(entries: Sequence[LedgerEntry]) -> Block:
    gaps = [(entry, gap) for entry in entries for gap in entry.gaps]
    return Block(
        GAPS,
        {
            "generation": [entry.generation for entry, _ in gaps],
            "partition": [entry.partition for entry, _ in gaps],
            "from_offset": [gap.from_offset for _, gap in gaps],
            "next_offset": [gap.next_offset for _, gap in gaps],
        },
    )


def _ledger(entries: Sequence[LedgerEntry]) -> Block:
    columns: dict[str, Sequence[object]] = {
        name: [getattr(entry, name) for entry in entries] for name in _PLACE
    }
    for name in _TOTALS:
        columns[name] = [getattr(entry.totals, name) for entry in entries]
    return Block(LEDGER, columns)
