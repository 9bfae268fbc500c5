"""The ledger against itself, and against raw rows, outcomes and dead letters, cut by cut.

The totals of two entries that follow each other say how many records of each outcome lie between
them: so a difference is found with the few offsets that it is among.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, cast

from pipeline.core.reasons import Reason
from pipeline.operate.reconcile.differences import NOT_ALL, REBUILD, REPLAY, Difference, Kind
from pipeline.operate.reconcile.journals import Journal, Journals, Origin, number, value_of
from pipeline.sink.recount import JUDGED, filled
from pipeline.sink.target import Tables

OFFSETS_A_LOOK: Final = 500_000
"""Raw rows that one statement goes through: some 50 MB in ClickHouse."""
MOST_FOUND: Final = 1_000
"""Differences that one statement returns: more of the same tell nothing new."""
NO_ROW: Final = (
    *(Reason.TOMBSTONE, Reason.EMPTY, Reason.NOT_AVRO, Reason.UNKNOWN_SCHEMA, Reason.TRUNCATED),
    *(Reason.LENGTH_TOO_LARGE, Reason.TRAILING_BYTES, Reason.MALFORMED, Reason.INVALID_UTF8),
    Reason.INTERNAL_ERROR,
)
"""Dead letters of these reasons have no raw row, since they cannot be decoded (the last may)."""
STANDS: Final = """NOT arrayExists(
    gap -> gap.1 = generation AND gap.2 = partition
        AND next_offset > gap.3 AND next_offset <= gap.4,
    (SELECT groupArray((generation, partition, from_offset, next_offset)) FROM given_up))"""
"""The condition for entries that hold: those that end in a gap were told by a worker that had read
what was given up after its end."""
COUNTS: Final = ("received", "duplicate", "late", "retraction", "dead_letter")

_EQUATIONS: Final = """
SELECT generation, partition, from_offset, next_offset, start_offset, first, before, received,
       accepted + duplicate + late + retraction + dead_letter AS judged, missing, marker
