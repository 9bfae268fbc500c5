"""Bytes that are no record: each kind with its own reason, quickly, and without much memory."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from pipeline.core.reasons import Reason
from pipeline.core.response import Validator
from pipeline.wire.avro import HEADER
from pipeline.wire.reading import ResponseReader
from pipeline.wire.responses import ResponseDecoder, response_codec
from tests.support.avro_bytes import (
    after_answers,
    answer_map,
    before_answers,
    entries,
    number,
    string,
)
from tests.support.world import CATALOGUE, START, response

START_BYTES = before_answers(response())
END = after_answers()
ONE = entries({"trust": 5})
HEAD = response_codec().header
GIGABYTES = 2**32

GOOD = START_BYTES + answer_map({"trust": 5}) + END

BAD: dict[str, tuple[Reason, bytes | None]] = {
    "a tombstone": (Reason.TOMBSTONE, None),
    "an empty value": (Reason.EMPTY, b""),
    "JSON": (Reason.NOT_AVRO, b'{"event_id": 1}'),
    "half a marker": (Reason.NOT_AVRO, HEAD[:1]),
    "half a fingerprint": (Reason.TRUNCATED, HEAD[:7]),
    "another fingerprint": (Reason.UNKNOWN_SCHEMA, HEAD[:2] + bytes(8) + GOOD[HEADER:]),
    "a registry id nobody gave": (Reason.UNKNOWN_SCHEMA, b"\0\0\0\0\7" + GOOD[HEADER:]),
    "half a registry id": (Reason.TRUNCATED, b"\0\0\0"),
    "a header alone": (Reason.TRUNCATED, HEAD),
    "an id cut short": (Reason.TRUNCATED, GOOD[:20]),
    "a time cut short": (Reason.TRUNCATED, GOOD[: HEADER + 37 + 3]),
    "the last byte missing": (Reason.TRUNCATED, GOOD[:-1]),
    "a byte more": (Reason.TRAILING_BYTES, GOOD + b"\0"),
    "two records": (Reason.TRAILING_BYTES, GOOD + GOOD),
    "a string of gigabytes": (Reason.LENGTH_TOO_LARGE, HEAD + number(GIGABYTES) + bytes(40)),
    "a string of exabytes": (Reason.LENGTH_TOO_LARGE, HEAD + number(2**62) + bytes(40)),
    "a string of minus one": (Reason.MALFORMED, HEAD + number(-1) + bytes(40)),
    "a map of gigabytes": (
        Reason.LENGTH_TOO_LARGE,
        START_BYTES + number(GIGABYTES) + ONE + number(0) + END,
    ),
    "the lowest block count": (
        Reason.LENGTH_TOO_LARGE,
        START_BYTES + number(-(2**63)) + number(len(ONE)) + ONE + number(0) + END,
    ),
    "a negative block without its size": (
        Reason.MALFORMED,
        START_BYTES + number(-2) + entries({"trust": 5, "ease": 4}) + number(0) + END,
    ),
    "a block of gigabytes": (
        Reason.LENGTH_TOO_LARGE,
        START_BYTES + number(-2) + number(GIGABYTES) + ONE + number(0) + END,
    ),
    "a map cut short": (Reason.TRUNCATED, START_BYTES + number(5) + ONE),
    "a map key of bytes": (
        Reason.INVALID_UTF8,
        START_BYTES + number(1) + string(b"\xff\xfe") + number(1) + number(0) + END,
    ),
    "a comment that is no UTF-8": (
        Reason.INVALID_UTF8,
        START_BYTES + answer_map({}) + after_answers(comment=b"caf\xe9"),
    ),
    "half a surrogate pair": (
        Reason.INVALID_UTF8,
        START_BYTES + answer_map({}) + after_answers(comment=b"\xed\xa0\x80"),
    ),
    "a third branch": (Reason.MALFORMED, START_BYTES + answer_map({}) + number(2) + END),
    "a number that never ends": (
        Reason.MALFORMED,
        START_BYTES + number(1) + string("trust") + b"\xff" * 2_000_000,
    ),
    "200,000 entries, one too few": (
        Reason.TRUNCATED,
        START_BYTES + number(200_001) + b"\0\0" * 200_000,
    ),
}

HEAVY: dict[str, tuple[Reason, bytes | None]] = {
    "100,000 answers": (
        Reason.TOO_MANY_ANSWERS,
        START_BYTES + answer_map({f"m{i}": 1 for i in range(100_000)}) + END,
    ),
    "one answer 200,000 times": (
        Reason.UNKNOWN_MEASURE,
        START_BYTES + number(200_000) + b"\0\0" * 200_000 + number(0) + END,
    ),
    "a hundred thousand blocks": (
        Reason.UNKNOWN_MEASURE,
        START_BYTES + (number(-1) + number(2) + b"\0\0") * 100_000 + number(0) + END,
    ),
    "a comment of two megabytes": (
        Reason.COMMENT_TOO_LONG,
        START_BYTES + answer_map({}) + after_answers(comment="x" * 2_000_000),
    ),
    "an agency of two megabytes": (
        Reason.UNKNOWN_AGENCY,
        before_answers(response(agency="x" * 2_000_000)) + answer_map({}) + END,
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bytes_that_are_no_record_get_their_reason(name: str) -> None:
    reason, value = BAD[name]
    assert ResponseDecoder().decode(value) is reason


@pytest.mark.parametrize("name", BAD | HEAVY)
def test_hostile_bytes_cost_little_time_and_memory(name: str) -> None:
    reason, value = (BAD | HEAVY)[name]
    reader = ResponseReader(ResponseDecoder(), Validator(CATALOGUE))
    assert not isinstance(
        reader.read([GOOD], [START])[0], Reason
    )  # the group is known: the fast road
    began = time.process_time()
    assert reader.read([value], [START])[0] is reason
    assert time.process_time() - began < 1
    tracemalloc.start()
    try:
        reader.read([value], [START])
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30_000_000
    assert held < 100_000
