"""Ids and times of many records at once: both stand at fixed places, read by columns."""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Sequence
from typing import Final

import numpy as np

from pipeline.wire.avro import HEADER

ID_AT: Final = HEADER + 1
TIME_AT: Final = ID_AT + 36
WHO_AT: Final = TIME_AT + 6
"""A UUID is 36 characters; a time between 2004 and 2109 takes 6 bytes as a variable-length long."""
SHORTEST: Final = TIME_AT + 8
"""Times are taken eight bytes at a time."""

_SHAPE: Final = bytes.maketrans(b"123456789abcdef", b"0" * 15)
_CANONICAL: Final = b"00000000-0000-0000-0000-000000000000"
_ID: Final = 16
_CONTINUED: Final = 0x808080808081
_SIX_BYTES: Final = 0x008080808080
"""Continuation bits of a 6-byte long: set in five bytes, clear in the last; bit 0 is the sign."""


def event_ids(values: Sequence[bytes]) -> list[bytes]:
    """The 16 bytes of each canonical UUID, empty for any other text. Values: at least `SHORTEST`
    bytes each."""
    texts = [value[ID_AT:TIME_AT] for value in values]
    text = b"".join(texts)
    if text.translate(_SHAPE) != _CANONICAL * len(texts):
        return [
            unhexlify(one.replace(b"-", b"")) if one.translate(_SHAPE) == _CANONICAL else b""
            for one in texts
        ]
    ids = unhexlify(text.translate(None, b"-"))
    return [ids[at : at + _ID] for at in range(0, len(ids), _ID)]


def times(values: Sequence[bytes]) -> list[int]:
    """Milliseconds since 1970 where a time has the usual six bytes, else -1. Values: at least
    `SHORTEST` bytes each."""
    packed = np.frombuffer(b"".join([value[TIME_AT:SHORTEST] for value in values]), "<u8")
    found = np.zeros(len(packed), "<u8")
    for byte in range(6):
        found |= (packed >> np.uint64(byte)) & np.uint64(0x7F << 7 * byte)
    usual = packed & np.uint64(_CONTINUED) == np.uint64(_SIX_BYTES)
    result: list[int] = np.where(usual, (found >> np.uint64(1)).astype(np.int64), -1).tolist()
    return result