FROM
(
    SELECT
        *, count() OVER w = 0 AS first, max(next_offset) OVER w AS before
    FROM ledger FINAL
    WHERE (generation, partition, start_offset) IN ($starts)
    WINDOW w AS
    (
        PARTITION BY generation, partition ORDER BY next_offset
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
)
WHERE received != judged OR next_offset - start_offset != received + missing + marker
   OR from_offset > if(first, greatest(start_offset, $horizon), before)
ORDER BY generation, partition, next_offset
LIMIT $most
"""

_CUTS: Final = """
WITH
    cuts AS
    (
        SELECT next_offset AS hi, lo, told FROM
        (
            SELECT
                next_offset,
                lagInFrame(next_offset, 1, toUInt64($lo)) OVER w AS lo,
                arrayMap(
                    (now, before) -> now - before,
                    totals, lagInFrame(totals, 1, $zeros) OVER w
                ) AS told
            FROM
            (
                SELECT next_offset, arrayMap(n -> toInt64(n), [$counts]) AS totals
                FROM ledger FINAL
                WHERE $origin AND start_offset = $start AND $stands
                  AND next_offset >= $lo AND next_offset <= $hi
            )
            WINDOW w AS (ORDER BY next_offset ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
        )
        WHERE next_offset > $lo
    ),
    places AS
    (
        SELECT
            offset, max(has_row) AS has_row, max(outcome) AS outcome, max(reason) AS reason,
            max(letter) AS letter
        FROM
        (
            SELECT offset, 1 AS has_row, '' AS outcome, '' AS reason, '' AS letter
            FROM responses WHERE $range AND $judged
            UNION ALL
            SELECT offset, 0, toString(outcome), toString(reason), ''
            FROM outcomes FINAL WHERE $range AND $judged
            UNION ALL
            SELECT offset, 0, '', '', toString(stage)
            FROM dead_letters WHERE topic = '$topic' AND $range AND $judged
        )
        GROUP BY offset
    ),
    found AS
    (
        SELECT
            c.hi AS hi,
            arrayMap(n -> toInt64(n), [
                countIf(
                    has_row OR letter = 'sink'
                    OR (outcome = 'dead_letter' AND reason IN ($no_row))
                ),
                countIf(outcome = 'duplicate'), countIf(outcome = 'late'),
                countIf(outcome = 'retraction'), countIf(outcome = 'dead_letter')
            ]) AS counts,
            countIf(outcome = 'dead_letter' AND letter = '') AS unwritten,
            countIf(letter = 'sink' AND NOT has_row) AS refused
        FROM (SELECT *, 1 AS one FROM places) AS p
        ASOF INNER JOIN (SELECT hi, 1 AS one FROM cuts) AS c ON p.one = c.one AND p.offset < c.hi
        GROUP BY hi
    )
SELECT lo, hi, told, if(empty(f.counts), $zeros, f.counts) AS counts, f.unwritten, f.refused
FROM cuts LEFT JOIN found AS f ON cuts.hi = f.hi
WHERE counts != told OR f.unwritten > 0 OR f.refused > 0
ORDER BY lo
LIMIT $most
"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Offsets `[lo, hi)` of one origin, between two entries of its ledger."""

    journal: Journal
    lo: int
    hi: int


async def equations(tables: Tables, journals: Journals) -> list[Difference]:
    """Entries whose sums do not hold, or that do not follow on those before. Raises StoreError."""
    if not journals:
        return []
    starts = ", ".join(f"({o.generation}, {o.partition}, {j.start})" for o, j in journals.items())
    horizon = value_of({origin: journal.horizon for origin, journal in journals.items()})
    query = _EQUATIONS.replace("$starts", starts).replace("$most", str(MOST_FOUND))
    query = query.replace("$horizon", horizon)
    rows = await tables.rows(query, "check the sums of the ledger")
    found = [difference for row in rows for difference in _entry(list(map(number, row)))]
    return [*found, *_cut_short(len(rows), "entries of the ledger")]


def _entry(row: Sequence[int]) -> Iterator[Difference]:
    generation, partition, begin, end, start, first, before, received, judged, *gaps = row
    origin = Origin(generation, partition)
    place = f"entry [{begin}, {end})"
    if received != judged:
        expected = f"received {judged} (the sum of its outcomes)"
        stored = f"received {received}"
        yield Difference(Kind.LEDGER, origin, place, stored, expected, offset=begin)
    if end - start != received + sum(gaps):
        accounted = f"{received} received + {gaps[0]} missing + {gaps[1]} markers"
        expected = f"{end - start} offsets"
        yield Difference(Kind.LEDGER, origin, place, accounted, expected, offset=begin)
    if begin > (limit := start if first else before):
        gap = f"an entry for [{limit}, {begin})"
        yield Difference(Kind.LEDGER, origin, f"before {place}", "none", gap, REBUILD, limit)


async def stretches(tables: Tables, journals: Journals) -> list[Stretch]:
    """All that is stored and judged, in pieces of bounded size. Raises StoreError."""
    found = []
    for journal in journals.values():
        generation, partition = journal.origin
        rows = await tables.rows(
            f"""
            SELECT min(next_offset), max(next_offset) FROM ledger
            WHERE generation = {generation} AND partition = {partition}
              AND start_offset = {journal.start} AND next_offset <= {journal.reach}
              AND next_offset >= {journal.horizon} AND {STANDS}
            GROUP BY intDiv(next_offset - 1, {OFFSETS_A_LOOK}) ORDER BY 1
            """,
            "read the ledger",
        )
        ends = [(number(first), number(last)) for first, last in rows]
        # Behind a horizon the first entry only says what had been before.
        lo = ends[0][0] if ends and journal.horizon > journal.start else journal.start
        for _, end in ends:
            found.append(Stretch(journal, lo, end))
            lo = end
    return found


def faults(found: Iterable[Difference]) -> Iterator[tuple[Origin, Difference]]:
    """Where raw rows or outcomes are not whole: a count of them would be wrong."""
    kinds = (Kind.LEDGER, Kind.RAW_ROWS, Kind.OUTCOMES)
    return ((one.origin, one) for one in found if one.origin and one.kind in kinds)


def broken(found: Iterable[Difference]) -> set[Origin]:
    """The origins that have faults."""
    return {origin for origin, _ in faults(found)}


async def compare(tables: Tables, stretch: Stretch, topic: str) -> list[Difference]:
    """What a stretch has other than its ledger says. Raises StoreError."""
    generation, partition = stretch.journal.origin
    origin = f"generation = {generation} AND partition = {partition}"
    parts = {
        "$origin": origin,
        "$range": f"{origin} AND offset >= {stretch.lo} AND offset < {stretch.hi}",
        "$judged": JUDGED,
        "$stands": STANDS,
        "$start": str(stretch.journal.start),
        "$lo": str(stretch.lo),
        "$hi": str(stretch.hi),
        "$counts": ", ".join(COUNTS),
        "$zeros": f"[{', '.join(['toInt64(0)'] * len(COUNTS))}]",
        "$no_row": ", ".join(f"'{reason}'" for reason in NO_ROW),
        "$most": str(MOST_FOUND),
        "$topic": topic,
    }
    rows = await tables.rows(filled(_CUTS, parts), "compare raw rows and outcomes with the ledger")
    found = [difference for row in rows for difference in _cut(stretch.journal.origin, row)]
    return [*found, *_cut_short(len(rows), f"offsets from {stretch.lo} to {stretch.hi}")]


def _cut_short(rows: int, place: str) -> Iterator[Difference]:
    """What a query left out that found as much as it may."""
    if rows >= MOST_FOUND:
        yield Difference(Kind.SURVEY, None, place, f"{rows} or more differ", "fewer", NOT_ALL)


def _cut(origin: Origin, row: Sequence[object]) -> Iterator[Difference]:
    lo, hi, told, counts, unwritten, refused = row
    place = f"offsets [{lo}, {hi})"
    for name, expected, stored in zip(
        COUNTS, cast("list[int]", told), cast("list[int]", counts), strict=True
    ):
        if stored != expected:
            kind = Kind.RAW_ROWS if name == "received" else Kind.OUTCOMES
            had = f"{stored} {name}"
            yield Difference(kind, origin, place, had, f"{expected}", REBUILD, number(lo))
    if rows := number(refused):
        instead = f"{rows} records that the store refused, as dead letters"
        yield Difference(Kind.RAW_ROWS, origin, place, instead, "their raw rows", REPLAY)
    if letters := number(unwritten):
        missing = f"{letters} dead letters without a row"
        yield Difference(Kind.LETTERS, origin, place, missing, "0", REBUILD)
