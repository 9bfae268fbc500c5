"""Finds the copies of one event in ClickHouse, where raw responses have an index by their id."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from pipeline.core.updates import Group
from pipeline.core.vocabulary import RESPONSE
from pipeline.operate.traces import EXPIRED, Copy, Judged, Letter, Pane, changed_panes, judge
from pipeline.settings import Settings
from pipeline.store.client import Client, connect, store_errors
from pipeline.store.failures import needing_tables
from pipeline.wire.topics import Topics

MOST_COPIES: Final = 1000
"""An emitter that repeats itself without end must not fill memory; the first ones tell enough."""

_COPIES: Final = """
SELECT
    generation, partition, offset, received_at, occurred_at, agency, service, channel, survey,
    retracted, answers, location, comment
FROM responses
WHERE event_id = {event:UUID}
ORDER BY generation, partition, offset, inserted_at DESC
LIMIT 1 BY generation, partition, offset
LIMIT {most:UInt32}
"""

_REACH: Final = """
SELECT generation, partition, argMax(start_offset, next_offset), max(next_offset) FROM ledger
WHERE (generation, partition) IN {logs:Array(Tuple(UInt16, UInt16))}
GROUP BY generation, partition
"""

_OUTCOMES: Final = """
SELECT generation, partition, offset, outcome, reason FROM outcomes
WHERE (generation, partition, offset) IN {places:Array(Tuple(UInt16, UInt16, UInt64))}
"""

_EXPIRED: Final = """
SELECT place.1, place.2, place.3
FROM (SELECT arrayJoin({places:Array(Tuple(UInt16, UInt16, UInt64))}) AS place) AS copies
INNER JOIN given_up ON generation = place.1 AND partition = place.2
WHERE place.3 >= from_offset AND place.3 < next_offset
"""

_LETTERS: Final = """
SELECT generation, partition, offset, stage, reason, attempt, size FROM dead_letters FINAL
WHERE topic = {topic:String}
  AND (generation, partition, offset) IN {places:Array(Tuple(UInt16, UInt16, UInt64))}
ORDER BY stage
"""

_PANE: Final = """
SELECT measure, counts, version FROM score_panes FINAL
WHERE hour = {hour:DateTime('UTC')} AND channel = {channel:String} AND survey = {survey:String}
  AND generation = {generation:UInt16} AND partition = {partition:UInt16}
"""


def find_stored(settings: Settings, event: UUID) -> list[Copy]:
    """The copies that ClickHouse has, in the order of their places; at most `MOST_COPIES`.

    Raises StoreError when it is away or was never migrated.
    """
    with _reading(settings) as client:
        copies = list(_copies(client, event))
        if not copies:
            return []
        judged = _judged(client, copies)
        copies = [judge(copy, judged.get(copy.log)) for copy in copies]
        letters = _letters(client, Topics(settings.kafka.topic_prefix).responses, copies)
        panes = {c.place: _pane(client, c) for c in changed_panes(copies)}
        return [replace(c, pane=panes.get(c.place), letters=letters[c.place]) for c in copies]


def judged_until(settings: Settings) -> datetime | None:
    """The append time of the last record that the stored ledger covers; None when it is empty.

    Raises StoreError.
    """
    with _reading(settings) as client:
        (row,) = client.query("SELECT maxOrNull(as_of) FROM ledger").result_rows
        return row[0] if isinstance(row[0], datetime) else None


@contextlib.contextmanager
def _reading(settings: Settings) -> Iterator[Client]:
    with (
        needing_tables(),
        contextlib.closing(connect(settings.clickhouse)) as client,
        store_errors("look for the event"),
    ):
        yield client


def _copies(client: Client, event: UUID) -> Iterator[Copy]:
    found = client.query(_COPIES, parameters={"event": str(event), "most": MOST_COPIES})
    for generation, partition, offset, received, occurred, *rest in found.result_rows:
        agency, service, channel, survey, retracted, answers, location, comment = rest
        yield Copy(
            generation=generation,
            partition=partition,
            offset=offset,
            received_at=received,
            occurred_at=occurred,
            group=Group(agency, service, channel, survey),
            retracted=bool(retracted),
            answers=dict(answers),
            location=location,
            comment=comment,
        )


def _judged(client: Client, copies: Sequence[Copy]) -> dict[tuple[int, int], Judged]:
    exceptions: defaultdict[tuple[int, int], dict[int, tuple[str, str]]] = defaultdict(dict)
    places = {"places": [copy.place for copy in copies]}
    for row in client.query(_OUTCOMES, parameters=places).result_rows:
        generation, partition, offset, outcome, reason = row
        exceptions[generation, partition][offset] = (outcome, reason)
    for generation, partition, offset in client.query(_EXPIRED, parameters=places).result_rows:
        exceptions[generation, partition][offset] = (EXPIRED, "")
    logs = {"logs": sorted({copy.log for copy in copies})}
    return {
        (generation, partition): Judged(start, end, exceptions[generation, partition])
        for generation, partition, start, end in client.query(_REACH, parameters=logs).result_rows
    }


def _letters(
    client: Client, topic: str, copies: Iterable[Copy]
) -> defaultdict[tuple[int, int, int], tuple[Letter, ...]]:
    asked = {"topic": topic, "places": [copy.place for copy in copies]}
    letters: defaultdict[tuple[int, int, int], tuple[Letter, ...]] = defaultdict(tuple)
    for row in client.query(_LETTERS, parameters=asked).result_rows:
        generation, partition, offset, stage, reason, attempt, size = row
        letters[generation, partition, offset] += (Letter(stage, reason, attempt, size),)
    return letters


def _pane(client: Client, copy: Copy) -> Pane | None:
    if copy.group is None or copy.occurred_at is None:
        return None
    hour = copy.occurred_at.replace(minute=0, second=0, microsecond=0)
    asked: dict[str, object] = {
        # Not by agency and service: a raw row may have them under an alias.
        "channel": copy.group.channel,
        "survey": copy.group.survey,
        "hour": hour,
        "generation": copy.generation,
        "partition": copy.partition,
    }
    rows = client.query(_PANE, parameters=asked).result_rows
    counts = {str(measure): tuple(values) for measure, values, _ in rows}
    return Pane(
        hour=hour,
        measures=(*(copy.answers or ()), RESPONSE),
        version=max((version for *_, version in rows), default=None),
        counts=counts or None,
    )
