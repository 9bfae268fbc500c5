"""The quick reader says what the slow one says, about any bytes, whatever it read before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.reasons import Reason
from pipeline.core.response import Response, Validator
from pipeline.wire.reading import ResponseReader
from pipeline.wire.responses import ResponseDecoder, encode_response
from tests.support.avro_bytes import answer_map, before_answers, entries, number, optional, string
from tests.support.logs import many
from tests.support.world import ANSWERS, CATALOGUE, GROUPS, START, response

UUID = "5a4b8f4e-26ac-4df9-9c85-0b0e2f7a1c11"
_numbers = st.sampled_from((-1, 0, 2, 6, 63, 64, 2**31, -(2**63), 2**63 - 1))
_oddities = {
    "id": st.sampled_from((UUID.upper(), "5a4b", "x" * 36, UUID + "x")),
    "time": st.one_of(
        st.integers(START + 299_990, START + 300_010),
        st.sampled_from((-START, 0, -1, 1, 2**33, 2**34, 2**40, 2**41, 2**42, 2**62, -(2**63))),
    ),
    "agency": st.sampled_from(("", "x", "y" * 64, "ssa")),
    "survey": st.sampled_from(("", "y" * 70, "va-vha-trust")),
    "answers": st.dictionaries(
        st.sampled_from(("trust", "ease", "yes_no", "mood", "", "z" * 64)), _numbers, max_size=3
    ),
    "location": st.binary(max_size=12),
    "comment": st.binary(max_size=12),
    "after": st.lists(st.sampled_from((0, 0, 0, 1, 2, 3, 4, 128)), max_size=8).map(bytes),
    "retracted": st.sampled_from((b"\1", b"\1", b"\2", b"\xff", b"", b"\0\0", b"\1\1")),
}
_lengths = st.sampled_from((0, 1, 62, 63, 64, 199, 200, 201, 8191, 8192, 9999, 10_001))
_texts = st.one_of(
    st.none(),
    _lengths.map(lambda length: optional("x" * length)),
    st.text(max_size=40).map(optional),
    st.sampled_from((optional(b"\xff"), optional(b"\xed\xa0\x80"), number(-1), number(2))),
    st.sampled_from((number(3) + string("x"), number(1) + number(-1), b"")),
    st.sampled_from((number(1, 1) + string("x"), number(1) + string("x", 1))),
)
"""What stands for a location or a comment, branch of the union included; None: nothing."""


def _one_block(answers: dict[str, int]) -> bytes:
    return answer_map(answers)


def _block_each(answers: dict[str, int]) -> bytes:
    return b"".join(number(1) + entries({m: v}) for m, v in answers.items()) + number(0)


def _sized(answers: dict[str, int]) -> bytes:
    block = entries(answers)
    return number(-len(answers)) + (number(len(block)) + block if answers else b"") + number(0)


def _missized(answers: dict[str, int]) -> bytes:
    return number(-len(answers)) + number(3) + entries(answers) + number(0)


def _twice(answers: dict[str, int]) -> bytes:
    return number(2 * len(answers)) + entries(answers) * 2 + number(0)


def _padded(answers: dict[str, int]) -> bytes:
    return number(len(answers), 1) + entries(answers) + number(0, 1)


_blocks: st.SearchStrategy[Callable[[dict[str, int]], bytes]] = st.sampled_from(
    (_one_block, _one_block, _one_block, _block_each, _sized, _missized, _twice, _padded)
)


@st.composite
def values(draw: st.DrawFn) -> bytes:
    """A record that holds, but for one odd thing at the most."""
    group = draw(st.sampled_from(GROUPS))
    answers = draw(st.sampled_from(ANSWERS[group.survey]))
    fields: dict[str, object] = {"time": START, "answers": answers, "id": UUID, **group._asdict()}
    fields |= {
        "location": number(0),
        "comment": number(0),
        "retracted": b"\0",
        "blocks": _one_block,
    }
    kind = draw(
        st.sampled_from((None, "texts", "texts", "texts", "blocks", "blocks", "time", *_oddities))
    )
    if kind == "texts":
        fields["location"] = draw(_texts) or number(0)
        fields["comment"] = draw(_texts) or number(0)
    elif kind == "blocks":
        fields["blocks"] = draw(_blocks)
    elif kind is not None:
        fields[kind] = draw(_oddities[kind])
    return write(fields)


def write(fields: dict[str, Any]) -> bytes:
    record = {**fields, "event_id": fields["id"], "occurred_at": fields["time"]}
    start = before_answers(record) + bytes(fields["blocks"](fields["answers"]))
    if "after" in fields:
        return start[:-1] + bytes(fields["after"])  # also instead of the end of the map
    return start + bytes(fields["location"] + fields["comment"] + fields["retracted"])


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A record after accidents: bits flipped, pieces cut out, put in, or put at the end."""
    value = bytearray(draw(values()))
    for _ in range(draw(st.integers(1, 3))):
        at = max(0, len(value) - draw(st.one_of(st.integers(0, 12), st.integers(0, 120))))
        kind = draw(st.integers(0, 3))
        if kind == 0 and at < len(value):
            value[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == 1:
            del value[at : at + draw(st.integers(1, 4))]
        elif kind == 2:
            value[at:at] = draw(st.binary(min_size=1, max_size=4))
        else:
            del value[at:]
    return bytes(value)


_seasoned = ResponseReader(ResponseDecoder(), Validator(CATALOGUE))
"""Keeps what it learnt from one example to the next."""

for _group in GROUPS:
    _seasoned.read([encode_response(response(answers={}, **_group._asdict()))], [START])


_decode, _check = ResponseDecoder().decode, Validator(CATALOGUE).check


def slowly(value: bytes) -> Response | Reason:
    record = _decode(value)
    return record if isinstance(record, Reason) else _check(record, START)


@many
@given(st.lists(st.one_of(values(), values(), damaged()), min_size=1, max_size=8))
def test_reading_is_decoding_and_checking_whatever_came_before(sent: list[bytes]) -> None:
    fresh = ResponseReader(ResponseDecoder(), Validator(CATALOGUE))
    chunk, expected = [*sent, *sent], [slowly(value) for value in (*sent, *sent)]
    assert [fresh.read([value], [START])[0] for value in chunk] == expected
    assert fresh.read(chunk, [START] * len(chunk)) == expected
    assert _seasoned.read(chunk, [START] * len(chunk)) == expected


@given(st.binary(max_size=60), st.booleans())
def test_random_bytes_are_refused_and_never_raise(noise: bytes, header: bool) -> None:
    value = encode_response(response())[:10] + noise if header else noise
    assert isinstance(slowly(value), Reason)
    assert _seasoned.read([value], [START]) == [slowly(value)]
