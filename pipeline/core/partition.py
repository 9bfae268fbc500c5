"""The fold of one partition: every record gets one outcome, counted responses go into panes.

Pure and synchronous: no clock, no randomness. The same log prefix and the same catalogue give the
same state, however the records were cut into batches and wherever the fold was stopped and resumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from pipeline.core.account import Account
from pipeline.core.book import Book
from pipeline.core.breaker import OFF, Breaker, Limits
from pipeline.core.catalogue import Catalogue
from pipeline.core.cut import UNKNOWN, Cut, check_chain
from pipeline.core.ids import IdStore
from pipeline.core.judge import Judge
from pipeline.core.reasons import Outcome, Reason
from pipeline.core.response import Response
from pipeline.core.updates import (
    Gap,
    Group,
    LedgerEntry,
    Loss,
    PaneRow,
    ScoreUpdate,
    Totals,
    Verdict,
    WindowRow,
    in_parts,
    make_version,
)
from pipeline.core.windows import HOUR

Record = tuple[int, int, Response | Reason]
"""(offset, append time in ms, what was answered or why the record cannot be used)."""


@dataclass(frozen=True, slots=True)
class Emission:
    """What one cut tells the world: updates by group, and a ledger entry if records were read."""

    updates: tuple[ScoreUpdate, ...]
    entry: LedgerEntry | None


class PartitionState:
    """State of one partition. `partial` marks a fold that begins above the start of history: hours
    that may lack earlier records then take the late path. `limits` are those of its breaker."""

    def __init__(
        self,
        partition: int,
        generation: int,
        start_offset: int,
        catalogue: Catalogue,
        *,
        partial: bool = False,
        limits: Limits = OFF,
    ) -> None:
        self.partition = partition
        self.generation = generation
        self.start_offset = start_offset
        self.next_offset = start_offset
        self.as_of = 0
        self.breaker = Breaker(limits)
        self._judge = Judge(Book(catalogue), partial=partial)
        self._account = Account(start_offset, Totals())
        self._shown_at = 0

    @property
    def book(self) -> Book:
        """What is counted."""
        return self._judge.book

    @property
    def ids(self) -> IdStore:
        """The events that are remembered."""
        return self._judge.ids

    @property
    def watermark(self) -> int:
        """The highest `occurred_at` (ms) among accepted records at lower offsets."""
        return self.book.watermark

    @property
    def catalogue(self) -> Catalogue:
        """What records are judged by."""
        return self.book.catalogue

    @property
    def version(self) -> int:
        """The version of rows told now."""
        return make_version(self.generation, self.next_offset)

    @property
    def totals(self) -> Totals:
        """Running totals since `start_offset`."""
        return self._account.totals

    def apply(self, batch: Iterable[Record], replayed: Set[int] = frozenset()) -> list[Verdict]:
        """Fold records in offset order; those below `next_offset` are skipped, and those after the
        breaker tripped are left, whose window does not count the offsets that are `replayed`.

        Returns the verdicts of records not simply accepted. A fault in one record is its own dead
        letter (`internal_error`); nothing is raised for what a record holds.
        """
        verdicts: list[Verdict] = []
        if self.breaker.paused_at:
            return verdicts
        judge = self._judge.judge
        began = self.next_offset
        folded = 0
        times: list[int] = []  # of those that the breaker has not seen
        for offset, appended_at, record in batch:
            if offset < self.next_offset:
                continue
            self.next_offset = offset + 1
            self.as_of = appended_at
            folded += 1
            if offset not in replayed:
                times.append(appended_at)
            try:
                verdict = judge(record, appended_at)
            except Exception:
                # The one place that must not stop: a record we cannot handle is kept as bytes.
                verdict = Outcome.DEAD_LETTER, Reason.INTERNAL_ERROR
            if verdict is not None:
                verdicts.append(Verdict(offset, *verdict))
                counts = verdict[0] is Outcome.DEAD_LETTER and offset not in replayed
                if counts and self.breaker.trips(offset, times):
                    break
        self.breaker.see(times)
        self.book.catch_up()
        self.ids.sweep(folded)
        self._account.add(folded, verdicts)
        self._account.mark(self.next_offset - began - folded)
        return verdicts

    def lose(self, loss: Loss) -> None:
        """Retention removed records before they were read; what was told of them is taken back: the
        hours are told again by what is counted here, or noted when that may not be all."""
        if loss.to <= self.next_offset:
            return
        self._account.lose(Gap(self.next_offset, loss.to))
        self.next_offset = loss.to
        self.as_of = max(self.as_of, loss.as_of)
        judge = self._judge
        first = judge.first_hour
        for group, hours in loss.hours.items():
            here = {hour for hour in hours if not judge.partial and hour >= first}
            self.book.tell_again(group, here)
            judge.late[group] |= hours - here

    def skip(self, offset: int) -> None:
        """No record is left below `offset`: what is there marks or belongs to transactions."""
        self._account.mark(max(0, offset - self.next_offset))
        self.next_offset = max(self.next_offset, offset)

    def emit(self, now: int, windows: bool) -> Emission:
        """Take what changed since the last emission, as of wall clock `now` (ms).

        With `windows` false (far behind) only panes are told; the next emission with windows then
        tells those of every group, as it does after a restore and at a pane boundary. Windows never
        move backwards: when the clock is set back they wait for it, since readers take the newest.
        """
        if not windows:
            self.book.drop_windows()
        shown_at = max(now, self._shown_at)
        everyone = windows and (
            not self.book.keep_sums or self.book.moved(self._shown_at, shown_at)
        )
        self._shown_at = shown_at
        self.book.keep_sums = windows
        panes = list(self.book.groups.values()) if everyone else []
        told = dict.fromkeys((*self.book.touched, *panes))
        updates = [
            update
            for group in told
            if (update := self._update(group.group, now, windows)) is not None
        ]
        self.book.settle(told)
        updates += [
            update
            for group in list(self._judge.late)
            if (update := self._update(group, now, False)) is not None
        ]
        # Windows slide though nothing was read: that, too, only who owns the ledger may tell.
        entry = self.entry() if updates or self.next_offset != self._account.told_to else None
        return Emission(tuple(part for one in updates for part in in_parts(one)), entry)

    def entry(self) -> LedgerEntry:
        """What the ledger was not told yet; without anything new it tells of no offset."""
        news = self._account.take_news(self.next_offset)
        return LedgerEntry(
            generation=self.generation,
            partition=self.partition,
            from_offset=news.from_offset,
            next_offset=self.next_offset,
            start_offset=self.start_offset,
            as_of=self.as_of,
            watermark=self.watermark,
            catalogue=self.catalogue.digest,
            totals=self.totals,
            exceptions=news.exceptions,
            gaps=news.gaps,
        )

    def cut(self, full: bool) -> Cut:
        """What a checkpoint must hold. Raises ValueError unless all that changed has been emitted:
        a restore tells only what comes after it.
        """
        self._refuse_untold()
        return Cut(
            partition=self.partition,
            generation=self.generation,
            start_offset=self.start_offset,
            next_offset=self.next_offset,
            watermark=self.watermark,
            as_of=self.as_of,
            floor=UNKNOWN if self._judge.partial else self._judge.floor,
            catalogue=self.catalogue.digest,
            totals=self.totals,
            full=full,
            groups=self.book.take_cut(full),
            held=tuple(sorted(self.book.held.items())),
            ids=self._take_ids(full),
            breaker=self.breaker.cut(),
        )

    def switch(self, catalogue: Catalogue) -> None:
        """What follows is read by another catalogue. The next cut must be full: a chain of cuts has
        one catalogue, and one layout of each survey.

        Raises ValueError unless all that changed has been emitted, windows too: no later emission
        shows that a measure which is dropped here slid to zero.
        """
        self._refuse_untold()
        if not self.book.keep_sums:
            raise ValueError("emit windows before switching")
        self._judge.book = self.book.under(catalogue)

    @classmethod
    def load(
        cls, cuts: Sequence[Cut], catalogue: Catalogue, limits: Limits = OFF
    ) -> PartitionState:
        """The state after the last of `cuts`, a full one and the increments that follow it, all
        made with this catalogue.

        Raises ValueError when the first is not full or they are not of one partition in order.
        """
        last = check_chain(cuts)
        partial = last.floor == UNKNOWN
        state = cls(last.partition, last.generation, last.start_offset, catalogue, partial=partial)
        state.next_offset = last.next_offset
        state.as_of = last.as_of
        state._judge.floor = 0 if partial else last.floor
        state._account = Account(last.next_offset, last.totals)
        state.breaker = Breaker(limits, last.breaker)
        state.book.held = dict(last.held)
        state.book.follow(last.watermark)
        state.book.catch_up()
        state.ids.forget_before = state.book.oldest_hour
        for cut in cuts:
            for group in cut.groups:
                state.book.load(group)
            state.ids.unpack(cut.ids, cut.full)
        return state

    def _refuse_untold(self) -> None:
        if self.book.touched or self._judge.late or self._account.told_to != self.next_offset:
            raise ValueError("emit before cut")

    def _update(self, group: Group, now: int, windows: bool) -> ScoreUpdate | None:
        repairs = self._judge.late.pop(group, set())
        panes = self.book.groups.get(group)
        rows: tuple[PaneRow, ...] = ()
        shown: tuple[WindowRow, ...] = ()
        if panes is not None:
            rows = panes.take_panes(repairs)
            shown = (
                panes.take_windows(self._shown_at, self.watermark, self._judge.floor)
                if windows
                else ()
            )
        if not (rows or shown or repairs):
            return None
        return ScoreUpdate(
            group=group,
            partition=self.partition,
            version=self.version,
            as_of=self.as_of,
            emitted_at=now,
            last_response_at=panes.last_at if panes else 0,
            measures=self.book.layout(group.survey),
            panes=rows,
            windows=shown,
            repairs=tuple(hour * HOUR for hour in sorted(repairs)),
        )

    def _take_ids(self, full: bool) -> bytes:
        fresh = self.ids.take_fresh()
        return self.ids.pack() if full else fresh
