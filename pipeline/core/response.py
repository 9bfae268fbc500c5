"""From a decoded record to a response that can be counted, or the reason why not.

Checks are memoised on what repeats (who asked, and how they answered), because a quarter holds
hundreds of thousands of responses but few distinct groups and answer patterns.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final, NamedTuple, cast

from pipeline.core.catalogue import Catalogue, Survey
from pipeline.core.reasons import Reason
from pipeline.core.updates import Group
from pipeline.core.vocabulary import CHANNELS, RESPONSE, SLOTS, VALUES

EARLIEST: Final = 1_514_764_800_000
"""2018-01-01 UTC in ms: section 280 begins there, so an earlier answer is a broken clock."""
MAX_AHEAD: Final = 5 * 60_000
"""An emitter's clock may run five minutes ahead of the broker's; more would close panes too early."""
MAX_COMMENT: Final = 10_000
MAX_LOCATION: Final = 200
"""Office codes are short; the limit keeps a hostile field out of the store's keys."""
MAX_ANSWERS: Final = 64
"""No instrument asks more than 15 measures; beyond this the map is not even looked at."""
_CACHE: Final = 50_000
"""Distinct groups or patterns kept: bounds memory when input is hostile, far above what is real."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch


class Response(NamedTuple):
    """A response that holds. `slots` are the positions in its group's counts that it adds one to."""

    event_id: bytes
    occurred_at: int
    group: Group
    slots: tuple[int, ...]
    content: bytes
    retracted: bool


class Validator:
    """Checks decoded records against a catalogue; keeps caches, so one for each catalogue and thread."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._groups: dict[tuple[object, ...], tuple[Group, bytes] | Reason] = {}
        self._patterns: dict[tuple[object, ...], tuple[tuple[int, ...], bytes] | Reason] = {}

    def check(self, record: Mapping[str, object], appended_at: int) -> Response | Reason:
        """Validate one record that was appended at `appended_at` (broker's clock, ms).

        The first reason found is the one given, in the order of `Reason`.
        """
        text = cast(str, record["event_id"])
        if _UUID(text) is None:
            return Reason.BAD_EVENT_ID
        survey_id = record["survey"]
        key = (record["agency"], record["service"], record["channel"], survey_id)
        found = self._groups.get(key) or self._resolve(key)
        if isinstance(found, Reason):
            return found
        answers = cast("dict[str, int]", record["answers"])
        if len(answers) > MAX_ANSWERS:
            return Reason.TOO_MANY_ANSWERS
        pattern_key = (survey_id, *answers.items())
        pattern = self._patterns.get(pattern_key) or self._read_answers(pattern_key, answers)
        if isinstance(pattern, Reason):
            return pattern
        occurred_at = cast(int, record["occurred_at"])
        reason = _check_limits(record, occurred_at, appended_at)
        if reason is not None:
            return reason
        content = _digest(occurred_at, found[1], pattern[1], record)
        event_id = bytes.fromhex(text.replace("-", ""))
        return Response(
            event_id, occurred_at, found[0], pattern[0], content, record["retracted"] is True
        )

    def _resolve(self, key: tuple[object, ...]) -> tuple[Group, bytes] | Reason:
        found = self._look_up(*cast("tuple[str, str, str, str]", key))
        if len(self._groups) < _CACHE:
            self._groups[key] = found
        return found

    def _look_up(
        self, agency: str, service: str, channel: str, survey_id: str
    ) -> tuple[Group, bytes] | Reason:
        catalogue = self.catalogue
        agency_code = catalogue.agency_codes.get(agency)
        if agency_code is None:
            return Reason.UNKNOWN_AGENCY
        service_code = catalogue.service_codes.get(service)
        if service_code is None:
            return Reason.UNKNOWN_SERVICE
        if catalogue.services[service_code].agency != agency_code:
            return Reason.SERVICE_NOT_OF_AGENCY
        if channel not in CHANNELS:
            return Reason.UNKNOWN_CHANNEL
        survey = catalogue.surveys.get(survey_id)
        if survey is None:
            return Reason.UNKNOWN_SURVEY
        if survey.service != service_code:
            return Reason.SURVEY_NOT_OF_SERVICE
        group = Group(agency_code, service_code, channel, survey_id)
        return group, "\0".join(group).encode()

    def _read_answers(
        self, key: tuple[object, ...], answers: Mapping[str, int]
    ) -> tuple[tuple[int, ...], bytes] | Reason:
        pattern = slots_of(self.catalogue.surveys[cast(str, key[0])], answers)
        if len(self._patterns) < _CACHE:
            self._patterns[key] = pattern
        return pattern


def slots_of(survey: Survey, answers: Mapping[str, int]) -> tuple[tuple[int, ...], bytes] | Reason:
    """Where `answers` count, six slots a measure in the survey's layout, and their canonical bytes."""
    layout = survey.layout
    scales = survey.measures
    slots = []
    for measure, value in answers.items():
        scale = scales.get(measure)
        if scale is None:
            return Reason.UNKNOWN_MEASURE
        if value not in VALUES[scale]:
            return Reason.VALUE_OUT_OF_SCALE
        slots.append(layout.index(measure) * SLOTS + value)
    slots.append(layout.index(RESPONSE) * SLOTS)
    slots.sort()
    return tuple(slots), b",".join(b"%b=%d" % (m.encode(), answers[m]) for m in sorted(answers))


def _check_limits(
    record: Mapping[str, object], occurred_at: int, appended_at: int
) -> Reason | None:
    comment = cast("str | None", record["comment"])
    if comment is not None and len(comment) > MAX_COMMENT:
        return Reason.COMMENT_TOO_LONG
    location = cast("str | None", record["location"])
    if location is not None and len(location) > MAX_LOCATION:
        return Reason.LOCATION_TOO_LONG
    if occurred_at < EARLIEST:
        return Reason.OCCURRED_TOO_EARLY
    if occurred_at > appended_at + MAX_AHEAD:
        return Reason.OCCURRED_IN_FUTURE
    return None


def _digest(occurred_at: int, group: bytes, answers: bytes, record: Mapping[str, object]) -> bytes:
    """8-byte hash of the canonical record: aliases resolved, `retracted` left out.

    Length prefixes keep two free-text fields from running into each other.
    """
    location = cast("str | None", record["location"])
    comment = cast("str | None", record["comment"])
    head = b"%d\0%b\0%b" % (occurred_at, group, answers)
    if location is None and comment is None:
        return blake2b(head, digest_size=8).digest()
    place = b"-" if location is None else b"%d+%b" % (len(location), location.encode())
    text = b"-" if comment is None else comment.encode()
    return blake2b(b"%b\0%b\0%b" % (head, place, text), digest_size=8).digest()
