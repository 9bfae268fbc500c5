"""Finds the copies of one event by reading the topics: slow, but it needs no ClickHouse, and sees
records that cannot be decoded when the id stands in their bytes."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

from pipeline.core.catalogue import Catalogue
from pipeline.core.reasons import Reason
from pipeline.core.updates import Group
from pipeline.core.vocabulary import RESPONSE
from pipeline.errors import SchemaError
from pipeline.operate.topic_scan import Record, Told, scan
from pipeline.operate.traces import Copy, Judged, Pane, changed_panes, judge
from pipeline.settings import Settings
from pipeline.sink.raw import EARLIEST_MS, LATEST_MS, redacted_comment
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.generations import Generations, read_generations
from pipeline.wire.ledger import standing
from pipeline.wire.responses import ResponseDecoder
from pipeline.wire.topics import Topics

_ZERO = datetime(1970, 1, 1, tzinfo=UTC)


async def find_in_log(settings: Settings, event: UUID, tell: Told) -> list[Copy]:
    """The copies in `responses`, each with its outcome from the topic of the ledger.

    Reads both topics whole, so it takes about 15 s a million records. Comments come redacted.
    Raises KafkaError and CatalogueError.
    """
    topics = Topics(settings.kafka.topic_prefix)
    finder = _Finder(settings, event, await read_generations(settings.kafka))
    await scan(settings, topics.responses, finder.see, tell)
    if not finder.copies:
        return []
    ledger = _Ledger()
    await scan(settings, topics.ledger, ledger.see, lambda done, total: None)
    copies = [judge(copy, ledger.judged(copy)) for copy in finder.copies]
    panes = {c.place: _pane(c) for c in changed_panes(copies)}
    copies = [replace(copy, pane=panes.get(copy.place)) for copy in copies]
    return sorted(copies, key=lambda copy: copy.place)


class _Finder:
    """Keeps the records whose bytes hold the id, in small or capital letters."""

    def __init__(self, settings: Settings, event: UUID, generations: Generations) -> None:
        self.copies: list[Copy] = []
        self._generations = generations
        self._event = str(event)
        self._small = self._event.encode()
        self._capital = self._event.upper().encode()
        self._catalogue = load_catalogue(settings.catalog)
        self._decoder = ResponseDecoder(settings.kafka.confluent_ids)

    def see(self, record: Record) -> None:
        """Look at one record of `responses`."""
        value = record.value or b""
        if self._small not in value and self._capital not in value:
            return
        copy = Copy(
            generation=self._generations.of(record.partition),
            partition=record.partition,
            offset=record.offset,
            received_at=_time(record.timestamp),
        )
        decoded = self._decoder.decode(value)
        if isinstance(decoded, Reason):
            self.copies.append(copy)
        elif str(decoded["event_id"]).lower() == self._event:  # else it stands in a comment
            self.copies.append(_described(copy, decoded, self._catalogue))


class _Ledger:
    """What the ledger's entries say of every partition's newest generation."""

    def __init__(self) -> None:
        self._start: dict[tuple[int, int], tuple[int, int]] = {}
        self._verdicts: defaultdict[tuple[int, int], dict[int, tuple[str, str]]] = defaultdict(dict)

    def see(self, record: Record) -> None:
        """Take in one entry; what is none, or void, was never a verdict."""
        try:
            entry = standing(record)
        except SchemaError:
            return
        if entry is None:
            return
        log = (entry.generation, entry.partition)
        if entry.next_offset >= self._start.get(log, (0, 0))[1]:
            self._start[log] = (entry.start_offset, entry.next_offset)
        for verdict in entry.exceptions:
            self._verdicts[log][verdict.offset] = (verdict.outcome, verdict.reason)

    def judged(self, copy: Copy) -> Judged | None:
        """What is known of the copy's log."""
        if copy.log not in self._start:
            return None
        return Judged(*self._start[copy.log], self._verdicts[copy.log])


def _described(copy: Copy, record: dict[str, object], catalogue: Catalogue) -> Copy:
    agency, service, channel, survey = (
        str(record[name]) for name in ("agency", "service", "channel", "survey")
    )
    return replace(
        copy,
        occurred_at=_time(cast(int, record["occurred_at"])),
        group=Group(
            catalogue.agency_codes.get(agency, agency),
            catalogue.service_codes.get(service, service),
            channel,
            survey,
        ),
        retracted=record["retracted"] is True,
        answers=cast("dict[str, int]", record["answers"]),
        location=cast("str | None", record["location"]),
        comment=redacted_comment(cast("str | None", record["comment"]), Counter()),
    )


def _pane(copy: Copy) -> Pane | None:
    if copy.occurred_at is None:
        return None
    hour = copy.occurred_at.replace(minute=0, second=0, microsecond=0)
    return Pane(hour=hour, measures=(*(copy.answers or ()), RESPONSE))


def _time(ms: int) -> datetime:
    """As the table of responses has it: a hostile time is moved to the nearest it takes."""
    return _ZERO + timedelta(milliseconds=min(max(ms, EARLIEST_MS), LATEST_MS))
