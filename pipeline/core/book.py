"""The panes of all groups of a partition: opening, expiry by watermark, what is yet to be told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from pipeline.core.catalogue import Catalogue
from pipeline.core.cut import GroupCut, Pane
from pipeline.core.panes import HOURS_KEPT, MINUTES_KEPT, GroupPanes, Measures, count, uncount
from pipeline.core.updates import Group
from pipeline.core.vocabulary import COUNTED, SLOTS
from pipeline.core.windows import HOUR, MINUTE, WINDOWS, Change


class Book:
    """Every group's panes, with an index by time so that expiry touches only what expires.

    `held` are, by survey, the measures that panes count though the catalogue no longer asks them.
    """

    def __init__(self, catalogue: Catalogue, held: dict[str, Measures] | None = None) -> None:
        self.catalogue = catalogue
        self.held = held or {}
        self.groups: dict[Group, GroupPanes] = {}
        self.touched: dict[GroupPanes, None] = {}
        self.keep_sums = False
        self.watermark = 0
        self.oldest_hour = 0  # hours below have expired: they end 29 days or more behind
        self._recent: list[tuple[GroupPanes, Change]] = []  # minutes yet to count
        self._hours_from = 0  # hours and minutes below are forgotten
        self._minutes_from = 0
        self._hours: defaultdict[int, list[GroupPanes]] = defaultdict(list)
        self._minutes: defaultdict[int, list[GroupPanes]] = defaultdict(list)

    def add(self, group: Group, occurred_at: int, slots: tuple[int, ...]) -> None:
        """Count one response and let the watermark follow; `catch_up` ends a batch of them."""
        panes = self.groups.get(group) or self._open(group)
        hour = occurred_at // HOUR
        pane = panes.hours.get(hour)
        if pane is None:
            self._hours[hour].append(panes)
            pane = panes.hours[hour] = [0] * panes.width
        for slot in slots:
            pane[slot] += 1
        panes.unsent.add(hour)
        change = (occurred_at, slots, 1)
        self._recent.append((panes, change))
        self.touched[panes] = None
        if self.keep_sums:
            panes.changes.append(change)
        if occurred_at > panes.last_at:
            panes.last_at = occurred_at
            self.follow(occurred_at)

    def follow(self, occurred_at: int) -> None:
        """Let the watermark follow an accepted record; what that expires is forgotten later."""
        if occurred_at > self.watermark:
            self.watermark = occurred_at
            self.oldest_hour = max(0, occurred_at // HOUR - HOURS_KEPT)

    def take_back(self, group: Group, occurred_at: int, slots: tuple[int, ...]) -> None:
        """Undo one counted response, as far as its survey's counts were kept since."""
        panes = self.groups[group]
        hour = occurred_at // HOUR
        change = (occurred_at, slots, -1)
        self._recent.append((panes, change))
        self.touched[panes] = None
        panes.unsent.add(hour)
        if not uncount(panes.hours[hour], slots):
            panes.drop_windows()  # summed anew from the panes
        elif self.keep_sums:
            panes.changes.append(change)

    def catch_up(self) -> None:
        """Count the minutes of what was added, and forget what expired meanwhile.

        Most minutes of a replay have expired by the end of a batch: those are never counted.
        """
        first_minute = max(0, self.watermark // MINUTE - MINUTES_KEPT)
        for panes, (occurred_at, slots, sign) in self._recent:
            minute = occurred_at // MINUTE
            if minute >= first_minute:
                self._count_minute(panes, minute, slots, sign)
        self._recent.clear()
        for minute in _expired(self._minutes, self._minutes_from, first_minute):
            for panes in self._minutes.pop(minute):
                panes.expire_minute(minute)
        for hour in _expired(self._hours, self._hours_from, self.oldest_hour):
            for panes in self._hours.pop(hour):
                self._expire(panes, hour)
        self._minutes_from, self._hours_from = first_minute, self.oldest_hour

    def _count_minute(
        self, panes: GroupPanes, minute: int, slots: tuple[int, ...], sign: int
    ) -> None:
        pane = panes.minutes.get(minute)
        if pane is None:
            if sign < 0:
                return  # it expired before the response was taken back
            self._minutes[minute].append(panes)
            pane = panes.minutes[minute] = [0] * panes.width
        if sign > 0:
            count(pane, slots)
        elif not uncount(pane, slots):
            panes.drop_windows()
        panes.uncut_minutes.add(minute)

    def _expire(self, panes: GroupPanes, hour: int) -> None:
        panes.expire_hour(hour)
        if panes.parted:
            self.touched[panes] = None
        elif panes.idle:
            self.groups.pop(panes.group, None)

    def moved(self, last: int, now: int) -> bool:
        """Whether a pane boundary lies between two instants."""
        return any(last // window.pane != now // window.pane for window in WINDOWS)

    def settle(self, told: Iterable[GroupPanes]) -> None:
        """All that was touched has been told; forget groups of which nothing is left."""
        for panes in told:
            if panes.idle:
                self.groups.pop(panes.group, None)
        self.touched.clear()

    def tell_again(self, group: Group, hours: Iterable[int]) -> None:
        """Others know more of these hours, and of the windows over them: tell what is counted here,
        also where that is nothing."""
        panes = self.groups.get(group) or self._open(group)
        panes.tell_again(hours)
        self.touched[panes] = None

    def drop_windows(self) -> None:
        """Stop keeping running sums, for as long as nobody is told of windows."""
        self.keep_sums = False
        for panes in self.groups.values():
            panes.drop_windows()

    def take_cut(self, full: bool) -> tuple[GroupCut, ...]:
        """What changed and was sent since the last cut, or everything."""
        cuts = []
        for panes in self.groups.values():
            hours = panes.hours.keys() if full else panes.uncut
            minutes = panes.minutes.keys() if full else panes.uncut_minutes
            if full or hours or minutes:
                cuts.append(
                    GroupCut(
                        panes.group,
                        panes.measures,
                        panes.last_at,
                        tuple((hour, tuple(panes.hours[hour])) for hour in hours),
                        tuple((minute, tuple(panes.minutes[minute])) for minute in minutes),
                    )
                )
                panes.uncut.clear()
                panes.uncut_minutes.clear()
        return tuple(cuts)

    def load(self, cut: GroupCut) -> None:
        """Take over the panes of a cut, in the layout of this book."""
        if not self.layout(cut.group.survey):  # a cut of before measures were held
            self.held[cut.group.survey] = cut.measures
        panes = self.groups.get(cut.group) or self._open(cut.group)
        panes.last_at = max(panes.last_at, cut.last_at)
        relaid = _relayer(cut.measures, panes.measures)
        for hour, counts in _alive(cut.hours, self._hours_from):
            if hour not in panes.hours:
                self._hours[hour].append(panes)
            panes.hours[hour] = relaid(counts)
        for minute, counts in _alive(cut.minutes, self._minutes_from):
            if minute not in panes.minutes:
                self._minutes[minute].append(panes)
            panes.minutes[minute] = relaid(counts)

    def under(self, catalogue: Catalogue) -> Book:
        """All that is counted, laid out by another catalogue. What it does not ask is held while
        any pane counts it: a function of the log and the catalogues, as panes are.

        Only right when everything was told. This book must not be used any more.
        """
        groups = self.take_cut(full=True)
        book = Book(catalogue, self._held(catalogue, groups))
        book.follow(self.watermark)
        book.catch_up()
        for group in groups:
            if book.layout(group.group.survey):
                book.load(group)
        return book

    def layout(self, survey: str) -> Measures:
        """What panes of a survey count: the measures asked, then those held."""
        return (*measures_of(self.catalogue, survey), *self.held.get(survey, ()))

    def _held(self, catalogue: Catalogue, groups: Iterable[GroupCut]) -> dict[str, Measures]:
        by_survey: defaultdict[str, list[GroupCut]] = defaultdict(list)
        for group in groups:
            by_survey[group.group.survey].append(group)
        held = {}
        for survey, cuts in by_survey.items():
            asked = measures_of(catalogue, survey)
            gone = [(at, m) for at, m in enumerate(self.layout(survey)) if m not in asked]
            kept = tuple(measure for at, measure in gone if _counts(cuts, at))
            if kept:
                held[survey] = kept
        return held

    def _open(self, group: Group) -> GroupPanes:
        panes = self.groups[group] = GroupPanes(group, self.layout(group.survey))
        return panes


def measures_of(catalogue: Catalogue, survey_id: str) -> Measures:
    """(measure, scale) of all counts of a survey, the reserved `response` last; () when unknown."""
    survey = catalogue.surveys.get(survey_id)
    if survey is None:
        return ()
    asked = ((question.measure, str(question.scale)) for question in survey.questions)
    return (*asked, COUNTED)


def _counts(cuts: Sequence[GroupCut], at: int) -> bool:
    """Whether any pane counts the measure at this place of the layout."""
    first, end = at * SLOTS, at * SLOTS + SLOTS
    return any(any(counts[first:end]) for cut in cuts for _, counts in cut.hours)


def _expired(index: dict[int, list[GroupPanes]], first: int, last: int) -> Iterator[int]:
    """The indexed times in `[first, last)`, walking whichever is shorter; a jump may span years."""
    if last <= first:
        return iter(())
    if last - first < len(index):
        return iter([time for time in range(first, last) if time in index])
    return iter([time for time in index if time < last])


def _alive(panes: tuple[Pane, ...], oldest: int) -> Iterator[Pane]:
    return (pane for pane in panes if pane[0] >= oldest)


def _relayer(old: Measures, new: Measures) -> Callable[[tuple[int, ...]], list[int]]:
    """From the counts of one layout to those of another; what was not asked before counts 0."""
    if old == new:
        return list
    source = [
        old.index(measure) * SLOTS + slot if measure in old else -1
        for measure in new
        for slot in range(SLOTS)
    ]
    return lambda counts: [counts[at] if at >= 0 else 0 for at in source]
