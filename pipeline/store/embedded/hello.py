"""The first question of clickhouse-go, answered the way only it asks.

That driver reads its first answer at its own protocol revision (block info, and a flag byte in each
column) and every later one at the revision that this answer reports. The engine writes revision 0
only, so the answer is made by hand and reports 0.
"""

from __future__ import annotations

import struct

QUESTION = b"SELECT displayName(), version(), revision(), timezone()"

_BLOCK_INFO = b"\x01\x00" + b"\x02" + struct.pack("<i", -1) + b"\x00"
"""Field 1: no overflow row; field 2: no bucket (-1); end of fields."""

_NO_CUSTOM_SERIALIZATION = b"\x00"
REVISION = 0


def answer(name: str, version: str) -> bytes:
    """One Native block of one row."""
    columns = (
        ("displayName()", "String", _text(name)),
        ("version()", "String", _text(version)),
        ("revision()", "UInt32", struct.pack("<I", REVISION)),
        ("timezone()", "String", _text("UTC")),
    )
    block = _BLOCK_INFO + bytes([len(columns), 1])
    for title, kind, value in columns:
        block += _text(title) + _text(kind) + _NO_CUSTOM_SERIALIZATION + value
    return block


def _text(value: str) -> bytes:
    """Length as one varint byte (all of ours are short), then UTF-8."""
    data = value.encode()[:127]
    return bytes([len(data)]) + data
