"""The whole comparison: one look at everything, then again at what differs until it agrees or time
is up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

from pipeline.core.catalogue import Catalogue
from pipeline.operate.pauses import find_pauses
from pipeline.operate.reconcile import absent, accounts, audit, hours, logs, mend
from pipeline.operate.reconcile.audit import Said
from pipeline.operate.reconcile.differences import NOT_ALL, Difference, Kind
from pipeline.operate.reconcile.inquiry import Inquiry
from pipeline.operate.reconcile.journals import Journals, reaches, read_journals
from pipeline.operate.reconcile.logs import LogBounds
from pipeline.operate.reconcile.spans import Span, newest_windows
from pipeline.score.pace import CAUGHT_UP
from pipeline.settings import Settings
from pipeline.sink.target import Tables
from pipeline.store import asked
from pipeline.store.client import connect_async
from pipeline.store.failures import needing_tables
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.catalogue_moves import Past
from pipeline.wire.topics import Topics

PATIENCE_SECONDS: Final = 30.0
"""A sink that had backed off is back by then; what differs for longer does so for good."""
PAUSE_SECONDS: Final = 1.0
"""Between two looks: panes, raw rows and outcomes are stored once a second."""

Told = Callable[[int, int], None]
"""Gets how many steps of how many are done."""


@dataclass(frozen=True, slots=True)
class Report:
    """What differs after all patience, how much was compared, and what could not be."""

    differences: Sequence[Difference]
    not_compared: Sequence[str] = ()
    hours: int = 0
    windows: int = 0
    judged: int = 0


async def reconcile(
    settings: Settings,
    patience: float = PATIENCE_SECONDS,
    tell: Told = lambda done, total: None,
    *,
    repair: bool = False,
) -> Report:
    """Compare Kafka, ledger, raw rows, outcomes, panes and rolling windows, while all of it runs.

    A difference is one that is still there `patience` seconds after everything was looked at. With
    `repair` those that raw rows can mend are, and the report has what differs after that.
    Raises KafkaError or StoreError when a part is away, CatalogueError for the catalogue.
    """
    topic = Topics(settings.kafka.topic_prefix).responses
    async with AsyncExitStack() as stack:
        stack.enter_context(needing_tables())
        client = await connect_async(settings.clickhouse)
        stack.push_async_callback(client.close)
        catalogue = load_catalogue(settings.catalog)
        tables = Tables(client)
        past = asked.past_of(await tables.rows(asked.READ, "read what was asked"))
        past = past.followed_by(catalogue)
        ends = await stack.enter_async_context(logs.opened(settings))
        comparison = Comparison(settings, tables, topic, catalogue, past, ends)
        await comparison.survey(patience, tell)
        await comparison.settle(patience)
        if repair and await comparison.mend():
            # Once more at everything: limits may have kept the first survey from the rest.
            await comparison.survey(patience, tell)
            await comparison.settle(patience)
        return await comparison.report()


async def _arrived(
    tables: Tables, topic: str, bounds: Mapping[int, LogBounds], patience: float
) -> Journals:
    """How far the tables are once all that was in the log is in them, or patience is over."""
    deadline = time.monotonic() + patience
    while True:
        journals = await read_journals(tables, topic)
        behind = any(logs.compare_logs(bounds, journals))
        if not behind or time.monotonic() >= deadline:
            return journals
        await asyncio.sleep(PAUSE_SECONDS)


@dataclass(slots=True)
class Comparison:
    """One run. `survey` looks at everything once, `look` again at what was not as it should be."""

    settings: Settings
    tables: Tables
    topic: str
    catalogue: Catalogue
    past: Past
    ends: logs.Ends
    inquiry: Inquiry = field(init=False)
    absences: absent.Absences = field(init=False)
    _bounds: Mapping[int, LogBounds] = field(default_factory=dict)
    _open: list[accounts.Stretch] = field(default_factory=list)
    _surplus: list[Said] = field(default_factory=list)
    _unseen: list[Difference] = field(default_factory=list)
    _found: list[Difference] = field(default_factory=list)
    _sizes: dict[str, int] = field(default_factory=dict)
    _not_compared: Sequence[str] = ()

    async def survey(self, patience: float, tell: Told) -> None:
        """Everything, once, as soon as all that is in the log now is stored."""
        self._bounds = await self.ends.read()
        journals = await _arrived(self.tables, self.topic, self._bounds, patience)
        self.inquiry = Inquiry(self.tables, self.past.layouts, reaches(journals))
        self._open, self._surplus = [], []
        stored = reaches(journals)
        offsets = await accounts.stretches(self.tables, journals)
        times = await hours.stretches(self.tables)
        ids = await audit.pieces(self.tables)
        total = len(offsets) + len(times) + len(ids) + 1
        for done, stretch in enumerate(offsets):
            tell(done, total)
            if await accounts.compare(self.tables, stretch, self.topic):
                self._open.append(stretch)
        for done, piece in enumerate(times, len(offsets)):
            tell(done, total)
            if len(self.inquiry) < hours.MOST_SUSPECTS:
                found = await hours.suspects(self.tables, piece, journals, self.past.owners)
                self.inquiry.suspect(found)
        for done, piece_of_ids in enumerate(ids, len(offsets) + len(times)):
            tell(done, total)
            if len(self._surplus) < audit.MOST_EVENTS:
                self._surplus += await audit.audit(self.tables, piece_of_ids, stored)
        self._unseen = list(_unseen(len(self.inquiry), len(self._surplus)))
        windows = await self._windows(journals)
        tell(total, total)
        self._not_compared = tuple(filter(None, (one.not_compared for one in journals.values())))
        self._sizes = {
            "hours": sum(piece.hours for piece in times),
            "windows": windows,
            "judged": sum(journal.told - journal.start for journal in journals.values()),
        }

    async def _windows(self, journals: Journals) -> int:
        """Look at the newest rows, and for those that must be there by them; how many are."""
        newest = await newest_windows(self.tables)
        windows = {span: rows for span, rows in newest.items() if _is_whole(span, journals)}
        self.inquiry.suspect_rows(windows)
        behind = {one.origin for one in logs.compare_logs(self._bounds, journals)}
        # A worker that is far behind tells no windows until it has caught up.
        now = await self.ends.read()
        most = self.settings.score.behind_records // max(1, len(now)) // CAUGHT_UP
        caught_up = logs.caught_up(now, journals, most)
        kept = {origin: one for origin, one in caught_up.items() if origin not in behind}
        floors = await absent.read_floors(self.tables, kept)
        dues = [*absent.due(newest, kept, floors, int(time.time()))]
        self.absences = absent.Absences(self.tables, dues)
        return len(windows)

    async def settle(self, patience: float) -> None:
        """Look until everything agrees, or patience is over."""
        deadline = time.monotonic() + patience
        await self.look()
        while self.unsettled and time.monotonic() < deadline:
            await asyncio.sleep(PAUSE_SECONDS)
            await self.look()

    async def mend(self) -> bool:
        """Mend what raw rows can mend; whether there was anything. Raises StoreError, KafkaError.

        A row is left alone while raw rows or outcomes of its partition are at fault themselves.
        """
        broken = accounts.broken(self._found)
        every = (*self.inquiry.wrong, *self.absences.wrong)
        sound = [one for one in every if one.span.origin not in broken]
        wrong = [one for one in sound if not one.span.window]
        lacking = [one for one in sound if one.span.window and one.stored is None]
        surplus = [one for one in self._surplus if one.origin not in broken]
        if wrong or lacking:
            journals = await read_journals(self.tables, self.topic)
            # What is asked no more is counted where somebody answered, as score workers do.
            ever, now = self.past.layouts, Past.of(self.catalogue).layouts
            await mend.recount_panes(self.tables, wrong, journals, {**ever, **now})
            await mend.recount_windows(self.tables, lacking, journals, ever, now)
        if surplus:
            await mend.take_back(self.settings, self.tables, surplus, self.past.owners)
        return bool(wrong or lacking or surplus)

    @property
    def unsettled(self) -> bool:
        """Something differs, or could not be compared yet."""
        return bool(self._found or len(self.inquiry) or len(self.absences))

    async def look(self) -> None:
        """Once more at what differs or could not be compared."""
        journals = await read_journals(self.tables, self.topic)
        self._found = [*self._unseen, *await accounts.equations(self.tables, journals)]
        still = []
        for stretch in self._open:
            found = await accounts.compare(self.tables, stretch, self.topic)
            self._found += found
            still += [stretch] if found else []
        self._open = still
        known, self._surplus = self._surplus, []
        for ids in audit.these({one.event_id for one in known}):
            self._surplus += await audit.audit(self.tables, ids, reaches(journals))
        self._found += [one.difference() for one in self._surplus]
        await self.inquiry.look(reaches(journals))
        await self.absences.look(reaches(journals))
        self._found += self.absences.differences()
        behind = await self._logs(journals)
        self._found += self.inquiry.differences({one.origin for one in behind})
        self._found += behind

    async def _logs(self, journals: Journals) -> list[Difference]:
        now = await self.ends.read()
        return [*logs.compare_logs(self._bounds, journals), *logs.compare_ends(now, journals)]

    async def report(self) -> Report:
        """What the last look found."""
        found = self._found
        if any(one.advice == logs.BEHIND for one in found):
            found = list(logs.name_pauses(found, await find_pauses(self.settings.kafka)))
        return Report(tuple(found), self._not_compared, **self._sizes)


def _unseen(suspects: int, surplus: int) -> Iterator[Difference]:
    """What a survey left out: it ends early where it finds more than one run can mend."""
    if suspects >= hours.MOST_SUSPECTS:
        yield Difference(Kind.SURVEY, None, "panes", f"{suspects} or more differ", "fewer", NOT_ALL)
    if surplus >= audit.MOST_EVENTS:
        yield Difference(Kind.SURVEY, None, "events", f"{surplus} or more differ", "fewer", NOT_ALL)


def _is_whole(span: Span, journals: Journals) -> bool:
    """All of its raw rows may be there: it does not begin before a horizon."""
    journal = journals.get(span.origin)
    return journal is None or span.begin >= journal.complete_from
