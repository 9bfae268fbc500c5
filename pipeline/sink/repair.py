"""Late hours are recounted from raw rows: the one place where the sink counts (design 4.3, "Late").

Every measure of the survey gets a row, zeros included, so that a retraction of the last answer
shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Final, Protocol

from pipeline.core.vocabulary import RESPONSE
from pipeline.sink.recount import GROUP, Span, counts_query, filled, judged_rows
from pipeline.sink.rows import Note

HOURS_A_STATEMENT: Final = 5_000
"""Bounds the text (12 characters an hour) and the rows (24 measures an hour) of one statement."""
NOTES_A_STATEMENT: Final = 500
"""Bounds the rest of the text: a note with 24 measures takes under 1,500 characters, so that both
stay below the 1 MiB that a statement may have (`target.MAX_STATEMENT`)."""
_HOUR_SECONDS: Final = 3600
_SECOND: Final = 1000

_NOTES: Final = """
SELECT
    note.1 AS agency, note.2 AS service, note.3 AS channel, note.4 AS survey,
    note.5 AS generation, note.6 AS partition, note.7 AS next_offset, note.8 AS version,
    note.9 AS as_of, note.10 AS last_response_at, note.11 AS layout,
    toDateTime(arrayJoin(note.12), 'UTC') AS begin, begin + INTERVAL 1 HOUR AS end
FROM (SELECT arrayJoin([$notes]) AS note)
"""
_INSERT: Final = """
INSERT INTO score_panes
(
    agency, service, channel, survey, scale, measure, hour, generation, partition,
    counts, version, last_response_at, as_of
)
SELECT
    agency, service, channel, survey, scale, measure, begin, generation, partition, counts, version,
    fromUnixTimestamp64Milli(toInt64(last_response_at), 'UTC'),
    fromUnixTimestamp64Milli(toInt64(as_of), 'UTC')
FROM ($counts)
"""


_RAISING: Final = f"""
SELECT * FROM
(
    SELECT
        *, maxIf(counts[1], measure = '{RESPONSE}') OVER
            (PARTITION BY {GROUP}, generation, partition, begin) AS found
    FROM ($counts)
) AS counted
LEFT JOIN
(
    SELECT {GROUP}, generation, partition, hour AS begin, counts[1] AS had FROM score_panes FINAL
    WHERE measure = '{RESPONSE}' AND hour IN ($hours)
) AS standing
USING ({GROUP}, generation, partition, begin)
WHERE found >= had
"""


class Tables(Protocol):
    """Runs a statement and waits for its end."""

    async def execute(self, statement: str, what: str) -> None: ...


async def recount(tables: Tables, notes: Sequence[Note]) -> None:
    """Upsert the panes of `notes`, each with its note's version. Raises StoreError.

    An hour of a group and partition may be in one note only, and its raw rows and outcomes below
    the version must be stored. Safe to repeat.
    """
    for chunk in chunks(notes):
        await tables.execute(statement(chunk), "recount late hours")


async def recount_upwards(tables: Tables, notes: Sequence[Note]) -> None:
    """As `recount`, for hours that may lack raw rows: a pane that stands is kept when fewer
    responses than it has are found. Raises StoreError."""
    for chunk in chunks(notes):
        hours = sorted({hour // _SECOND for note in chunk for hour in note.hours})
        listed = ", ".join(f"toDateTime({hour}, 'UTC')" for hour in hours)
        raising = filled(_RAISING, {"$hours": listed, "$counts": counts(chunk)})
        await tables.execute(_INSERT.replace("$counts", raising), "recount late hours")


def chunks(notes: Iterable[Note]) -> Iterator[list[Note]]:
    """Notes by as many as one statement takes; one of more hours than that is taken apart."""
    chunk: list[Note] = []
    hours = 0
    for note in chain.from_iterable(map(_parts, notes)):
        if len(chunk) == NOTES_A_STATEMENT or hours + len(note.hours) > HOURS_A_STATEMENT:
            yield chunk
            chunk, hours = [], 0
        chunk.append(note)
        hours += len(note.hours)
    if chunk:
        yield chunk


def _parts(note: Note) -> Iterator[Note]:
    """The note, by as many hours as one statement takes."""
    for start in range(0, len(note.hours), HOURS_A_STATEMENT):
        yield replace(note, hours=note.hours[start : start + HOURS_A_STATEMENT])


def statement(notes: Sequence[Note]) -> str:
    """The INSERT ... SELECT that recounts `notes`."""
    return _INSERT.replace("$counts", counts(notes))


def counts(notes: Sequence[Note]) -> str:
    """The SELECT that recounts `notes`: its rows are described at `counts_query`."""
    hours = [hour // _SECOND for note in notes for hour in note.hours]
    limits: dict[tuple[int, int], int] = {}
    for note in notes:
        place = (note.generation, note.partition)
        limits[place] = max(note.next_offset, limits.get(place, 0))
    span = Span(judged_rows(limits), min(hours), max(hours) + _HOUR_SECONDS)
    literals = _NOTES.replace("$notes", ", ".join(map(_literal, notes)))
    return counts_query(literals, span, hourly=True)


def _literal(note: Note) -> str:
    """One note as a tuple of ClickHouse, in the order that the statement reads."""
    group = ", ".join(map(quoted, note.group))
    hours = ", ".join(str(hour // _SECOND) for hour in note.hours)
    return (
        f"({group}, toUInt16({note.generation}), toUInt16({note.partition}), "
        f"toUInt64({note.next_offset}), toUInt64({note.version}), toInt64({note.as_of}), "
        f"toInt64({note.last_response_at}), {layout(note.measures)}, [{hours}])"
    )


def layout(measures: Iterable[tuple[str, str]]) -> str:
    """Measures with their scales as an array of ClickHouse."""
    return f"[{', '.join(f'({quoted(name)}, {quoted(scale)})' for name, scale in measures)}]"


def quoted(text: str) -> str:
    """A string literal of ClickHouse."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
