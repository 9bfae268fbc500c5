"""What the ledger said before some records were judged anew, and says no more.

A fold that begins again at the start of the log tells of offsets that were told before. By another
catalogue a record may be accepted that was an exception: then nothing replaces its outcome, nor the
totals at a cut that is not made again. Of entries that tell of one offset the last one holds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Final

from pipeline.core.updates import LedgerEntry
from pipeline.operate.reconcile.journals import Origin, number
from pipeline.operate.reconcile.spans import chunked
from pipeline.sink.target import Tables

ROWS_A_STATEMENT: Final = 20_000
"""Of at most 20 characters each."""
Holds = Callable[[LedgerEntry, int], bool]
_Known = Mapping[int, Set[int]]


class Retold:
    """Collects, in the order of their topic, the `entries` of folds that began again, until each is
    as far as the one before. Others tell the same again: a worker restarts, or wakes late."""

    def __init__(self) -> None:
        self.entries: defaultdict[Origin, list[LedgerEntry]] = defaultdict(list)
        self._told: dict[Origin, int] = {}
        self._again: dict[Origin, int] = {}

    def see(self, entry: LedgerEntry) -> bool:
        """The next entry; whether it is one of those."""
        origin = Origin(entry.generation, entry.partition)
        told = self._told.get(origin, 0)
        if entry.from_offset == entry.start_offset:
            self._again[origin] = entry.from_offset
        again = entry.from_offset <= (at := self._again.get(origin, -1)) < told
        if again:
            self.entries[origin].append(entry)
            self._again[origin] = max(at, entry.next_offset)
        self._told[origin] = max(told, entry.next_offset)
        return again

    async def delete(self, tables: Tables) -> None:
        """Delete the outcomes and totals that do not hold any more. Raises StoreError."""
        for origin, entries in self.entries.items():
            known = {id(entry): {one.offset for one in entry.exceptions} for entry in entries}

            def excepted(entry: LedgerEntry, offset: int, known: _Known = known) -> bool:
                return offset in known[id(entry)]

            await _delete(tables, origin, ("outcomes", "offset"), entries, excepted)
            await _delete(tables, origin, ("ledger", "next_offset - 1"), entries, _is_last)


def _is_last(entry: LedgerEntry, offset: int) -> bool:
    return offset == entry.next_offset - 1


async def _delete(
    tables: Tables,
    origin: Origin,
    place: tuple[str, str],
    entries: Sequence[LedgerEntry],
    holds: Holds,
) -> None:
    """Of a table, by an expression for the offset that a row tells of."""
    table, offset = place
    where = f"generation = {origin.generation} AND partition = {origin.partition}"
    first, end = min(e.from_offset for e in entries), max(e.next_offset for e in entries)
    rows = await tables.rows(
        f"SELECT DISTINCT {offset} AS at FROM {table} "
        f"WHERE {where} AND at >= {first} AND at < {end} ORDER BY at",
        f"look for what does not hold any more in {table}",
    )
    gone = overruled((number(at) for (at,) in rows), entries, holds)
    for chunk in chunked(gone, ROWS_A_STATEMENT):
        listed = ", ".join(map(str, chunk))
        await tables.execute(
            f"DELETE FROM {table} WHERE {where} AND {offset} IN ({listed})",
            f"delete what does not hold any more in {table}",
        )


def overruled(
    offsets: Iterable[int], entries: Sequence[LedgerEntry], holds: Holds
) -> Iterator[int]:
    """Of these offsets, in order, those that do not hold by the last entry that tells of them."""
    left = list(offsets)
    for entry in reversed(entries):
        begin, end = bisect_left(left, entry.from_offset), bisect_left(left, entry.next_offset)
        yield from (offset for offset in left[begin:end] if not holds(entry, offset))
        del left[begin:end]
