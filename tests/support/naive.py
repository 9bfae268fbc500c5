"""Outcomes and counts by the letter of the design (4.3, 4.4): lists, dicts, and no hurry.

Shares no code with the fold; every question is answered by going through all responses again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from pipeline.core.catalogue import Catalogue
from pipeline.core.reasons import Reason
from pipeline.core.updates import Group
from pipeline.core.vocabulary import CHANNELS, VALUES
from tests.support.world import CATALOGUE, DAY, Sent

HOUR_MS = 3_600_000
Fields = Mapping[str, object]


@dataclass
class Counted:
    """A response that was counted at `offset`, and taken back at `until` if ever."""

    offset: int
    group: Group
    occurred_at: int
    answers: Mapping[str, int]
    until: int | None = None

    def counts_below(self, offset: int) -> bool:
        return self.offset < offset and (self.until is None or self.until >= offset)


@dataclass
class Said:
    """A record whose outcome lets it count, or take back: accepted, late or a retraction."""

    offset: int
    event: tuple[str, int, Group]
    retracted: bool
    answers: Mapping[str, int]


class Naive:
    """Judges a log record by record and remembers everything."""

    def __init__(self, catalogue: Catalogue = CATALOGUE) -> None:
        self.catalogue = catalogue
        self.watermark = 0
        self.outcomes: dict[int, tuple[str, bool]] = {}  # offset → (outcome, conflicting)
        # By survey, what any catalogue so far counts, in its order.
        self.asked: dict[str, dict[str, None]] = {}
        self.counted: list[Counted] = []
        self.late: list[tuple[int, Group, int]] = []  # (offset, group, start of the hour)
        self.said: list[Said] = []
        self._known: dict[str, tuple[Fields, list[bool], Counted | None]] = {}

    def fold(self, log: list[Sent]) -> Naive:
        """Judge what follows by the catalogue that is set by now."""
        for survey in self.catalogue.surveys.values():
            self.asked.setdefault(survey.id, {}).update(dict.fromkeys(survey.layout))
        for offset, appended_at, fields in log:
            self.outcomes[offset] = self._judge(offset, appended_at, fields)
            if self.outcomes[offset][0] in ("accepted", "late", "retraction"):
                self.said.append(_said(offset, cast(Fields, fields), self.catalogue))
        return self

    def _judge(self, offset: int, appended_at: int, record: Fields | Reason) -> tuple[str, bool]:
        if isinstance(record, Reason) or not _valid(record, appended_at, self.catalogue):
            return "dead_letter", False
        group, occurred_at = _group(record, self.catalogue), cast(int, record["occurred_at"])
        if self._expired(occurred_at):
            self.late.append((offset, group, occurred_at // HOUR_MS * HOUR_MS))
            return "late", False
        event_id, retracted = str(record["event_id"]), record["retracted"] is True
        content = {**record, **group._asdict(), "retracted": None}
        before = self._known.get(event_id)
        if before is not None and self._expired(cast(int, before[0]["occurred_at"])):
            before = None
        if before is None:
            mine = None if retracted else self._count(offset, group, record)
            self._known[event_id] = (content, [retracted], mine)
            return ("retraction" if retracted else "accepted"), False
        if before[0] != content:
            return "dead_letter", True
        return self._repeat(offset, occurred_at, retracted, before), False

    def _repeat(
        self,
        offset: int,
        occurred_at: int,
        retracted: bool,
        before: tuple[Fields, list[bool], Counted | None],
    ) -> str:
        _, seen, counted = before
        if retracted in seen:
            return "duplicate"
        seen.append(retracted)
        if retracted:
            assert counted is not None
            counted.until = offset
            return "retraction"
        self.watermark = max(self.watermark, occurred_at)  # accepted, and cancelled at once
        return "accepted"

    def _count(self, offset: int, group: Group, record: Fields) -> Counted:
        counted = Counted(
            offset,
            group,
            cast(int, record["occurred_at"]),
            cast(Mapping[str, int], record["answers"]),
        )
        self.counted.append(counted)
        self.watermark = max(self.watermark, counted.occurred_at)
        return counted

    def _expired(self, occurred_at: int) -> bool:
        end_of_hour = (occurred_at // HOUR_MS + 1) * HOUR_MS
        return end_of_hour <= self.watermark - 29 * DAY

    def counts(self, group: Group, start: int, end: int, below: int) -> dict[str, list[int]]:
        """Counts by measure of `[start, end)` as the log below an offset gives them."""
        counts = {measure: [0] * 6 for measure in self.asked[group.survey]}
        for one in self.counted:
            if one.group == group and start <= one.occurred_at < end and one.counts_below(below):
                counts["response"][0] += 1
                for measure, value in one.answers.items():
                    counts[measure][value] += 1
        return counts

    def recounted(self, group: Group, hour: int, below: int) -> dict[str, list[int]]:
        """Counts of one hour as raw rows and outcomes below an offset give them."""
        counts = {measure: [0] * 6 for measure in self.asked[group.survey]}
        said = [one for one in self.said if one.offset < below]
        gone = {one.event for one in said if one.retracted}
        for one in said:
            _, occurred_at, whose = one.event
            if one.event in gone or (whose, occurred_at // HOUR_MS * HOUR_MS) != (group, hour):
                continue
            gone.add(one.event)  # a second response of the event does not count
            counts["response"][0] += 1
            for measure, value in one.answers.items():
                counts[measure][value] += 1
        return counts

    def final_panes(self) -> dict[tuple[Group, int], dict[str, list[int]]]:
        """Every hour that was ever told, with its counts at the end, late answers included."""
        told = {(one.group, one.occurred_at // HOUR_MS * HOUR_MS) for one in self.counted}
        told |= {(group, hour) for _, group, hour in self.late}
        return {place: self.recounted(*place, 1 << 48) for place in told}


def _said(offset: int, record: Fields, catalogue: Catalogue) -> Said:
    event = (str(record["event_id"]), cast(int, record["occurred_at"]), _group(record, catalogue))
    answers = cast(Mapping[str, int], record["answers"])
    return Said(offset, event, record["retracted"] is True, answers)


def _group(record: Fields, catalogue: Catalogue) -> Group:
    return Group(
        catalogue.agency_codes[str(record["agency"])],
        catalogue.service_codes[str(record["service"])],
        str(record["channel"]),
        str(record["survey"]),
    )


def _valid(record: Fields, appended_at: int, catalogue: Catalogue) -> bool:
    occurred_at = cast(int, record["occurred_at"])
    survey = catalogue.surveys.get(str(record["survey"]))
    return (
        len(str(record["event_id"])) == 36
        and record["agency"] in catalogue.agency_codes
        and record["service"] in catalogue.service_codes
        and record["channel"] in CHANNELS
        and survey is not None
        and all(
            measure in survey.measures and value in VALUES[survey.measures[measure]]
            for measure, value in cast(Mapping[str, int], record["answers"]).items()
        )
        and 1_514_764_800_000 <= occurred_at <= appended_at + 300_000
    )
