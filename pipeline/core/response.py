"""From a decoded record to a response that can be counted, or the reason why not.

Checks are memoised on what repeats (who asked, and how they answered), because a quarter holds
hundreds of thousands of responses but few distinct groups and answer patterns.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Final, NamedTuple, TypeVar

from xxhash import xxh3_64_digest

from pipeline.core.catalogue import Catalogue, Survey
from pipeline.core.reasons import Reason
from pipeline.core.updates import Group
from pipeline.core.vocabulary import CHANNELS, SLOTS, VALUES

EARLIEST: Final = 1_514_764_800_000
"""2018-01-01 UTC, where section 280 begins; an earlier answer is a broken clock."""
MAX_AHEAD: Final = 5 * 60_000
"""An emitter's clock may run five minutes ahead of the broker's; more closes panes too early."""
MAX_COMMENT: Final = 10_000
MAX_LOCATION: Final = 200
"""Office codes are short; the limit keeps a hostile field out of the store's keys."""
MAX_ANSWERS: Final = 64
"""No instrument asks more than 15 measures; beyond this the map is not even looked at."""
_CACHE: Final = 50_000
"""Distinct groups or patterns kept: orders of answers are many, far above what is real."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_K = TypeVar("_K")
_V = TypeVar("_V")

Who = tuple[Group, bytes]
"""A group and its canonical bytes."""
What = tuple[tuple[int, ...], bytes]
"""Where answers count, six slots a measure in the survey's layout, and their canonical bytes."""


class Response(NamedTuple):
    """A response that holds; it adds one at each of `slots` in its group's counts."""

    event_id: bytes
    occurred_at: int
    group: Group
    slots: tuple[int, ...]
    content: bytes
    retracted: bool


class Told(NamedTuple):
    """All that a record tells besides id and time; `content` is canonical: names, values, texts."""

    group: Group
    slots: tuple[int, ...]
    content: bytes
    retracted: bool


_new = tuple.__new__  # half the time of Response(...), and it runs once for every record
_fields = itemgetter(
    *("event_id", "occurred_at", "agency", "service", "channel", "survey"),
    *("answers", "location", "comment", "retracted"),
)


class Validator:
    """Checks decoded records against a catalogue; keeps caches, so not for several threads."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._groups: dict[tuple[str, ...], Who] = {}
        self._patterns: dict[tuple[object, ...], What] = {}

    def check(self, record: Mapping[str, object], appended_at: int) -> Response | Reason:
        """Validate one record that was appended at `appended_at` (broker's clock, ms).

        The first reason found is the one given, in the order of `Reason`.
        """
        event_id, occurred_at, *codes, answers, location, comment, retracted = _fields(record)
        if _UUID(event_id) is None:
            return Reason.BAD_EVENT_ID
        who = self.who(*codes)
        if isinstance(who, Reason):
            return who
        if len(answers) > MAX_ANSWERS:
            return Reason.TOO_MANY_ANSWERS
        what = self.what(codes[3], answers)
        if isinstance(what, Reason):
            return what
        free = b"" if location is None and comment is None else free_text(location, comment)
        if isinstance(free, Reason):
            return free
        (group, names), (slots, values) = who, what
        told = Told(group, slots, names + values + free, retracted is True)
        return respond(bytes.fromhex(event_id.replace("-", "")), occurred_at, appended_at, told)

    def who(self, agency: str, service: str, channel: str, survey: str) -> Who | Reason:
        """The group of four codes or aliases, or the first of them that does not hold."""
        key = (agency, service, channel, survey)
        known = self._groups.get(key)
        if known is not None:
            return known
        return _remember(self._groups, key, self._look_up(*key))

    def what(self, survey: str, answers: Mapping[str, int]) -> What | Reason:
        """Where the answers to a known survey count, or why they cannot."""
        key = (survey, *answers, *answers.values())
        known = self._patterns.get(key)
        if known is not None:
            return known
        return _remember(self._patterns, key, slots_of(self.catalogue.surveys[survey], answers))

    def _look_up(self, agency: str, service: str, channel: str, survey_id: str) -> Who | Reason:
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
        return group, "\0".join((*group, "")).encode()  # codes hold no NUL: fields cannot run on


def slots_of(survey: Survey, answers: Mapping[str, int]) -> What | Reason:
    """Where `answers` count in the layout of `survey`, and their canonical bytes."""
    parts = []
    places = answer_places(survey)
    for measure, value in answers.items():
        if measure not in survey.measures:
            return Reason.UNKNOWN_MEASURE
        place = places.get((measure, value))
        if place is None:
            return Reason.VALUE_OUT_OF_SCALE
        parts.append(place)
    return gather(survey, parts)


@lru_cache(maxsize=1024)  # far more surveys than any catalogue fields
def answer_places(survey: Survey) -> dict[tuple[str, int], tuple[int, bytes]]:
    """For every (measure, value) a survey allows: its slot, and its canonical bytes."""
    return {
        (measure, value): (at * SLOTS + value, b"%b=%d" % (measure.encode(), value))
        for at, (measure, scale) in enumerate(survey.measures.items())
        for value in VALUES[scale]
    }


def gather(survey: Survey, places: list[tuple[int, bytes]]) -> What:
    """The answers of one response from their places; canonical whatever the order they came in.

    The canonical bytes name measures, not slots: a question added later does not change them.
    """
    response = len(survey.questions) * SLOTS  # the reserved measure is the last of the layout
    slots = (*(slot for slot, _ in places), response)
    return slots, b",".join(sorted([name for _, name in places]))


def respond(event_id: bytes, occurred_at: int, appended_at: int, told: Told) -> Response | Reason:
    """Put a response together.

    The content hash (8 bytes) covers the canonical record: aliases resolved, `retracted` left out.
    It tells a producer's own mistake from a repeat, so it need not withstand an attack.
    """
    if not EARLIEST <= occurred_at <= appended_at + MAX_AHEAD:
        early = occurred_at < EARLIEST
        return Reason.OCCURRED_TOO_EARLY if early else Reason.OCCURRED_IN_FUTURE
    group, slots, content, retracted = told
    digest = xxh3_64_digest(occurred_at.to_bytes(8, "big") + content)
    return _new(Response, (event_id, occurred_at, group, slots, digest, retracted))


def free_text(location: str | None, comment: str | None) -> bytes | Reason:
    """Canonical bytes of location and comment; a length keeps one from running into the other."""
    if comment is not None and len(comment) > MAX_COMMENT:
        return Reason.COMMENT_TOO_LONG
    if location is not None and len(location) > MAX_LOCATION:
        return Reason.LOCATION_TOO_LONG
    return _tagged(location) + _tagged(comment)


def _tagged(text: str | None) -> bytes:
    """Bytes that cannot be mistaken for another text, nor run into what follows."""
    if text is None:
        return b"\0"
    data = text.encode()
    return b"\1" + len(data).to_bytes(4, "big") + data


def _remember(cache: dict[_K, _V], key: _K, value: _V | Reason) -> _V | Reason:
    """Keep what holds. What does not hold may be of any length and never come again."""
    if not isinstance(value, Reason) and len(cache) < _CACHE:
        cache[key] = value
    return value
