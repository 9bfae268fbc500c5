"""Why bytes are no record: they are walked once more, by the rules of Avro 1.12, up to the fault.

Only faults pay for it. The decoder itself says little more than that it ran out of bytes, which a
forged length and a message cut short have in common; who operates the system wants to tell them
apart.
"""

from __future__ import annotations

from typing import Final

from pipeline.core.reasons import Reason
from pipeline.wire.topics import RESPONSE_BYTES

_LONGEST_NUMBER: Final = 10
"""Bytes of the longest variable-length long: 64 bits, seven a byte."""
_MOST_ENTRIES: Final = 1000
"""Map entries looked at: far more than a record that is meant well has, and a millisecond."""


class _FaultError(Exception):
    """Where the walk ends."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason


def diagnose(value: bytes, start: int, schema: object) -> Reason:
    """The first fault in the bytes of `schema` that begin at `start`; `malformed` if none shows."""
    try:
        _Walk(value, start).past(schema)
    except _FaultError as fault:
        return fault.reason
    return Reason.MALFORMED


class _Walk:
    """A position in the bytes, moved past one value after the other."""

    def __init__(self, value: bytes, at: int) -> None:
        self._value = value
        self._at = at
        self._end = len(value)  # of the bytes, or of the block we are in
        self._entries = 0

    def past(self, schema: object) -> None:
        """Move past one value. Raises _FaultError."""
        if isinstance(schema, list):
            branch = self._number()
            if not 0 <= branch < len(schema):
                raise _FaultError(Reason.MALFORMED)
            return self.past(schema[branch])
        if not isinstance(schema, dict):
            return self._primitive(schema)
        if schema["type"] == "map":
            return self._map(schema["values"])
        if schema["type"] != "record":
            return self.past(schema["type"])
        for field in schema["fields"]:
            self.past(field["type"])
        return None

    def _primitive(self, name: object) -> None:
        if name in ("string", "bytes"):
            self._skip(self._length())
        elif name in ("int", "long"):
            self._number()
        elif name == "boolean":
            self._skip(1)
        elif name != "null":
            raise _FaultError(Reason.MALFORMED)  # no field of a response has another type

    def _map(self, values: object) -> None:
        while count := self._number():
            if count < 0:  # allowed: then the block says how many bytes it has
                count, size = -count, self._length()
                self._skip(size)
                self._at -= size
                self._end = self._at + size
            _refuse_beyond(count)
            for _ in range(count):
                self._entries += 1
                if self._entries > _MOST_ENTRIES:
                    raise _FaultError(Reason.TRUNCATED)
                self._skip(self._length())
                self.past(values)
            if self._at != self._end < len(self._value):
                raise _FaultError(Reason.MALFORMED)
            self._end = len(self._value)

    def _length(self) -> int:
        length = self._number()
        if length < 0:
            raise _FaultError(Reason.MALFORMED)
        _refuse_beyond(length)
        return length

    def _number(self) -> int:
        number = shift = 0
        for byte in self._value[self._at : min(self._end, self._at + _LONGEST_NUMBER)]:
            self._at += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number >> 1 ^ -(number & 1)
        raise self._over() if self._at == self._end else _FaultError(Reason.MALFORMED)

    def _skip(self, length: int) -> None:
        self._at += length
        if self._at > self._end:
            raise self._over()

    def _over(self) -> _FaultError:
        """The bytes are over; those of a block only if its size is wrong."""
        block = self._end < len(self._value)
        return _FaultError(Reason.MALFORMED if block else Reason.TRUNCATED)


def _refuse_beyond(length: int) -> None:
    """A length or count that no message can hold was not cut short: it is wrong."""
    if length > RESPONSE_BYTES:
        raise _FaultError(Reason.LENGTH_TOO_LARGE)
