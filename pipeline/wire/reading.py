"""From Kafka values to responses, quickly: what repeats is decoded and checked once.

A record is an id, a time, then who was asked (four strings) and what was answered (the rest). The
bytes of the last two repeat: few groups, few answers. Equal bytes decode to equal values, so they
are looked up instead, and ids and times are read for a whole chunk at once. Everything unusual
(another schema version, a very long comment, first sight, any fault) takes the full path.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pipeline.core.catalogue import Survey
from pipeline.core.reasons import Reason
from pipeline.core.response import (
    Response,
    Told,
    Validator,
    What,
    Who,
    answer_places,
    free_text,
    gather,
    respond,
)
from pipeline.core.updates import Group
from pipeline.core.vocabulary import SLOTS
from pipeline.wire.heads import WHO_AT, event_ids, times
from pipeline.wire.responses import ResponseDecoder, response_codec

_MOST_GROUPS: Final = 10_000
_MOST_TAILS: Final = 100_000
_LONGEST_TAIL: Final = 512
"""Remembered byte strings: some 50 MB at the most, whatever a hostile producer sends; no form
makes longer ones."""
_FLAGS: Final = {b"\0": False, b"\1": True}
_PLAIN: Final = {b"\0\0\0\0": False, b"\0\0\0\1": True}
"""What follows the answers without location and comment: end of map, two nulls, `retracted`."""


class _Seen:
    """A group that was seen, and the answers its survey allows, by their bytes."""

    def __init__(self, who: Who, survey: Survey) -> None:
        self.who = who
        self._survey = survey
        self._places = {
            _short_string(measure) + bytes([value << 1]): place
            for (measure, value), place in answer_places(survey).items()
        }

    def parse(self, tail: bytes, at: int) -> tuple[What, int] | None:
        """The answers in one map block at `at`, and where it ends; None for anything unusual."""
        number = tail[at] if at < len(tail) else 0
        if not number or number & 0x81:
            return None
        at += 1
        places, find = [], self._places.get
        for _ in range(number >> 1):
            end = at + 2 + (tail[at] >> 1 if at < len(tail) else 0)
            place = find(tail[at:end])
            if place is None:
                return None
            places.append(place)
            at = end
        if len({slot // SLOTS for slot, _ in places}) != len(places):
            return None
        return gather(self._survey, places), at


class ResponseReader:
    """Decodes and checks in one step; same result as decoding, then `Validator.check`."""

    def __init__(self, decoder: ResponseDecoder, validator: Validator) -> None:
        self._decoder = decoder
        self.validator = validator
        self._start = response_codec().header + b"\x48"  # the length of an id, 36, as Avro long
        self._seen: dict[bytes, _Seen] = {}
        self._tails: dict[bytes, Told] = {}

    def read(
        self, values: Sequence[bytes | None], appended: Sequence[int]
    ) -> list[Response | Reason]:
        """The response in each Kafka value appended at that time (ms), or why there is none."""
        found = [
            self._find(value) or self._read_all(value, at)
            for value, at in zip(values, appended, strict=True)
        ]
        known = [
            value
            for value, what in zip(values, found, strict=True)
            if value and isinstance(what, Told)
        ]
        heads = zip(event_ids(known), times(known), strict=True)
        read: list[Response | Reason] = []
        for value, at, what in zip(values, appended, found, strict=True):
            if isinstance(what, Told):
                event_id, occurred_at = next(heads)
                usual = event_id and occurred_at >= 0
                what = (
                    respond(event_id, occurred_at, at, what) if usual else self._read_all(value, at)
                )
            read.append(what)
        return read

    def _find(self, value: bytes | None) -> Told | None:
        """All but id and time of one record; None for anything unusual."""
        if not value or not value.startswith(self._start):
            return None
        tail = value[WHO_AT:]
        return self._tails.get(tail) or self._parse(tail)

    def _parse(self, tail: bytes) -> Told | None:
        end = _end_of_who(tail)
        seen = self._seen.get(tail[:end])
        found = seen and seen.parse(tail, end)
        if not seen or not found:
            return None
        (slots, values), end = found
        group, names = seen.who
        rest = tail[end:]
        retracted = _PLAIN.get(rest)
        if retracted is None:
            return _with_free_text(group, slots, names + values, rest)
        told = Told(group, slots, names + values, retracted)
        if len(self._tails) < _MOST_TAILS and len(tail) <= _LONGEST_TAIL:
            self._tails[tail] = told
        return told

    def _read_all(self, value: bytes | None, appended_at: int) -> Response | Reason:
        try:
            record = self._decoder.decode(value)
            if isinstance(record, Reason):
                return record
            response = self.validator.check(record, appended_at)
            if isinstance(response, Response) and value is not None:
                self._learn(value, record)
        except Exception:
            # Never seen, but what is not foreseen must not stop the partition either.
            return Reason.INTERNAL_ERROR
        return response

    def _learn(self, value: bytes, record: dict[str, object]) -> None:
        """Remember who was asked; only a record of the current version has this shape."""
        tail = value[WHO_AT:]
        start = tail[: _end_of_who(tail)]
        if (
            not value.startswith(self._start)
            or len(self._seen) >= _MOST_GROUPS
            or start in self._seen  # unusual in another way: a comment, or a time
        ):
            return
        codes = [str(record[name]) for name in ("agency", "service", "channel", "survey")]
        who = self.validator.who(*codes)
        if isinstance(who, tuple) and start == b"".join(_short_string(code) for code in codes):
            survey = self.validator.catalogue.surveys[who[0].survey]
            self._seen[start] = _Seen(who, survey)


def _with_free_text(
    group: Group, slots: tuple[int, ...], content: bytes, rest: bytes
) -> Told | None:
    """Add location, comment and `retracted`; None unless all three are as they should be."""
    try:
        if rest[0]:
            return None  # another block of the map
        location, at = _optional_text(rest, 1)
        comment, at = _optional_text(rest, at)
    except (UnicodeDecodeError, IndexError):
        return None
    retracted = _FLAGS.get(rest[at:])
    free = free_text(location, comment)
    if retracted is None or isinstance(free, Reason):
        return None
    return Told(group, slots, content + free, retracted)


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


def _end_of_who(tail: bytes) -> int:
    """Where the four strings end, if their lengths take one byte each; else a place nobody learnt.

    Slices past the end are empty, so a record cut short finds nothing and takes the full path.
    """
    end = 0
    size = len(tail)
    for _ in range(4):
        end += 1 + (tail[end] >> 1 if end < size else 0)
    return end
