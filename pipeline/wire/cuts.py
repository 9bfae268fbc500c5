"""Cuts of partition state ⇄ checkpoint segments: byte strings small enough for one Kafka record.

Layout of the whole: length of the head (4 bytes, little-endian) · head (JSON: plain values, and for
each group how many panes follow) · panes (zstd: per pane its index, then its counts, 32-bit each) ·
ids (as packed by the id store: random bits, so not compressed). The whole is sliced; each slice
carries a CRC-32, its number and how many there are, so that a missing or torn one is noticed.
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Final, TypedDict, cast

import zstandard

from pipeline.core.cut import Cut, GroupCut, Pane
from pipeline.core.ids import ENTRY
from pipeline.core.updates import Group, Totals
from pipeline.core.vocabulary import SLOTS

SEGMENT: Final = 900_000
"""Bytes a segment: under Kafka's customary 1 MB a message: no broker needs a special limit."""
_SLICE = struct.Struct("<III")  # crc of the rest, number, of how many
_MAX_PANES: Final = 1 << 30
"""Decompressed panes may not exceed 1 GiB: a forged segment must not exhaust memory."""


class _GroupHead(TypedDict):
    group: list[str]
    measures: list[list[str]]
    last_at: int
    hours: int
    minutes: int


class _Head(TypedDict):
    partition: int
    generation: int
    start_offset: int
    next_offset: int
    watermark: int
    as_of: int
    floor: int
    catalogue: str
    totals: dict[str, int]
    full: bool
    groups: list[_GroupHead]
    panes: int  # compressed bytes


def encode_cut(cut: Cut) -> list[bytes]:
    """The segments of one cut, in order; there is always at least one."""
    numbers = array("I")
    for group in cut.groups:
        for index, counts in (*group.hours, *group.minutes):
            numbers.append(index)
            numbers.extend(counts)
    panes = zstandard.ZstdCompressor(level=1).compress(_little_endian(numbers))
    head = json.dumps(_head(cut, len(panes)), separators=(",", ":")).encode()
    whole = b"".join((struct.pack("<I", len(head)), head, panes, cut.ids))
    slices = [whole[at : at + SEGMENT] for at in range(0, len(whole), SEGMENT)]
    return [_seal(part, number, len(slices)) for number, part in enumerate(slices)]


def decode_cut(segments: Sequence[bytes]) -> Cut:
    """The cut in `segments`. Raises ValueError when one is missing, torn or foreign."""
    whole = b"".join(_unseal(part, n, len(segments)) for n, part in enumerate(segments))
    try:
        (length,) = struct.unpack_from("<I", whole)
        head = cast(_Head, json.loads(whole[4 : 4 + length]))
        start = 4 + length
        packed, ids = whole[start : start + head["panes"]], whole[start + head["panes"] :]
        if len(ids) % ENTRY:
            raise ValueError("ids are cut short")
        return _cut(head, _unpack(packed), ids)
    except (struct.error, KeyError, TypeError, zstandard.ZstdError) as error:
        raise ValueError(f"not a cut: {type(error).__name__}") from None


def _head(cut: Cut, panes: int) -> _Head:
    return {
        "partition": cut.partition,
        "generation": cut.generation,
        "start_offset": cut.start_offset,
        "next_offset": cut.next_offset,
        "watermark": cut.watermark,
        "as_of": cut.as_of,
        "floor": cut.floor,
        "catalogue": cut.catalogue,
        "totals": asdict(cut.totals),
        "full": cut.full,
        "groups": [
            {
                "group": list(group.group),
                "measures": [list(pair) for pair in group.measures],
                "last_at": group.last_at,
                "hours": len(group.hours),
                "minutes": len(group.minutes),
            }
            for group in cut.groups
        ],
        "panes": panes,
    }


def _cut(head: _Head, numbers: array[int], ids: bytes) -> Cut:
    stream = iter(numbers)
    groups = tuple(_group(group, stream) for group in head["groups"])
    return Cut(
        partition=head["partition"],
        generation=head["generation"],
        start_offset=head["start_offset"],
        next_offset=head["next_offset"],
        watermark=head["watermark"],
        as_of=head["as_of"],
        floor=head["floor"],
        catalogue=head["catalogue"],
        totals=Totals(**head["totals"]),
        full=head["full"],
        groups=groups,
        ids=ids,
    )


def _group(head: _GroupHead, stream: Iterator[int]) -> GroupCut:
    measures = tuple((measure, scale) for measure, scale in head["measures"])
    width = SLOTS * len(measures)
    return GroupCut(
        group=Group(*head["group"]),
        measures=measures,
        last_at=head["last_at"],
        hours=tuple(_pane(stream, width) for _ in range(head["hours"])),
        minutes=tuple(_pane(stream, width) for _ in range(head["minutes"])),
    )


def _pane(stream: Iterator[int], width: int) -> Pane:
    index, *counts = islice(stream, 1 + width)
    if len(counts) != width:
        raise ValueError("panes are cut short")
    return index, tuple(counts)


def _unpack(packed: bytes) -> array[int]:
    numbers = array("I")
    numbers.frombytes(zstandard.ZstdDecompressor().decompress(packed, _MAX_PANES))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _little_endian(numbers: array[int]) -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _seal(part: bytes, number: int, of: int) -> bytes:
    body = struct.pack("<II", number, of) + part
    return struct.pack("<I", zlib.crc32(body)) + body


def _unseal(segment: bytes, number: int, of: int) -> bytes:
    if len(segment) < _SLICE.size:
        raise ValueError("segment is cut short")
    crc, own_number, own_of = _SLICE.unpack_from(segment)
    if crc != zlib.crc32(segment[4:]):
        raise ValueError("segment does not match its checksum")
    if (own_number, own_of) != (number, of):
        raise ValueError("segments are missing or out of order")
    return segment[_SLICE.size :]
