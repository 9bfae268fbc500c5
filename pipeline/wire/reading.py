"""From Kafka values to responses, quickly: what repeats is decoded and checked once.

A record is an id, a time, then who was asked (four strings) and what was answered (the rest). The
bytes of the last two repeat: few groups, few answers. Equal bytes decode to equal values, so they
are looked up instead, and only the id and the time are read for each record. Everything unusual
(another schema version, a very long comment, first sight, any fault) takes the full path.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from typing import Final

from pipeline.core.catalogue import Survey
from pipeline.core.reasons import Reason
from pipeline.core.response import (
    Response,
    Validator,
    What,
    Who,
    answer_places,
    free_text,
    gather,
    respond,
)
from pipeline.core.vocabulary import SLOTS
from pipeline.wire.avro import HEADER
from pipeline.wire.responses import ResponseDecoder, response_codec

_ID_AT: Final = HEADER + 1
_TIME_AT: Final = _ID_AT + 36
_WHO_AT: Final = _TIME_AT + 6
"""A UUID is 36 characters; a time between 2004 and 2109 takes 6 bytes as a variable-length long."""
_SIX_BYTES: Final = 0x808080808081
_SIX_BYTES_END: Final = 0x008080808080
"""Continuation bits of a 6-byte long: set in five bytes, clear in the last; bit 0 is the sign."""
_MOST_GROUPS: Final = 10_000
_MOST_PATTERNS: Final = 100_000
_LONGEST_PATTERN: Final = 512
"""Remembered byte strings: some 30 MB at the most, whatever a hostile producer sends; no form
makes longer ones."""
_FLAGS: Final = {b"\0": False, b"\1": True}
_PLAIN: Final = {b"\0\0\0\0": False, b"\0\0\0\1": True}
"""What follows the answers without location and comment: end of map, two nulls, `retracted`."""

_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch


_Tail = tuple[What, bool, bytes]
"""What was answered, `retracted`, and the canonical bytes of location and comment."""


class _Seen:
    """A group that was seen: its survey's answers by their bytes, one by one and all together."""

    def __init__(self, who: Who, survey: Survey) -> None:
        self.who = who
        self.patterns: dict[bytes, What] = {}
        self._survey = survey
        self._places = {
            _short_string(measure) + bytes([value << 1]): place
            for (measure, value), place in answer_places(survey).items()
        }

    def parse(self, answers: bytes, number: int) -> What | None:
        """The answers in one map block of `number` entries; None for anything unusual."""
        at, places = 1, []
        for _ in range(number):
            end = at + 2 + (answers[at] >> 1)
            place = self._places.get(answers[at:end])
            if place is None:
                return None
            places.append(place)
            at = end
        if len({slot // SLOTS for slot, _ in places}) != number:
            return None
        return gather(self._survey, places)


class ResponseReader:
    """Decodes and checks in one step; same result as decoding, then `Validator.check`."""

    def __init__(self, decoder: ResponseDecoder, validator: Validator) -> None:
        self._decoder = decoder
        self._validator = validator
        self._start = response_codec().header + b"\x48"  # the length of an id, 36, as Avro long
        self._seen: dict[bytes, _Seen] = {}
        self._room = _MOST_PATTERNS

    def read(self, value: bytes | None, appended_at: int) -> Response | Reason:
        """The response in one Kafka value appended at `appended_at` (ms), or why there is none."""
        if value is not None and value[:_ID_AT] == self._start:
            packed = int.from_bytes(value[_TIME_AT:_WHO_AT], "little")
            end = _end_of_who(value)
            seen = self._seen.get(value[_WHO_AT:end])
            if seen and packed & _SIX_BYTES == _SIX_BYTES_END and _UUID(value, _ID_AT, _TIME_AT):
                known = self._tail(seen, value[end:])
                if known:
                    unique = unhexlify(value[_ID_AT:_TIME_AT].replace(b"-", b""))
                    return respond(unique, _time(packed), appended_at, seen.who, *known)
        return self._read_all(value, appended_at)

    def _tail(self, seen: _Seen, tail: bytes) -> _Tail | None:
        """The rest of a record after who was asked; None for anything unusual."""
        number = tail[0] >> 1 if tail else 0
        if not number or tail[0] & 0x81:
            return None
        end, size = 1, len(tail)
        for _ in range(number):
            if end >= size:
                return None
            end += 2 + (tail[end] >> 1)
        answers = tail[:end]
        what = seen.patterns.get(answers) or self._pattern(seen, answers, number)
        return what and _with_free_text(what, tail[end:])

    def _pattern(self, seen: _Seen, answers: bytes, number: int) -> What | None:
        what = seen.parse(answers, number)
        if what and self._room and len(answers) <= _LONGEST_PATTERN:
            self._room -= 1
            seen.patterns[answers] = what
        return what

    def _read_all(self, value: bytes | None, appended_at: int) -> Response | Reason:
        record = self._decoder.decode(value)
        if isinstance(record, Reason):
            return record
        response = self._validator.check(record, appended_at)
        if isinstance(response, Response) and value is not None:
            self._learn(value, record)
        return response

    def _learn(self, value: bytes, record: dict[str, object]) -> None:
        """Remember who was asked; only a record of the current version has this shape."""
        if not value.startswith(self._start) or len(self._seen) >= _MOST_GROUPS:
            return
        if value[_WHO_AT : _end_of_who(value)] in self._seen:
            return  # unusual in another way: a comment, or answers never seen
        codes = [str(record[name]) for name in ("agency", "service", "channel", "survey")]
        who = self._validator.who(*codes)
        packed = b"".join(_short_string(code) for code in codes)
        if isinstance(who, tuple) and value[_WHO_AT : _end_of_who(value)] == packed:
            survey = self._validator.catalogue.surveys[who[0].survey]
            self._seen[packed] = _Seen(who, survey)


def _with_free_text(what: What, rest: bytes) -> _Tail | None:
    """Add location, comment and `retracted`; None unless all three are as they should be."""
    plain = _PLAIN.get(rest)
    if plain is not None:
        return what, plain, b""
    try:
        if rest[0]:
            return None  # another block of the map
        location, at = _optional_text(rest, 1)
        comment, at = _optional_text(rest, at)
    except (UnicodeDecodeError, IndexError):
        return None
    retracted = _FLAGS.get(rest[at:])
    free = free_text(location, comment)
    return None if retracted is None or isinstance(free, Reason) else (what, retracted, free)


def _optional_text(data: bytes, at: int) -> tuple[str | None, int]:
    """A union of null and string, and where it ends. Raises IndexError for anything else."""
    if data[at] == 0:
        return None, at + 1
    length = data[at + 1]
    start = at + 2
    if length & 0x80:
        length = length & 0x7F | data[start] << 7
        start += 1
    end = start + (length >> 1)
    # Longer than two length bytes can say, negative, cut short, or not a string at all.
    if data[at] != 2 or length & 1 or length >> 14 or end > len(data):
        raise IndexError
    return data[start:end].decode(), end


def _short_string(text: str) -> bytes:
    """Avro string of under 64 bytes (longer ones never match what this module reads)."""
    data = text.encode()
    return bytes([len(data) << 1 & 0xFF]) + data


def _end_of_who(value: bytes) -> int:
    """Where the four strings end, if their lengths take one byte each; else a place nobody learnt.

    Slices past the end are empty, so a record cut short finds nothing and takes the full path.
    """
    end = _WHO_AT
    size = len(value)
    for _ in range(4):
        end += 1 + (value[end] >> 1 if end < size else 0)
    return end


def _time(packed: int) -> int:
    """Milliseconds from the six bytes of a zigzag variable-length long that is not negative."""
    return (
        packed & 0x7F
        | packed >> 1 & 0x3F80
        | packed >> 2 & 0x1FC000
        | packed >> 3 & 0xFE00000
        | packed >> 4 & 0x7F0000000
        | packed >> 5 & 0x3F800000000
    ) >> 1
