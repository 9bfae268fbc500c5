"""Dead letters of records that are larger than any message, replayed, or of bytes not Avro."""

from __future__ import annotations

import pytest
from aiokafka.structs import ConsumerRecord

from pipeline.wire.dead_letters import (
    MOST_ATTEMPTS,
    REPAIR_HEADER,
    attempt_of,
    dead_letter,
    read_dead_letter,
)
from pipeline.wire.topics import DEAD_LETTER_BYTES


def record(
    value: bytes | None, *headers: tuple[str, bytes]
) -> ConsumerRecord[bytes | None, bytes | None]:
    return ConsumerRecord("t", 0, 7, 1, 1, None, value, None, 0, 0, headers)


def test_a_record_that_unpacked_larger_than_a_message_is_cut_and_says_so() -> None:
    letter = dead_letter(record(b"x" * (DEAD_LETTER_BYTES + 1)), "score", "comment_too_long", 1)
    assert letter.cut
    assert len(letter.value or b"") == DEAD_LETTER_BYTES
    assert read_dead_letter(letter.value, letter.headers()) == letter


def test_a_record_that_fits_keeps_every_byte() -> None:
    letter = dead_letter(record(b"x" * DEAD_LETTER_BYTES), "score", "not_avro", 1)
    assert not letter.cut
    assert len(letter.value or b"") == DEAD_LETTER_BYTES


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(b"123-45-6789,John", "", id="somebody's data"),
        pytest.param(None, "", id="tombstone"),
        pytest.param(b"\xc3\x01" + b"\x07" * 20, "c301" + "07" * 8, id="single object"),
        pytest.param(b"\x00\x00\x00\x00\x09body", "0000000009", id="confluent"),
    ],
)
def test_headers_show_a_schema_only_when_the_bytes_claim_one(
    value: bytes | None, shown: str
) -> None:
    headers = dict(dead_letter(record(value), "score", "r", 1).headers())
    assert headers["schema"] == shown.encode()


def test_a_replayed_record_that_fails_again_keeps_its_number() -> None:
    letter = dead_letter(record(b"x", ("other", b"9"), ("attempt", b"3")), "sink", "r", 1)
    assert dict(letter.headers())["attempt"] == b"3"
    assert read_dead_letter(letter.value, letter.headers()).attempt == 3


@pytest.mark.parametrize(
    ("sent", "taken"),
    [(b"2", 2), (b"0", 1), (b"-4", 1), (b"two", 1), (b"\xff", 1), (b"", 1), (b"9" * 18, None)],
)
def test_whatever_the_header_says_the_attempt_is_a_small_count(
    sent: bytes, taken: int | None
) -> None:
    assert attempt_of([("attempt", sent)]) == (taken or MOST_ATTEMPTS)


def test_a_header_without_value_is_a_first_attempt() -> None:
    assert attempt_of([("attempt", None)]) == 1  # type: ignore[list-item]  # Kafka allows null


def test_the_dead_letter_of_a_repair_is_still_one() -> None:
    letter = dead_letter(record(b"x", REPAIR_HEADER), "score", "conflicting", 1)
    assert letter.repair
    assert read_dead_letter(letter.value, letter.headers()) == letter
