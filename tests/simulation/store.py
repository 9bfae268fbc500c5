"""The tables as the sink writes them: rows by key, the highest version stays, of equal ones any.

Inserts arrive late, in part, or unacknowledged. Late hours are recounted here by the rule that
`pipeline/sink/repair.py` puts into SQL.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from pipeline.core.vocabulary import RESPONSE, SLOTS
from pipeline.errors import TransientStoreError
from pipeline.sink.expired import Lack
from pipeline.sink.rows import Block, Note
from pipeline.wire.lives import Mark
from tests.simulation.broker import Trace, Weather
from tests.simulation.loop import VirtualLoop

Row = tuple[Any, ...]

_GROUP: Final = ("agency", "service", "channel", "survey")
_PLACE: Final = ("generation", "partition")
KEYS: Final[dict[str, tuple[str, ...]]] = {
    "responses": (*_PLACE, "offset"),
    "outcomes": (*_PLACE, "offset"),
    "gaps": (*_PLACE, "from_offset", "next_offset"),
    "unstored": (*_PLACE, "from_offset", "next_offset"),
    "ledger": (*_PLACE, "next_offset"),
    "dead_letters": ("topic", *_PLACE, "offset", "stage"),
    "score_panes": ("hour", *_GROUP, "measure", "scale", *_PLACE),
    "rolling_scores": ("window", "window_end", *_GROUP, "measure", "scale", *_PLACE),
    "sink_progress": ("topic", *_PLACE),
}
"""What makes a row of each table one row: ORDER BY in `deploy/clickhouse/`."""
PARTITION_AT: Final = {name: key.index("partition") for name, key in KEYS.items()}
CONTENT: Final[dict[str, tuple[str, ...]]] = {
    "responses": ("event_id", "occurred_at", "channel", "survey", "answers", "received_at",
                  "retracted"),
    "outcomes": ("outcome", "reason"),
    "gaps": (),
    "unstored": ("complete_from",),
    "ledger": ("received", "accepted", "duplicate", "late", "retraction", "dead_letter", "missing",
               "marker", "start_offset", "watermark", "as_of"),
    "dead_letters": ("reason", "received_at", "size", "attempt"),
    "score_panes": ("counts", "as_of"),
    "rolling_scores": ("counts", "as_of", "window_start"),
    "sink_progress": (),
}  # fmt: skip
"""What rows of one key and version must agree in, whoever wrote them. A ledger row may begin
anywhere: what was told twice is told in other pieces. Agency and service of a raw row are named by
the catalogue that its sink knew. And `last_response_at` is as far as a worker
remembers: it forgets groups with nothing left to tell."""
VERSION: Final = {
    "score_panes": "version",
    "rolling_scores": "version",
    "sink_progress": "next_offset",
}


class Store:
    """In place of ClickHouse, and of `pipeline.sink.target.Tables`."""

    def __init__(self, loop: VirtualLoop, rng: random.Random, trace: Trace) -> None:
        self._loop = loop
        self._rng = rng
        self._trace = trace
        self.weather = Weather()
        self.away_until = 0.0
        self.tables: dict[str, dict[Row, tuple[int, Row]]] = {name: {} for name in KEYS}
        self.written: dict[str, dict[Row, Row]] = {name: {} for name in KEYS}
        """(key, version) → content, of every row that was ever inserted."""
        self.conflicts: dict[int, list[tuple[Row, int, str]]] = {}
        """By partition: rows that should be the same and are not, with their key and version."""

    async def close(self) -> None: ...

    async def look_at(self, tables: Iterable[str]) -> None:
        await self._arrive()

    async def insert(self, block: Block) -> None:
        """Insert in one piece, or in part when it fails on the way."""
        rows = rows_of(block)
        await self._write(block.table, rows)

    async def reach(
        self, topic: str, partitions: Iterable[tuple[int, int]]
    ) -> dict[tuple[int, int], int]:
        """As `pipeline.sink.progress.reach` asks the tables."""
        await self._arrive()
        found = {}
        for place in partitions:
            raw = self.tables["sink_progress"].get((topic, *place))
            told = [key[2] for key in self.tables["ledger"] if key[:2] == place]
            if raw is not None and told:
                found[place] = min(raw[0], max(told))
        return found

    async def last_rows(self, places: Iterable[tuple[int, int]]) -> dict[int, Mark]:
        """As `pipeline.sink.guard.last_rows` asks the tables."""
        await self._arrive()
        wanted = dict.fromkeys(places)
        rows = self.tables["responses"]
        last = {key[:2]: key for key in sorted(key for key in rows if key[:2] in wanted)}
        return {key[1]: Mark(key[2] + 1, rows[key][1][-2]) for key in last.values()}

    async def stored_to(self, topic: str, places: Iterable[tuple[int, int]]) -> dict[int, int]:
        """As `pipeline.sink.progress.stored_to` asks the tables."""
        await self._arrive()
        told = self.tables["sink_progress"]
        keys = [(topic, *place) for place in places]
        return {key[-1]: told[key][0] for key in keys if key in told}

    async def lacks(self) -> dict[tuple[int, int], Lack]:
        """As `pipeline.sink.expired.lacks` asks the tables."""
        await self._arrive()
        return self.lacking()

    def lacking(self) -> dict[tuple[int, int], Lack]:
        """The view `whole_from`."""
        found: dict[tuple[int, int], Lack] = {}
        for (*place, begin, end), (_, (hour,)) in self.tables["unstored"].items():
            origin = (place[0], place[1])
            if not any(at <= begin and end <= to for at, to in self._gaps(origin)):
                known = found.get(origin, Lack(begin, 0))
                found[origin] = Lack(min(begin, known.offset), max(hour * 1000, known.hour))
        return found

    async def recount(self, notes: Sequence[Note], *, upwards: bool = False) -> None:
        """What the statements of `pipeline.sink.repair` insert for these notes."""
        await self._arrive()
        rows = [row for note in notes for row in self._recounted(note, upwards)]
        await self._write("score_panes", rows)

    def _recounted(self, note: Note, upwards: bool) -> Iterator[tuple[Row, int, Row]]:
        counted = self._counted(note)
        place = (note.generation, note.partition)
        for hour in note.hours:
            answered = [said for at, said in counted if at // 3_600_000 * 3_600_000 == hour]
            start = (hour // 1000, *note.group)
            if upwards and len(answered) < self._standing((*start, RESPONSE, "count", *place)):
                continue
            for measure, scale in note.measures:
                counts = [0] * SLOTS
                for answers in answered:
                    if measure == RESPONSE:
                        counts[0] += 1
                    elif measure in answers:
                        counts[answers[measure]] += 1
                key = (*start, measure, scale, *place)
                yield key, note.version, (tuple(counts), note.as_of)

    def _standing(self, key: Row) -> int:
        """How many responses a pane has."""
        _, content = self.tables["score_panes"].get(key, (0, ((0,), 0)))
        return int(content[0][0])

    def _gaps(self, place: tuple[int, int]) -> list[Row]:
        return [key[2:] for key in self.tables["gaps"] if key[:2] == place]

    def _counted(self, note: Note) -> list[tuple[int, dict[str, int]]]:
        """Responses of the group that count below the note's version: (occurred_at, answers)."""
        place = (note.generation, note.partition)
        outcomes = self.tables["outcomes"]
        gaps = self._gaps(place)
        first: dict[tuple[str, int], Row] = {}
        retracted = set()
        for key in sorted(key for key in self.tables["responses"] if key[:2] == place):
            outcome = outcomes.get(key)
            if outcome is not None and outcome[1][0] not in ("late", "retraction"):
                continue
            if any(start <= key[2] < end for start, end in gaps):
                continue
            row = self.tables["responses"][key][1]
            if key[2] >= note.next_offset or row[2:4] != note.group[2:4]:
                continue  # channel and survey have no aliases, and tell the group
            event = (row[0], row[1])  # what has another time or group is another answer
            if row[-1]:
                retracted.add(event)
            else:
                first.setdefault(event, row)
        return [(row[1], row[4]) for event, row in first.items() if event not in retracted]

    async def _arrive(self) -> None:
        await asyncio.sleep(self.weather.delay(self._rng))
        if self._loop.time() < self.away_until or self._rng.random() < self.weather.lost:
            raise TransientStoreError("the store is away", 0)

    async def _write(self, table: str, rows: list[tuple[Row, int, Row]]) -> None:
        """The rows get there whatever becomes of the sink; whether all, and said so, is drawn."""
        if self._loop.time() < self.away_until:
            raise TransientStoreError("the store is away", 0)
        done = self._loop.create_future()
        self._loop.elsewhere(self.weather.delay(self._rng), self._apply, table, rows, done)
        await done

    def _apply(
        self, table: str, rows: list[tuple[Row, int, Row]], done: asyncio.Future[None]
    ) -> None:
        fate = self._rng.random()
        error = None
        if fate < self.weather.lost + self.weather.unsaid:
            error = TransientStoreError("no answer", 0)
            if fate < self.weather.lost:  # a block of several years is not one piece
                rows = self._rng.sample(rows, int(self._rng.random() * len(rows)))
        for row in rows:
            self._put(table, *row)
        self._trace.add(self._loop.time(), "stored", table, len(rows))
        self._loop.elsewhere(self.weather.delay(self._rng), _settle, done, error)

    def _put(self, table: str, key: Row, version: int, content: Row) -> None:
        written = self.written[table]
        before = written.setdefault((key, version), content)
        if before != content and table != "unstored":  # each sink says from when it read on
            conflict = f"{table} {key} version {version}: {before} and {content}"
            self.conflicts.setdefault(key[PARTITION_AT[table]], []).append((key, version, conflict))
        known = self.tables[table].get(key)
        if known is None or known[0] < version or self._wins(known[0], version):
            self.tables[table][key] = version, content

    def _wins(self, known: int, version: int) -> bool:
        return known == version and self._rng.random() < 0.5


def rows_of(block: Block) -> list[tuple[Row, int, Row]]:
    """(key, version, content) of each row."""
    table, columns = block.table, block.columns
    keys = zip(*(columns[name] for name in KEYS[table]), strict=True)
    versions: Sequence[Any] = columns.get(VERSION.get(table, ""), [0] * block.rows)
    contents: Iterable[Row] = [()] * block.rows
    if CONTENT[table]:
        contents = zip(*(columns[name] for name in CONTENT[table]), strict=True)
    return list(zip(keys, versions, contents, strict=True))


def _settle(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
