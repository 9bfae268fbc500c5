"""When late hours are recounted: once their raw rows and outcomes are stored, by whichever sink.

It runs beside the lane of the scores, so that a long recount does not delay live scores.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from pipeline import metrics
from pipeline.sink.expired import NO_LACK, Lack, lacks
from pipeline.sink.held import HeldNotes
from pipeline.sink.patience import Patience, Stopped, pause
from pipeline.sink.progress import reach
from pipeline.sink.repair import recount, recount_upwards
from pipeline.sink.rows import Note
from pipeline.sink.target import Tables

REST: Final = 3.0
"""Rests this many times as long as the last recount took: a flood of late answers may take a
quarter of the store's time, not all of it."""
SHORTEST_SECONDS: Final = 1.0
"""Between two looks while notes wait: a recount of one hour takes as long as one of fifty, some
300 ms, which live inserts miss."""


class Repairs:
    """Holds the notes of one lane and works them off; see `HeldNotes` for what is held."""

    def __init__(self, tables: Tables, responses_topic: str) -> None:
        self._tables = tables
        self._topic = responses_topic
        self._held = HeldNotes()

    @property
    def full(self) -> bool:
        """No more scores should be read before some hours are recounted."""
        return self._held.full

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, notes: Iterable[Note]) -> None:
        """Take notes in."""
        self._held.add(notes)
        metrics.SINK_HELD_HOURS.set(len(self._held))

    def drop(self, partitions: Iterable[int]) -> None:
        """Partitions of the score topic are another sink's now."""
        self._held.drop(partitions)
        metrics.SINK_HELD_HOURS.set(len(self._held))

    def floors(self) -> Mapping[int, int]:
        """Where the commit of the score topic has to stop."""
        return self._held.floors()

    async def run(self, stop: asyncio.Event) -> None:
        """Recount until told to stop; notes not worked off are read again. Raises StoreError."""
        patience = Patience("repairs", pause, stop)
        try:
            while not stop.is_set():
                spent = await patience.until_done(self.work)
                await pause(max(SHORTEST_SECONDS, REST * spent), stop)
        except Stopped:
            return

    async def work(self) -> float:
        """Recount what is ready, all of it in one statement; the seconds that took, without those
        of attempts that failed. Raises StoreError."""
        if not len(self._held):
            return 0.0
        started = time.monotonic()
        ready = self._held.ready(await reach(self._tables, self._topic, self._held.partitions()))
        if ready:
            whole, torn = divided(ready, await lacks(self._tables))
            await recount(self._tables, whole)
            await recount_upwards(self._tables, torn)
            self._held.done(ready)
            metrics.SINK_RECOUNTED_HOURS.inc(sum(len(note.hours) for note in ready))
            metrics.SINK_RECOUNT_SECONDS.observe(time.monotonic() - started)
            metrics.SINK_HELD_HOURS.set(len(self._held))
        return time.monotonic() - started


def divided(
    notes: Iterable[Note], lacking: Mapping[tuple[int, int], Lack]
) -> tuple[list[Note], list[Note]]:
    """The notes with those hours of which all is stored that they count, and with the others.

    What is lacking above a note does not concern it; and may turn out to be what nobody judged.
    """
    whole, torn = [], []
    for note in notes:
        lack = lacking.get((note.generation, note.partition), NO_LACK)
        first = lack.hour if lack.offset < note.next_offset else 0
        before = tuple(hour for hour in note.hours if hour < first)
        if not before:
            whole.append(note)
            continue
        torn.append(replace(note, hours=before))
        if after := tuple(hour for hour in note.hours if hour >= first):
            whole.append(replace(note, hours=after))
    return whole, torn
