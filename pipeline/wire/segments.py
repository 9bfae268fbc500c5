"""Long byte strings ⇄ segments that each fit one Kafka record.

Each carries a CRC-32 of its own and one of the whole, its number and how many there are, so that a
missing, torn or foreign one is noticed.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Final

SEGMENT: Final = 900_000
"""Bytes a segment: under Kafka's customary 1 MB a message: no broker needs a special limit."""
_SLICE = struct.Struct("<IIII")  # crc of the rest, crc of the whole, number, of how many


def seal(whole: bytes) -> list[bytes]:
    """Slices that can be told to be complete, in order and of one whole."""
    own = zlib.crc32(whole)
    slices = [whole[at : at + SEGMENT] for at in range(0, len(whole), SEGMENT)] or [b""]
    bodies = (
        struct.pack("<III", own, number, len(slices)) + part for number, part in enumerate(slices)
    )
    return [struct.pack("<I", zlib.crc32(body)) + body for body in bodies]


def unseal(segments: Sequence[bytes]) -> bytes:
    """What was sealed. Raises ValueError when a segment is missing, torn or foreign."""
    whole = b"".join(_unseal(part, n, len(segments)) for n, part in enumerate(segments))
    if segments and _SLICE.unpack_from(segments[0])[1] != zlib.crc32(whole):
        raise ValueError("segments are not of one cut")
    return whole


def _unseal(segment: bytes, number: int, of: int) -> bytes:
    if len(segment) < _SLICE.size:
        raise ValueError("segment is cut short")
    crc, _, own_number, own_of = _SLICE.unpack_from(segment)
    if crc != zlib.crc32(segment[4:]):
        raise ValueError("segment does not match its checksum")
    if (own_number, own_of) != (number, of):
        raise ValueError("segments are missing or out of order")
    return segment[_SLICE.size :]
