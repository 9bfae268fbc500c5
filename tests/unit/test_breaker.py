"""The circuit breaker at its limits, and in checkpoints of before there was one."""

from __future__ import annotations

import json
import struct

import pytest

from pipeline.core.breaker import OFF, UNTRIPPED, Breaker, BreakerCut, Limits
from pipeline.wire.cuts import decode_cut, encode_cut
from pipeline.wire.manifests import checksum, decode_manifest, encode_manifest
from pipeline.wire.resumes import RESUME_KEY, encode_resume, resumed_to
from pipeline.wire.segments import seal, unseal
from tests.unit.test_foreign_cuts import PLAIN
from tests.unit.test_wire_manifests import MANIFEST

FIVE_MINUTES = 300_000
LIMITS = Limits(10_000, 0.5, FIVE_MINUTES)


def first_trip(breaker: Breaker, number: int, dead_every: int, every_ms: int) -> int | None:
    """Offset of the record that trips it, among `number` records at that pace."""
    times: list[int] = []
    for offset in range(number):
        times.append(offset * every_ms)
        dead = offset % dead_every == dead_every - 1
        if dead and breaker.trips(offset, times):
            return offset
    return None


def test_it_trips_at_the_ten_thousandth_record_when_half_of_them_are_dead() -> None:
    breaker = Breaker(LIMITS)
    assert first_trip(breaker, 20_000, dead_every=2, every_ms=1) == 9_999
    assert breaker.paused_at == 10_000


def test_less_than_half_or_fewer_than_the_records_never_trip_it() -> None:
    assert first_trip(Breaker(LIMITS), 50_000, dead_every=3, every_ms=1) is None
    # One each 31 ms: 9,678 in five minutes.
    assert first_trip(Breaker(LIMITS), 50_000, dead_every=1, every_ms=31) is None


def test_turned_off_it_neither_trips_nor_minds_an_earlier_trip() -> None:
    breaker = Breaker(OFF, BreakerCut(5, ((0, 3, 3),)))
    assert first_trip(breaker, 20_000, dead_every=1, every_ms=1) is None
    assert (breaker.paused_at, breaker.cut()) == (0, UNTRIPPED)


def test_a_pause_is_lifted_at_or_above_its_offset_only() -> None:
    breaker = Breaker(LIMITS, BreakerCut(100))
    breaker.lift(99)
    assert breaker.paused_at == 100
    breaker.lift(100)
    breaker.lift(7)
    assert breaker.paused_at == 0


def test_checkpoints_of_before_there_was_a_breaker_still_load() -> None:
    whole = unseal(encode_cut(PLAIN))
    (length,) = struct.unpack_from("<I", whole)
    head = json.loads(whole[4 : 4 + length])
    del head["breaker"]
    old = json.dumps(head).encode()
    segments = seal(struct.pack("<I", len(old)) + old + whole[4 + length :])
    assert decode_cut(segments) == PLAIN
    body = json.loads(encode_manifest(MANIFEST)[9:])
    del body["tripped_at"]
    text = json.dumps(body).encode()
    assert decode_manifest(b"%08x %b" % (checksum(text), text)).tripped_at == 0


@pytest.mark.parametrize(
    "value", [b"", b"{}", b"[]", b'{"generation": 1}', b'{"generation": 2, "offset": 9}', b"\xff"]
)
def test_a_record_that_is_no_resume_of_this_generation_lifts_nothing(value: bytes) -> None:
    assert resumed_to({RESUME_KEY: value}, 1) == 0
    assert resumed_to({}, 1) == 0
    assert resumed_to({RESUME_KEY: encode_resume(1, 9)}, 1) == 9
