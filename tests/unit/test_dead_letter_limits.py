"""Dead letters of records that are larger than any message, and of bytes that are not Avro."""

from __future__ import annotations

import pytest

from pipeline.wire.dead_letters import dead_letter, read_dead_letter
from pipeline.wire.topics import DEAD_LETTER_BYTES


def test_a_record_that_unpacked_larger_than_a_message_is_cut_and_says_so() -> None:
    letter = dead_letter("t", 0, 7, "score", "comment_too_long", 1, b"x" * (DEAD_LETTER_BYTES + 1))
    assert letter.cut
    assert len(letter.value or b"") == DEAD_LETTER_BYTES
    assert read_dead_letter(letter.value, letter.headers()) == letter


def test_a_record_that_fits_keeps_every_byte() -> None:
    letter = dead_letter("t", 0, 7, "score", "not_avro", 1, b"x" * DEAD_LETTER_BYTES)
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
    headers = dict(dead_letter("t", 0, 7, "score", "r", 1, value).headers())
    assert headers["schema"] == shown.encode()
