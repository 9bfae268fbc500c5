"""Panes and rolling windows as they are stored, and the same recounted from raw rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple, TypeVar, cast

from pipeline.core.updates import GENERATION_SHIFT, Group
from pipeline.operate.reconcile.journals import Origin, minute_of, number
from pipeline.sink.recount import GROUP, counts_query, judged_rows
from pipeline.sink.recount import Span as Rows
from pipeline.sink.repair import NOTES_A_STATEMENT, layout, quoted
from pipeline.sink.target import Tables
from pipeline.wire.catalogue_moves import Owners

OFFSETS: Final = (1 << GENERATION_SHIFT) - 1
"""The part of a version that is an offset."""
Measure = tuple[str, str]
"""Name and scale."""
Counts = tuple[int, ...]
T = TypeVar("T")


class Span(NamedTuple):
    """What is counted: a group's answers in `[begin, end)` (s) out of one origin. `window` is empty
    for a pane."""

    origin: Origin
    group: Group
    window: str
    begin: int
    end: int

    def __str__(self) -> str:
        pane = f"hour {minute_of(self.begin)}"
        interval = f"window {self.window} until {minute_of(self.end)}" if self.window else pane
        return f"{'/'.join(self.group)}, {interval}"


@dataclass(frozen=True, slots=True)
class Stored:
    """One row: the counts of a measure, and below which offset they hold."""

    below: int
    counts: Counts


Measured = Mapping[Measure, Stored]
"""The rows of one span."""


Place = tuple[Span, int]
"""A span, below an offset."""
Wanted = Mapping[Place, Iterable[Measure]]
"""Which measures to recount where."""

_PANES: Final = f"""
SELECT generation, partition, {GROUP}, '' AS window, toUnixTimestamp(hour),
       toUnixTimestamp(hour) + 3600, measure, scale, version, counts
FROM score_panes FINAL
WHERE hour IN ($hours) AND (generation, partition, {GROUP}, hour) IN ($spans)
"""
_WINDOWS: Final = f"""
SELECT generation, partition, {GROUP}, window, toUnixTimestamp(window_start),
       toUnixTimestamp(window_end), measure, scale, version, counts
FROM
(
    SELECT *, max(window_end) OVER (PARTITION BY window) AS newest
    FROM rolling_scores FINAL
    WHERE window_end >= (SELECT max(window_end) FROM rolling_scores) - INTERVAL 2 HOUR
)
WHERE window_end >= newest - if(window = '1h', INTERVAL 1 MINUTE, INTERVAL 1 HOUR)
ORDER BY window_end DESC
LIMIT 1 BY generation, partition, {GROUP}, window, measure, scale
"""
_NOTES: Final = """
SELECT
    note.1 AS agency, note.2 AS service, note.3 AS channel, note.4 AS survey,
    note.5 AS generation, note.6 AS partition, note.7 AS next_offset, note.7 AS version,
    note.8 AS layout, note.9 AS at, note.10 AS window,
    toDateTime(note.11, 'UTC') AS begin, toDateTime(note.12, 'UTC') AS end
FROM (SELECT arrayJoin([$notes]) AS note)
"""


async def stored_panes(tables: Tables, spans: Iterable[Span]) -> dict[Span, Measured]:
    """The rows of these panes; a span without any is not in it. Raises StoreError."""
    found: dict[Span, Measured] = {}
    for chunk in chunked(spans, NOTES_A_STATEMENT):
        hours = sorted({span.begin for span in chunk})
        query = _PANES.replace("$hours", ", ".join(f"toDateTime({hour}, 'UTC')" for hour in hours))
        query = query.replace("$spans", ", ".join(map(_pane_key, chunk)))
        found |= _spans(await tables.rows(query, "read panes"))
    return found


async def newest_windows(tables: Tables) -> dict[Span, Measured]:
    """The rows that `rolling_now` shows. Raises StoreError."""
    return _spans(await tables.rows(_WINDOWS, "read rolling windows"))


async def recounted(tables: Tables, wanted: Wanted) -> dict[Place, dict[Measure, Counts]]:
    """What the raw rows say of each. Raises StoreError."""
    found: dict[Place, dict[Measure, Counts]] = {place: {} for place in wanted}
    panes = sorted(place for place in wanted if not place[0].window)
    windows = sorted(place for place in wanted if place[0].window)
    for places in (panes, windows):
        for chunk in chunked(places, NOTES_A_STATEMENT):
            counted = recount_query([(p, wanted[p]) for p in chunk], hourly=places is panes)
            query = f"SELECT at, measure, scale, counts FROM ({counted})"
            for at, measure, scale, counts in await tables.rows(query, "recount raw rows"):
                place = chunk[number(at)]
                found[place][str(measure), str(scale)] = tuple(cast("list[int]", counts))
    return found


def newest(rows: Measured) -> int:
    """Below which offset the newest of these rows holds; 0 without any."""
    return max((row.below for row in rows.values()), default=0)


def recount_query(chunk: Sequence[tuple[Place, Iterable[Measure]]], *, hourly: bool) -> str:
    """A SELECT that recounts some places, all panes (`hourly`) or all windows, with the columns of
    `counts_query`, `window`, and in `at` the index of the place. `version` is an offset."""
    limits: dict[Origin, int] = {}
    for (span, limit), _ in chunk:
        limits[span.origin] = max(limit, limits.get(span.origin, 0))
    spans = [span for (span, _), _ in chunk]
    read = Rows(
        judged_rows(limits),
        min(span.begin for span in spans),
        max(span.end for span in spans),
    )
    notes = (_note(at, *place, measures) for at, (place, measures) in enumerate(chunk))
    literals = _NOTES.replace("$notes", ", ".join(notes))
    return counts_query(literals, read, hourly=hourly)


def _note(at: int, span: Span, limit: int, measures: Iterable[Measure]) -> str:
    group = ", ".join(map(quoted, span.group))
    generation, partition = span.origin
    return (
        f"({group}, toUInt16({generation}), toUInt16({partition}), toUInt64({limit}), "
        f"{layout(measures)}, {at}, '{span.window}', toUInt32({span.begin}), "
        f"toUInt32({span.end}))"
    )


def _pane_key(span: Span) -> str:
    generation, partition = span.origin
    group = ", ".join(map(quoted, span.group))
    return f"({generation}, {partition}, {group}, toDateTime({span.begin}, 'UTC'))"


def _spans(rows: Iterable[Sequence[object]]) -> dict[Span, Measured]:
    found: dict[Span, dict[Measure, Stored]] = {}
    for row in rows:
        *where, measure, scale, version, counts = row
        stored = Stored(number(version) & OFFSETS, tuple(cast("list[int]", counts)))
        found.setdefault(as_span(where), {})[str(measure), str(scale)] = stored
    return dict(found)


def as_span(row: Sequence[object]) -> Span:
    """Of generation, partition, agency, service, channel, survey, window, begin, end (s)."""
    generation, partition, agency, service, channel, survey, window, begin, end = row
    return Span(
        Origin(number(generation), number(partition)),
        Group(str(agency), str(service), str(channel), str(survey)),
        str(window),
        number(begin),
        number(end),
    )


def owned(group: Group, owners: Owners) -> Group:
    """The group under the names that panes have; that of a raw row may stand under an alias."""
    agency, service = owners.get(group.survey, (group.agency, group.service))
    return group._replace(agency=agency, service=service)


def chunked(items: Iterable[T], most: int) -> Iterator[list[T]]:
    """The items in lists of so many."""
    rest = iter(items)
    while chunk := list(islice(rest, most)):
        yield chunk
