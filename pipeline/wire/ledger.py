"""Ledger entries: core values ⇄ Avro bytes (`schemas/ledger_entry.avsc`)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final, Protocol, TypedDict, cast

from pipeline.core.updates import ANYWHERE, Gap, LedgerEntry, Totals, Verdict
from pipeline.wire.avro import codec


class _Verdict(TypedDict):
    offset: int
    outcome: str
    reason: str


class _Gap(TypedDict):
    from_offset: int
    next_offset: int


class _Entry(TypedDict):
    generation: int
    partition: int
    from_offset: int
    next_offset: int
    start_offset: int
    as_of: int
    watermark: int
    catalogue: str
    totals: dict[str, int]
    exceptions: list[_Verdict]
    gaps: list[_Gap]
    own_offset: int


_LISTS: Final = ("exceptions", "gaps")


def encode_entry(entry: LedgerEntry) -> bytes:
    """Single-object bytes of one entry."""
    record = {name: getattr(entry, name) for name in _Entry.__annotations__}
    record["totals"] = asdict(entry.totals)
    record |= {name: [item._asdict() for item in record[name]] for name in _LISTS}
    return codec("ledger_entry").encode(record)


def decode_entry(value: bytes) -> LedgerEntry:
    """The entry in `value`. Raises SchemaError when the bytes are none."""
    raw = cast(_Entry, codec("ledger_entry").decode(value))
    return LedgerEntry(
        generation=raw["generation"],
        partition=raw["partition"],
        from_offset=raw["from_offset"],
        next_offset=raw["next_offset"],
        start_offset=raw["start_offset"],
        as_of=raw["as_of"],
        watermark=raw["watermark"],
        catalogue=raw["catalogue"],
        totals=Totals(**raw["totals"]),
        exceptions=tuple(Verdict(**v) for v in raw["exceptions"]),
        gaps=tuple(Gap(**gap) for gap in raw["gaps"]),
        own_offset=raw["own_offset"],
    )


class Record(Protocol):
    """What is read of a record of the topic."""

    @property
    def offset(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...


def standing(record: Record) -> LedgerEntry | None:
    """The entry in a record of the topic; None when it is void: whoever wrote it did not know of
    another owner that had told something before it. Raises SchemaError when it holds none."""
    entry = decode_entry(record.value or b"")
    return entry if entry.own_offset in (ANYWHERE, record.offset) else None
