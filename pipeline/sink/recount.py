"""What counts, from raw rows: the one statement that every recount and every comparison uses.

A row counts when it lies below the note's `next_offset` and in no gap, its outcome is accepted (no
outcome row) or late, it is the first of its event in the partition, and no retraction of that event
lies below, before or after it. An event is an id with its time and group: the fold takes nothing
back, and takes nothing for a repeat, whose time or group is another (design 4.4).

The group of a raw row is told by its channel and survey, which have no aliases. Its agency and
service are what the sink's catalogue made of them when it was stored; the scorer may have judged
it by another one (docs/decisions/0021).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from pipeline.core.vocabulary import RESPONSE, SLOTS

GROUP: Final = "agency, service, channel, survey"
"""The columns that name one."""
RAW_GROUP: Final = "channel, survey"
"""Those of a raw row that tell its group: a survey keeps its service, and that its agency."""

_COUNTS: Final = """
WITH
    notes AS ($notes),
    -- Events with a response in one of the spans, and then all that was ever said of them.
    candidates AS
    (
        SELECT $event FROM responses
        WHERE $rows AND NOT retracted AND $spans
    ),
    -- The first response of each event, and its first retraction wherever that stands.
    events AS
    (
        SELECT
            $event,
            minIf(offset, NOT retracted) AS first_offset,
            minOrNullIf(offset, retracted) AS retracted_at
        FROM responses
        WHERE $rows AND $time
          AND ($event) IN (SELECT $event FROM candidates)
          AND (generation, partition, offset) NOT IN
          (
              SELECT generation, partition, offset FROM outcomes
              WHERE $rows AND outcome NOT IN ('late', 'retraction')
          )
        GROUP BY $event
        HAVING countIf(NOT retracted) > 0
    ),
    -- FINAL: a row may be stored twice and not be merged yet.
    answered AS
    (
        SELECT
            r.generation AS generation, r.partition AS partition, r.channel AS channel,
            r.survey AS survey, r.occurred_at AS occurred_at,
            toStartOfHour(r.occurred_at) AS hour, r.offset AS offset,
            e.retracted_at AS retracted_at, r.answers AS answers
        FROM (SELECT * FROM responses FINAL WHERE $rows AND NOT retracted AND $spans) AS r
        INNER JOIN events AS e
        ON e.generation = r.generation AND e.partition = r.partition AND e.first_offset = r.offset
    ),
    counted AS
    (
        SELECT
            generation, partition, channel, survey, begin, end, version, answer.1 AS measure,
            sumForEach(arrayMap(value -> if(value = answer.2, times, 0), range($slots))) AS counts
        FROM
        (
            SELECT
                count() AS times, n.generation AS generation, n.partition AS partition,
                n.channel AS channel, n.survey AS survey, n.begin AS begin, n.end AS end,
                n.version AS version,
                arrayJoin(arrayConcat(
                    arrayMap((m, v) -> (toString(m), v), mapKeys(a.answers), mapValues(a.answers)),
                    [('$response', toUInt8(0))]
                )) AS answer
            FROM answered AS a INNER JOIN notes AS n
            ON a.generation = n.generation AND a.partition = n.partition
               AND a.channel = n.channel AND a.survey = n.survey$match
            WHERE a.occurred_at >= n.begin AND a.occurred_at < n.end AND a.offset < n.next_offset
              AND (a.retracted_at IS NULL OR a.retracted_at >= n.next_offset)
            GROUP BY generation, partition, channel, survey, begin, end, version, answer
        )
        GROUP BY generation, partition, channel, survey, begin, end, version, measure
    )
SELECT
    n.*,
    if(empty(c.counts), arrayResize([toUInt64(0)], $slots, 0), c.counts) AS counts
FROM
(
    SELECT * EXCEPT layout, pair.1 AS measure, pair.2 AS scale
    FROM notes ARRAY JOIN layout AS pair
) AS n
LEFT JOIN counted AS c
ON n.generation = c.generation AND n.partition = c.partition
   AND n.channel = c.channel AND n.survey = c.survey
   AND n.begin = c.begin AND n.end = c.end AND n.version = c.version AND n.measure = c.measure
"""
JUDGED: Final = """NOT arrayExists(
    gap -> gap.1 = generation AND gap.2 = partition AND offset >= gap.3 AND offset < gap.4,
    (SELECT groupArray((generation, partition, from_offset, next_offset)) FROM given_up))"""
"""The condition for rows, below what the ledger tells, that a score worker has read."""

_EVENT: Final = f"generation, partition, event_id, occurred_at, {RAW_GROUP}"

Place = TypeVar("Place", bound=tuple[int, int])
"""(generation, partition)."""


@dataclass(frozen=True, slots=True)
class Span:
    """Which raw rows to look at: a condition on (generation, partition, offset), and the seconds of
    event time that all notes lie in."""

    rows: str
    first: int
    end: int


def below(generation: int, partition: int, offset: int) -> str:
    """The condition for the rows of one partition below an offset."""
    return f"(generation = {generation} AND partition = {partition} AND offset < {offset})"


def judged_rows(reaches: Mapping[Place, int]) -> str:
    """The condition for the rows of all these partitions, each below its offset."""
    parts = (below(place[0], place[1], reach) for place, reach in sorted(reaches.items()))
    return f"({' OR '.join(parts)})" if reaches else "(0)"


def counts_query(notes: str, span: Span, *, hourly: bool) -> str:
    """A SELECT of each note and measure with its `counts`; zeros where nothing counts.

    `notes` is a SELECT of agency, service, channel, survey, generation, partition, next_offset,
    version, layout (array of (measure, scale)), begin and end (DateTime, half-open), and whatever
    else the caller wants back; `layout` comes back as one row for each measure and scale. Spans of
    one group, partition and version may overlap. `hourly` says that each is one whole hour, which
    is read faster.
    """
    named = f"({RAW_GROUP}, toStartOfHour(occurred_at)) IN (SELECT {RAW_GROUP}, begin FROM notes)"
    if not hourly:
        named = f"({RAW_GROUP}) IN (SELECT {RAW_GROUP} FROM notes)"
    # An event has one time: all that was said of it lies in the same span.
    time = (
        f"occurred_at >= toDateTime({span.first}, 'UTC') "
        f"AND occurred_at < toDateTime({span.end}, 'UTC')"
    )
    parts = {
        "$rows": f"({span.rows}) AND {JUDGED}",
        "$spans": f"{time} AND {named}",
        "$time": time,
        "$event": _EVENT,
        "$match": "\n               AND a.hour = n.begin" if hourly else "",
        "$slots": str(SLOTS),
        "$response": RESPONSE,
        # Last: codes come from outside, and nothing in them may be taken for a placeholder.
        "$notes": notes,
    }
    return filled(_COUNTS, parts)


def filled(text: str, parts: Mapping[str, str]) -> str:
    """The text with each placeholder replaced, in this order."""
    for name, value in parts.items():
        text = text.replace(name, value)
    return text
