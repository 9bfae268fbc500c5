"""Cuts of partition state ⇄ checkpoint segments: byte strings small enough for one Kafka record.

Layout of the whole: length of the head (4 bytes, little-endian) · head (JSON: plain values, and for
each group how many panes follow) · panes (zstd: per pane its index, then its counts, 32-bit each) ·
ids (as packed by the id store: random bits, so not compressed). The whole is cut into segments.
"""

from __future__ import annotations

import json
import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Final, NotRequired, TypedDict, cast

import zstandard

from pipeline.core.breaker import UNTRIPPED, BreakerCut, Bucket
from pipeline.core.cut import Cut, GroupCut, Pane
from pipeline.core.ids import ENTRY
from pipeline.core.updates import Group, Totals
from pipeline.core.vocabulary import SLOTS
from pipeline.wire.segments import seal, unseal

_MAX_PANES: Final = 1 << 30
"""Decompressed panes may not exceed 1 GiB: a forged segment must not exhaust memory."""
_NUMBERS: Final = (
    *("partition", "generation", "start_offset", "next_offset"),
    *("watermark", "as_of", "floor"),
)
_UNFIT = (
    *(struct.error, zstandard.ZstdError, ValueError, KeyError, TypeError, AttributeError),
    *(OverflowError, RecursionError, MemoryError),
)
"""What content that is no cut can lead to."""


class _GroupHead(TypedDict):
    group: list[str]
    measures: list[list[str]]
    last_at: int
    hours: int
    minutes: int


class _BreakerHead(TypedDict):
    tripped_at: int
    buckets: list[list[int]]


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
    breaker: NotRequired[_BreakerHead]  # not in cuts of before there was one
    held: NotRequired[list[tuple[str, list[list[str]]]]]  # not in cuts of before it was kept


def encode_cut(cut: Cut) -> list[bytes]:
    """The segments of one cut, in order; there is always at least one."""
    numbers = array("I")
    for group in cut.groups:
        for index, counts in (*group.hours, *group.minutes):
            numbers.append(index)
            numbers.extend(counts)
    panes = zstandard.ZstdCompressor(level=1).compress(_little_endian(numbers))
    head = json.dumps(_head(cut, len(panes)), separators=(",", ":")).encode()
    return seal(b"".join((struct.pack("<I", len(head)), head, panes, cut.ids)))


def decode_cut(segments: Sequence[bytes]) -> Cut:
    """The cut in `segments`. Raises ValueError when one is missing, torn or foreign."""
    whole = unseal(segments)
    try:
        (length,) = struct.unpack_from("<I", whole)
        start = 4 + length
        head = cast(_Head, json.loads(whole[4:start]))
        end = start + _whole(head["panes"])
        return _cut(head, _unpack(whole[start:end], _size(head)), whole[end:])
    except _UNFIT as error:
        raise ValueError(f"not a cut: {type(error).__name__}: {error}") from None


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
                "measures": list(map(list, group.measures)),
                "last_at": group.last_at,
                "hours": len(group.hours),
                "minutes": len(group.minutes),
            }
            for group in cut.groups
        ],
        "panes": panes,
        "held": [(survey, list(map(list, measures))) for survey, measures in cut.held],
        "breaker": {
            "tripped_at": cut.breaker.tripped_at,
            "buckets": [list(bucket) for bucket in cut.breaker.buckets],
        },
    }


def _cut(head: _Head, numbers: array[int], ids: bytes) -> Cut:
    if len(ids) % ENTRY:
        raise ValueError("ids are cut short")
    stream = iter(numbers)
    partition, generation, start, following, watermark, as_of, floor = (
        _whole(head[name]) for name in _NUMBERS
    )
    return Cut(
        partition=partition,
        generation=generation,
        start_offset=start,
        next_offset=following,
        watermark=watermark,
        as_of=as_of,
        floor=floor,
        catalogue=head["catalogue"],
        totals=Totals(**head["totals"]),
        full=head["full"],
        groups=tuple(_group(group, stream) for group in head["groups"]),
        ids=ids,
        breaker=_breaker(head["breaker"]) if "breaker" in head else UNTRIPPED,
        held=tuple((survey, _measures(pairs)) for survey, pairs in head.get("held", ())),
    )


def _breaker(head: _BreakerHead) -> BreakerCut:
    return BreakerCut(_whole(head["tripped_at"]), tuple(map(_bucket, head["buckets"])))


def _bucket(numbers: list[int]) -> Bucket:
    begins, records, dead = map(_whole, numbers)
    return begins, records, dead


def _group(head: _GroupHead, stream: Iterator[int]) -> GroupCut:
    measures = _measures(head["measures"])
    width = SLOTS * len(measures)
    return GroupCut(
        group=Group(*head["group"]),
        measures=measures,
        last_at=head["last_at"],
        hours=tuple(_pane(stream, width) for _ in range(head["hours"])),
        minutes=tuple(_pane(stream, width) for _ in range(head["minutes"])),
    )


def _measures(pairs: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((measure, scale) for measure, scale in pairs)


def _pane(stream: Iterator[int], width: int) -> Pane:
    index, *counts = islice(stream, 1 + width)
    return index, tuple(counts)


def _size(head: _Head) -> int:
    """Bytes of all panes that the head names."""
    size = 0
    for group in head["groups"]:
        panes = (_whole(group["hours"]), _whole(group["minutes"]))
        if min(panes) < 0:
            raise ValueError("fewer panes than none")
        size += sum(panes) * (1 + SLOTS * len(group["measures"])) * array("I").itemsize
    return size


def _unpack(packed: bytes, size: int) -> array[int]:
    """Decompress panes; only when they say to be as large as they must, for that is allocated."""
    if zstandard.get_frame_parameters(packed).content_size != size or size > _MAX_PANES:
        raise ValueError("panes are not those that the head names")
    numbers = array("I")
    numbers.frombytes(zstandard.ZstdDecompressor().decompress(packed))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _whole(number: object) -> int:
    if not isinstance(number, int):
        raise TypeError("not a whole number")
    return number


def _little_endian(numbers: array[int]) -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()
