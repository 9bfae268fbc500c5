"""Late hours are recounted from raw rows: the one place where the sink counts (design 4.3, "Late").

A row counts when it lies below the note's version, its outcome is accepted (no outcome row) or
late, it is the first of its event_id in the partition, and no retraction of that id lies below the
version, before or after it. Every measure of the survey gets a row, zeros included, so that a
retraction of the last answer shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

from pipeline.core.vocabulary import RESPONSE, SLOTS
from pipeline.sink.rows import Note

HOURS_A_STATEMENT: Final = 5_000
"""Bounds the text (10 characters an hour) and the rows (24 measures an hour) of one statement."""
_HOUR_SECONDS: Final = 3600
_SECOND: Final = 1000

_STATEMENT: Final = """
INSERT INTO score_panes
(
    agency, service, channel, survey, scale, measure, hour, generation, partition,
    counts, version, last_response_at, as_of
)
WITH
    notes AS
    (
        SELECT
            note.1 AS agency, note.2 AS service, note.3 AS channel, note.4 AS survey,
            note.5 AS generation, note.6 AS partition, note.7 AS next_offset, note.8 AS version,
            note.9 AS as_of, note.10 AS last_response_at, note.11 AS layout,
            toDateTime(arrayJoin(note.12), 'UTC') AS hour
        FROM (SELECT arrayJoin([$notes]) AS note)
    ),
    -- Ids with a response in one of the hours, and then all that was ever said under these ids.
    candidates AS
    (
        SELECT generation, partition, event_id FROM responses
        WHERE $rows AND NOT retracted
          AND occurred_at >= toDateTime($first_hour, 'UTC')
          AND occurred_at < toDateTime($end_hour, 'UTC')
          AND (agency, service, channel, survey, toStartOfHour(occurred_at))
              IN (SELECT agency, service, channel, survey, hour FROM notes)
    ),
    -- The first response of each id, and its first retraction wherever that stands.
    events AS
    (
        SELECT
            generation, partition,
            minIf(offset, NOT retracted) AS first_offset,
            minOrNullIf(offset, retracted) AS retracted_at
        FROM responses
        WHERE $rows
          AND (generation, partition, event_id)
              IN (SELECT generation, partition, event_id FROM candidates)
          AND (generation, partition, offset) NOT IN
          (
              SELECT generation, partition, offset FROM outcomes
              WHERE $rows AND outcome NOT IN ('late', 'retraction')
          )
        GROUP BY generation, partition, event_id
        HAVING countIf(NOT retracted) > 0
    ),
    -- FINAL: a row may be stored twice and not be merged yet.
    answered AS
    (
        SELECT
            r.generation AS generation, r.partition AS partition, r.agency AS agency,
            r.service AS service, r.channel AS channel, r.survey AS survey,
            toStartOfHour(r.occurred_at) AS hour,
            r.offset AS offset, e.retracted_at AS retracted_at, r.answers AS answers
        FROM
        (
            SELECT * FROM responses FINAL
            WHERE $rows AND NOT retracted
              AND occurred_at >= toDateTime($first_hour, 'UTC')
              AND occurred_at < toDateTime($end_hour, 'UTC')
              AND (agency, service, channel, survey, toStartOfHour(occurred_at))
                  IN (SELECT agency, service, channel, survey, hour FROM notes)
        ) AS r
        INNER JOIN events AS e
        ON e.generation = r.generation AND e.partition = r.partition AND e.first_offset = r.offset
    ),
    counted AS
    (
        SELECT
            generation, partition, agency, service, channel, survey, hour, answer.1 AS measure,
            sumForEach(arrayMap(value -> if(value = answer.2, times, 0), range($slots))) AS counts
        FROM
        (
            SELECT
                count() AS times, n.generation AS generation, n.partition AS partition,
                n.agency AS agency, n.service AS service, n.channel AS channel,
                n.survey AS survey, n.hour AS hour,
                arrayJoin(arrayConcat(
                    arrayMap((m, v) -> (toString(m), v), mapKeys(a.answers), mapValues(a.answers)),
                    [('$response', toUInt8(0))]
                )) AS answer
            FROM answered AS a INNER JOIN notes AS n
            ON a.generation = n.generation AND a.partition = n.partition AND a.agency = n.agency
               AND a.service = n.service AND a.channel = n.channel AND a.survey = n.survey
               AND a.hour = n.hour
            WHERE a.offset < n.next_offset
              AND (a.retracted_at IS NULL OR a.retracted_at >= n.next_offset)
            GROUP BY generation, partition, agency, service, channel, survey, hour, answer
        )
        GROUP BY generation, partition, agency, service, channel, survey, hour, measure
    )
SELECT
    n.agency, n.service, n.channel, n.survey, n.scale, n.measure, n.hour, n.generation, n.partition,
    if(empty(c.counts), arrayResize([0], $slots, 0), c.counts), n.version,
    fromUnixTimestamp64Milli(toInt64(n.last_response_at), 'UTC'),
    fromUnixTimestamp64Milli(toInt64(n.as_of), 'UTC')
FROM
(
    SELECT *, pair.1 AS measure, pair.2 AS scale FROM notes ARRAY JOIN layout AS pair
) AS n
LEFT JOIN counted AS c
ON n.generation = c.generation AND n.partition = c.partition AND n.agency = c.agency
   AND n.service = c.service AND n.channel = c.channel AND n.survey = c.survey
   AND n.hour = c.hour AND n.measure = c.measure
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


def chunks(notes: Iterable[Note]) -> Iterator[list[Note]]:
    """Notes by as many as one statement takes; a note alone may exceed that."""
    chunk: list[Note] = []
    hours = 0
    for note in notes:
        if chunk and hours + len(note.hours) > HOURS_A_STATEMENT:
            yield chunk
            chunk, hours = [], 0
        chunk.append(note)
        hours += len(note.hours)
    if chunk:
        yield chunk


def statement(notes: Sequence[Note]) -> str:
    """The INSERT ... SELECT that recounts `notes`."""
    hours = [hour // _SECOND for note in notes for hour in note.hours]
    limits: dict[tuple[int, int], int] = {}
    for note in notes:
        place = (note.generation, note.partition)
        limits[place] = max(note.next_offset, limits.get(place, 0))
    rows = " OR ".join(
        f"(generation = {generation} AND partition = {partition} AND offset < {limit})"
        for (generation, partition), limit in sorted(limits.items())
    )
    parts = {
        "$rows": f"({rows})",
        "$first_hour": str(min(hours)),
        "$end_hour": str(max(hours) + _HOUR_SECONDS),
        "$slots": str(SLOTS),
        "$response": RESPONSE,
        # Last: codes come from outside, and nothing in them may be taken for a placeholder.
        "$notes": ", ".join(map(_literal, notes)),
    }
    text = _STATEMENT
    for name, value in parts.items():
        text = text.replace(name, value)
    return text


def _literal(note: Note) -> str:
    """One note as a tuple of ClickHouse, in the order that the statement reads."""
    group = ", ".join(map(_quoted, note.group))
    layout = ", ".join(f"({_quoted(m)}, {_quoted(scale)})" for m, scale in note.measures)
    hours = ", ".join(str(hour // _SECOND) for hour in note.hours)
    return (
        f"({group}, toUInt16({note.generation}), toUInt16({note.partition}), "
        f"toUInt64({note.next_offset}), toUInt64({note.version}), toInt64({note.as_of}), "
        f"toInt64({note.last_response_at}), [{layout}], [{hours}])"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
