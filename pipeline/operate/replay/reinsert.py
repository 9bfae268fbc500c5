"""Letters of the sink back into ClickHouse, by the sink's own converters and writer."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.operate.originals import Originals, opened
from pipeline.operate.replay.choice import Choice
from pipeline.operate.replay.resend import EXPIRED, Done, chosen_letters
from pipeline.operate.topic_scan import Told
from pipeline.settings import Settings
from pipeline.sink import outcomes, scored
from pipeline.sink.dead import DeadLetterRows
from pipeline.sink.letters import Letters
from pipeline.sink.progress import reach
from pipeline.sink.raw import RawRows
from pipeline.sink.repair import recount
from pipeline.sink.rows import Convert, Note, Record, Refused
from pipeline.sink.target import Tables
from pipeline.sink.writer import Writer
from pipeline.store.client import connect_async
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.dead_letters import ATTEMPT, REPAIR_HEADER, DeadLetter
from pipeline.wire.kafka import producer, started
from pipeline.wire.responses import ResponseDecoder
from pipeline.wire.topics import Topics


@dataclass(frozen=True, slots=True)
class _Original:
    """A record as the sink read it, made of its letter."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    key: bytes | None = None


class _Refusals:
    """Sends the letters of what is refused again, and counts them."""

    def __init__(self, letters: Letters, done: Done) -> None:
        self._letters = letters
        self._done = done

    async def send(self, refused: Sequence[Refused]) -> None:
        self._done.cannot["refused again"] += len(refused)
        await self._letters.send(refused)


async def reinsert(settings: Settings, choice: Choice, tell: Told, stop: asyncio.Event) -> Done:
    """Write the rows of the letters of `choice`; one that is refused again makes a new letter.

    Raises KafkaError and StoreError.
    """
    done = Done()
    topics = Topics(settings.kafka.topic_prefix)
    converters = _Converters(settings, topics)
    notes: list[Note] = []
    client = await connect_async(settings.clickhouse)
    try:
        tables = Tables(client)
        async with (
            started(producer(settings.kafka), settings.kafka) as sender,
            opened(settings) as originals,
        ):
            async for letters in chosen_letters(settings, choice, tell, stop):
                by_log = await _by_log(letters, originals, converters, done)
                for log, records in by_log.items():
                    again = Letters(sender, topics.dead_letters, log.generation_of)
                    refusals = _Refusals(again, done)
                    writer = Writer(converters.of(log), tables, refusals)
                    notes += await writer.write(records)
        await _recount(tables, topics.responses, notes, done)
    finally:
        await client.close()
    done.stopped = stop.is_set()
    return done


class _Log(NamedTuple):
    """A topic in one of its lives."""

    topic: str
    generation: int

    def generation_of(self, partition: int) -> int:
        return self.generation


class _Converters:
    """The sink's own, for letters of each topic and life."""

    def __init__(self, settings: Settings, topics: Topics) -> None:
        self._responses = topics.responses
        self._catalogue = load_catalogue(settings.catalog)
        self._decoder = ResponseDecoder(settings.kafka.confluent_ids)
        self._others: Mapping[str, Convert] = {
            topics.scores: scored.convert,
            topics.ledger: outcomes.convert,
            topics.dead_letters: DeadLetterRows(topics.responses).convert,
        }

    def __contains__(self, topic: str) -> bool:
        return topic == self._responses or topic in self._others

    def of(self, log: _Log) -> Convert:
        if log.topic != self._responses:
            return self._others[log.topic]
        return RawRows(self._catalogue, self._decoder, log.generation_of).convert


async def _by_log(
    letters: Sequence[tuple[DeadLetter, str]],
    originals: Originals,
    converters: _Converters,
    done: Done,
) -> Mapping[_Log, list[Record]]:
    found: defaultdict[_Log, list[Record]] = defaultdict(list)
    for letter, reason in letters:
        if letter.topic not in converters:
            done.cannot["its topic is not one of ours"] += 1
            continue
        value = letter.value
        if letter.cut:
            original = await originals.fetch(
                letter.topic, letter.partition, letter.offset, letter.appended_at
            )
            if original is None:
                done.cannot[EXPIRED] += 1
                continue
            value = original.value
        headers = [(ATTEMPT, b"%d" % (letter.attempt + 1))]
        if letter.repair:
            headers.append(REPAIR_HEADER)
        place = (letter.topic, letter.partition, letter.offset, letter.appended_at)
        log = _Log(letter.topic, letter.generation)
        found[log].append(_Original(*place, value, headers))
        done.sent[reason] += 1
    return found


async def _recount(tables: Tables, topic: str, notes: Sequence[Note], done: Done) -> None:
    """Late hours that refused scores asked for; of one hour the newest note."""
    newest: dict[tuple[object, ...], Note] = {}
    for note in notes:
        key = (note.group, note.generation, note.partition, note.hours)
        newest[key] = max(note, newest.get(key, note), key=lambda one: one.version)
    if not newest:
        return
    places = {(note.generation, note.partition) for note in newest.values()}
    stored = await reach(tables, topic, places)
    for note in newest.values():
        if note.next_offset <= stored.get((note.generation, note.partition), -1):
            await recount(tables, [note])
        else:
            done.cannot["late hours wait for raw rows: run it again"] += len(note.hours)
