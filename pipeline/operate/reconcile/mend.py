"""What `--repair` does: panes, and windows without a row, are counted again from raw rows, and
events that count too often are taken back through the log.

A recounted pane has the version below which it was counted, so whatever the scorer tells later is
newer and wins. A repair is a retraction of the surplus response, sent to its own partition: the
fold takes a response back once however often it is told to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError as ClientError

from pipeline.core.reasons import Reason
from pipeline.core.updates import GENERATION_SHIFT, Group, make_version
from pipeline.errors import KafkaError
from pipeline.operate.originals import Originals, opened
from pipeline.operate.reconcile.audit import Said
from pipeline.operate.reconcile.inquiry import Wrong
from pipeline.operate.reconcile.journals import Journals, Origin, value_of
from pipeline.operate.reconcile.spans import Measure, Place, chunked, owned, recount_query
from pipeline.settings import Settings
from pipeline.sink.recount import GROUP, filled
from pipeline.sink.repair import NOTES_A_STATEMENT, quoted, recount
from pipeline.sink.rows import Note
from pipeline.sink.target import Tables
from pipeline.wire.catalogue_moves import Layouts, Owners
from pipeline.wire.dead_letters import REPAIR_HEADER
from pipeline.wire.generations import read_generations
from pipeline.wire.kafka import producer, started
from pipeline.wire.responses import ResponseDecoder, encode_response
from pipeline.wire.topics import Topics, response_key


async def recount_panes(
    tables: Tables, wrong: Iterable[Wrong], journals: Journals, layouts: Layouts
) -> None:
    """Upsert the panes with something wrong, as far as raw rows are stored. Raises StoreError."""
    hours: dict[tuple[Origin, Group], set[int]] = {}
    measures: dict[tuple[Origin, Group], dict[Measure, None]] = {}
    for one in wrong:
        place = (one.span.origin, one.span.group)
        hours.setdefault(place, set()).add(one.span.begin * 1000)
        measures.setdefault(place, dict.fromkeys(layouts.get(place[1].survey, ())))
        measures[place][one.measure] = None
    notes = []
    for (origin, group), begins in hours.items():
        journal = journals[origin]
        notes.append(
            Note(
                group=group,
                partition=origin.partition,
                version=make_version(origin.generation, journal.reach),
                measures=tuple(measures[origin, group]),
                hours=tuple(sorted(begins)),
                as_of=journal.as_of,
                last_response_at=max(begins),
                source=(0, 0),
            )
        )
    await recount(tables, notes)


_WINDOWS: Final = f"""
INSERT INTO rolling_scores
(
    {GROUP}, scale, measure, window, window_start, window_end, generation, partition, counts,
    version, last_response_at, as_of, emitted_at
)
SELECT
    {GROUP}, scale, measure, window, begin, end, generation, partition, counts,
    bitOr(bitShiftLeft(toUInt64(generation), {GENERATION_SHIFT}), version),
    toDateTime64(0, 3, 'UTC'), fromUnixTimestamp64Milli(toInt64($as_of), 'UTC'), now64(3, 'UTC')
FROM ($counted)
WHERE NOT $gone OR arraySum(counts) > 0
"""


async def recount_windows(
    tables: Tables, absent: Iterable[Wrong], journals: Journals, past: Layouts, now: Layouts
) -> None:
    """Write the rows of windows that have none, as they were told: of what was asked in the `past`
    and is not `now` those that hold answers. Raises StoreError."""
    wanted: dict[Place, dict[Measure, None]] = {}
    for one in absent:
        layout = dict.fromkeys(past.get(one.span.group.survey, ()))
        wanted.setdefault((one.span, one.below), layout)[one.measure] = None
    surveys = {span.group.survey for span, _ in wanted}
    gone = [(s, name) for s in surveys for name, _ in {*past.get(s, ())}.difference(now.get(s, ()))]
    as_of = value_of({origin: journal.as_of for origin, journal in journals.items()})
    for chunk in chunked(sorted(wanted.items()), NOTES_A_STATEMENT):
        counted = recount_query(chunk, hourly=False)
        parts = {"$as_of": as_of, "$gone": _among(gone), "$counted": counted}
        statement = filled(_WINDOWS, parts)
        await tables.execute(statement, "recount windows")


def _among(gone: Iterable[Measure]) -> str:
    """The condition for rows of these surveys and measures."""
    pairs = ", ".join(f"({quoted(survey)}, {quoted(name)})" for survey, name in sorted(gone))
    return f"(survey, measure) IN ({pairs})" if pairs else "0"


async def take_back(
    settings: Settings, tables: Tables, said: Sequence[Said], owners: Owners
) -> None:
    """Send a retraction of each surplus response to its own partition, and wait until the log has
    it, under the names of the catalogue: an alias may be gone by now. What is of an earlier
    generation cannot be reached any more. Raises KafkaError, StoreError.
    """
    kafka = settings.kafka
    topic = Topics(kafka.topic_prefix).responses
    generations = await read_generations(kafka)
    sender = producer(kafka)
    async with started(sender, kafka), opened(settings) as originals:
        for one in said:
            if one.origin.generation == generations.of(one.origin.partition):
                record = await _original(settings, originals, topic, one)
                record = record or await _stored(tables, one)
                group = owned(one.group, owners)
                await _send(
                    *(sender, topic, one.origin.partition, group),
                    {**record, **group._asdict(), "retracted": True},
                )


async def _original(
    settings: Settings, originals: Originals, topic: str, said: Said
) -> dict[str, object] | None:
    """As it was sent: comments in ClickHouse are redacted, and a fold that still knows the event
    compares them."""
    place = (said.origin.partition, said.offset, said.received_at)
    found = await originals.fetch(topic, *place)
    if found is None:
        return None
    record = ResponseDecoder(settings.kafka.confluent_ids).decode(found.value)
    return None if isinstance(record, Reason) else record


async def _stored(tables: Tables, said: Said) -> dict[str, object]:
    """From its raw row, without its group: an event older than the log is one that no fold
    remembers, and time and group are enough."""
    generation, partition = said.origin
    ((answers, location, comment),) = await tables.rows(
        "SELECT answers, location, comment FROM responses FINAL WHERE "
        f"generation = {generation} AND partition = {partition} AND offset = {said.offset}",
        "read the raw row",
    )
    return {
        "event_id": said.event_id,
        "occurred_at": said.occurred_at,
        "answers": answers,
        "location": location,
        "comment": comment,
    }


async def _send(
    sender: AIOKafkaProducer, topic: str, partition: int, group: Group, record: dict[str, object]
) -> None:
    try:
        await sender.send_and_wait(  # type: ignore[no-untyped-call]  # aiokafka
            topic,
            value=encode_response(record),
            key=response_key(group),
            partition=partition,
            headers=[REPAIR_HEADER],
        )
    except ClientError as error:
        raise KafkaError(
            f"topic {topic} partition {partition}: a repair was not acknowledged: "
            f"{type(error).__name__}; run it again, what was sent twice takes back once"
        ) from error
