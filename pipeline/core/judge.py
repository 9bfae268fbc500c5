"""What becomes of each record of a partition: one outcome, by ids, hours and what is counted."""

from __future__ import annotations

from collections import defaultdict

from pipeline.core.book import Book
from pipeline.core.ids import COUNTED, RETRACTION_ONLY, IdState, IdStore
from pipeline.core.reasons import Outcome, Reason
from pipeline.core.response import MAX_AHEAD, Response
from pipeline.core.updates import Group
from pipeline.core.windows import HOUR

Judgement = tuple[Outcome, str] | None
"""An outcome and its reason; None when a record is simply accepted."""


class Judge:
    """Judges records in the order of the log, counts in `book` what is accepted, and remembers its
    ids. Hours below `floor` are not told from here; `late` are those with late answers.

    With `partial` the history begins above its start: the first record then tells the floor.
    """

    def __init__(self, book: Book, *, partial: bool) -> None:
        self.book = book
        self.ids = IdStore()
        self.partial = partial
        self.floor = 0
        self.late: defaultdict[Group, set[int]] = defaultdict(set)

    @property
    def first_hour(self) -> int:
        """The first that can be told from here."""
        return max(self.floor, self.book.oldest_hour)

    def judge(self, response: Response | Reason, appended_at: int) -> Judgement:
        """The outcome of the next record, appended at that time (ms)."""
        if self.partial:
            self._begin(appended_at)
        if isinstance(response, Reason):
            return Outcome.DEAD_LETTER, response
        event_id, occurred_at, group, slots, content, retracted = response
        hour = occurred_at // HOUR
        if hour < self.floor or hour < self.book.oldest_hour:
            self.late[group].add(hour)
            return Outcome.LATE, ""
        known = self.ids.learn(event_id, content, hour, RETRACTION_ONLY if retracted else COUNTED)
        if known is not None:
            return self._repeat(response, hour, *known)
        if retracted:
            return Outcome.RETRACTION, ""
        self.book.add(group, occurred_at, slots)
        self.ids.forget_before = self.book.oldest_hour
        return None

    def _repeat(self, response: Response, hour: int, content: bytes, known: IdState) -> Judgement:
        """The outcome of a record whose id is known; a response and its retraction cancel out."""
        if content != response.content:
            return Outcome.DEAD_LETTER, Reason.CONFLICTING
        if known is not (COUNTED if response.retracted else RETRACTION_ONLY):
            return Outcome.DUPLICATE, ""
        self.ids.put(response.event_id, content, hour, IdState.RETRACTED)
        if response.retracted:
            self.book.take_back(response.group, response.occurred_at, response.slots)
            return Outcome.RETRACTION, ""
        self.book.follow(response.occurred_at)
        self.ids.forget_before = self.book.oldest_hour
        return None

    def _begin(self, appended_at: int) -> None:
        """Find the first hour whose answers are all appended after this record."""
        self.partial = False
        self.floor = complete_from(appended_at) // HOUR


def complete_from(appended_at: int) -> int:
    """The first hour (ms) whose answers were all appended at this time or later."""
    return ((appended_at + MAX_AHEAD) // HOUR + 1) * HOUR
