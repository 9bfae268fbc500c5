"""The Avro envelope: fingerprints from the specification, both wire formats, earlier versions."""

from __future__ import annotations

import json

import pytest

from pipeline.core.reasons import Reason
from pipeline.errors import SettingsError
from pipeline.resources import resource
from pipeline.wire.avro import HEADER, Codec, codec
from pipeline.wire.responses import ResponseDecoder, encode_response
from tests.support.avro_bytes import after_answers, answer_map, before_answers
from tests.support.world import response

EMPTY = 0xC15D213AA4D7A795
"""The polynomial of the specification, which is also the fingerprint of no bytes at all."""


def rabin(data: bytes) -> int:
    """CRC-64-AVRO, bit by bit as the specification defines it."""
    fingerprint = EMPTY
    for byte in data:
        fingerprint ^= byte
        for _ in range(8):
            fingerprint = fingerprint >> 1 ^ (EMPTY if fingerprint & 1 else 0)
    return fingerprint


@pytest.mark.parametrize(
    ("canonical", "expected"),
    [
        (b'"int"', 0x7275D51A3F395C8F),
        (b'"null"', 0x63DD24E7CC258F8A),
        (b'"string"', 0x8F014872634503C7),
    ],
)
def test_the_reference_gives_the_published_fingerprints(canonical: bytes, expected: int) -> None:
    assert rabin(canonical) == expected


CANONICAL = (
    '{"name":"cx.touchpoints.SurveyResponse","type":"record","fields":['
    '{"name":"event_id","type":"string"},{"name":"occurred_at","type":"long"},'
    '{"name":"agency","type":"string"},{"name":"service","type":"string"},'
    '{"name":"channel","type":"string"},{"name":"survey","type":"string"},'
    '{"name":"answers","type":{"type":"map","values":"int"}},'
    '{"name":"location","type":["null","string"]},{"name":"comment","type":["null","string"]},'
    '{"name":"retracted","type":"boolean"}]}'
)
"""The parsing canonical form of version 1, written out by hand."""


def test_a_response_is_marker_fingerprint_and_body_in_the_bytes_of_the_specification() -> None:
    expected = b"\xc3\x01" + rabin(CANONICAL.encode()).to_bytes(8, "little")
    record = response(answers={"trust": 4}, location="12", comment="é")
    value = encode_response(record)
    assert value[:HEADER] == expected
    end = after_answers("12", "é")
    assert value == before_answers(record) + answer_map({"trust": 4}) + end


def test_confluent_wire_format_is_read_through_the_static_map() -> None:
    decoder = ResponseDecoder({7: "survey_response/v1.avsc", 2**32 - 1: "survey_response/v1.avsc"})
    body = encode_response(response())[HEADER:]
    assert decoder.decode(b"\0\0\0\0\7" + body) == response()
    assert decoder.decode(b"\0\xff\xff\xff\xff" + body) == response()
    assert decoder.decode(b"\0\0\0\0\x08" + body) is Reason.UNKNOWN_SCHEMA
    assert decoder.decode(b"\0\0\0\0\7" + body[:-1]) is Reason.TRUNCATED
    assert decoder.decode(b"\0\0\0\0\7" + body + b"\0") is Reason.TRAILING_BYTES
    assert decoder.decode(encode_response(response())) == response()


@pytest.mark.parametrize(
    "ids",
    [
        {7: "survey_response/v99.avsc"},
        {7: "score_update/v1.avsc"},
        {7: "/etc/passwd"},
        {7: ""},
        {-1: "survey_response/v1.avsc"},
        {2**32: "survey_response/v1.avsc"},
    ],
)
def test_a_map_of_ids_that_cannot_be_used_stops_the_command_and_names_the_setting(
    ids: dict[int, str],
) -> None:
    with pytest.raises(SettingsError, match=r"kafka\.confluent_ids") as error:
        ResponseDecoder(ids)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["survey_response", "score_update", "ledger_entry"])
def test_every_version_of_the_history_has_a_fingerprint_that_is_read(name: str) -> None:
    known = codec(name).writers
    for path in resource("schemas", "history", name).glob("v*.avsc"):
        assert json.loads(path.read_text(encoding="utf-8"))["name"]
        assert any(path.stem and header in known for header in known)
    assert Codec(name).header in known


@pytest.mark.parametrize("record", [{}, {"event_id": None}, {"occurred_at": "noon"}])
def test_what_does_not_fit_the_schema_is_not_encoded(record: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        encode_response(record and response(**record))
