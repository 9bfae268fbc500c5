"""What is written is what is read; anything else is refused with one kind of error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.updates import (
    ANYWHERE,
    Gap,
    Group,
    LedgerEntry,
    PaneRow,
    ScoreUpdate,
    Totals,
    Verdict,
    WindowRow,
)
from pipeline.errors import KafkaError, SchemaError
from pipeline.wire.avro import HEADER
from pipeline.wire.dead_letters import DeadLetter, read_dead_letter
from pipeline.wire.generations import encode_generation, generation_key, generations_in
from pipeline.wire.ledger import decode_entry, encode_entry, standing
from pipeline.wire.manifests import (
    Key,
    Manifest,
    Owner,
    Piece,
    catalogue_key,
    claim_key,
    decode_manifest,
    encode_manifest,
    manifest_key,
    parse_key,
    segment_key,
)
from pipeline.wire.responses import ResponseDecoder, encode_response
from pipeline.wire.resumes import RESUME_KEY, encode_resume, resumed_to
from pipeline.wire.scores import decode_score, encode_score
from tests.support.world import response

texts = st.text(max_size=20)
ints = st.integers(0, 2**31 - 1)
longs = st.integers(-(2**63), 2**63 - 1)
counts = st.lists(ints, max_size=12).map(tuple)
groups = st.builds(Group, texts, texts, texts, texts)


class _Stored(NamedTuple):
    """A record of the topic."""

    offset: int
    value: bytes


def several(one: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(one, max_size=3).map(tuple)


updates = st.builds(
    ScoreUpdate,
    group=groups,
    partition=ints,
    version=longs,
    as_of=longs,
    emitted_at=longs,
    last_response_at=longs,
    measures=several(st.tuples(texts, texts)),
    panes=several(st.builds(PaneRow, longs, counts)),
    windows=several(st.builds(WindowRow, texts, longs, counts)),
    repairs=several(longs),
)
entries = st.builds(
    LedgerEntry,
    generation=ints,
    partition=ints,
    from_offset=longs,
    next_offset=longs,
    start_offset=longs,
    as_of=longs,
    watermark=longs,
    catalogue=texts,
    totals=st.builds(Totals, **{field.name: longs for field in fields(Totals)}),
    exceptions=several(st.builds(Verdict, longs, texts, texts)),
    gaps=several(st.builds(Gap, longs, longs)),
    own_offset=longs,
)
letters = st.builds(
    DeadLetter,
    topic=texts,
    partition=ints,
    offset=st.integers(0, 2**63 - 1),
    stage=st.sampled_from(("score", "sink")),
    reason=texts,
    appended_at=longs,
    value=st.none()
    | st.tuples(st.sampled_from((b"", b"\0", b"\xc3\x01")), st.binary(max_size=40)).map(b"".join),
    attempt=st.integers(1, 100),
    cut=st.booleans(),
    generation=ints,
)
records = st.builds(
    response,
    event_id=texts,
    occurred_at=longs,
    agency=texts,
    answers=st.dictionaries(texts, st.integers(-(2**31), 2**31 - 1), max_size=4),
    location=st.none() | texts,
    comment=st.none() | texts,
    retracted=st.booleans(),
)
numbers = st.integers(0, 2**32 - 1)
owners = st.builds(Owner, numbers, st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=1))
pieces = st.builds(Piece, texts, numbers)
manifests = st.builds(
    Manifest,
    owner=owners,
    number=numbers,
    base=numbers,
    partition=ints,
    generation=ints,
    next_offset=longs,
    watermark=longs,
    catalogue=texts,
    catalogue_piece=pieces,
    segments=several(pieces),
    tripped_at=longs,
)
begun = st.dictionaries(numbers, st.frozensets(ints, max_size=4), max_size=4)


@given(updates)
def test_a_score_update_comes_back(update: ScoreUpdate) -> None:
    assert decode_score(encode_score(update)) == update


@given(entries)
def test_a_ledger_entry_comes_back(entry: LedgerEntry) -> None:
    assert decode_entry(encode_entry(entry)) == entry


@given(entries, longs)
def test_a_ledger_entry_holds_only_where_its_writer_expected_it(
    entry: LedgerEntry, offset: int
) -> None:
    def stands(own: int, at: int) -> bool:
        found = standing(_Stored(at, encode_entry(replace(entry, own_offset=own))))
        assert found in (None, replace(entry, own_offset=own))
        return found is not None

    assert stands(offset, offset)
    assert stands(entry.own_offset, offset) is (entry.own_offset in (ANYWHERE, offset))
    assert stands(ANYWHERE, offset)


@given(records)
def test_a_response_comes_back(record: dict[str, object]) -> None:
    assert ResponseDecoder().decode(encode_response(record)) == record


@given(letters)
def test_a_dead_letter_comes_back_and_its_headers_say_nothing_of_the_customer(
    letter: DeadLetter,
) -> None:
    headers = letter.headers()
    assert read_dead_letter(letter.value, headers) == letter
    if letter.value is not None:
        assert headers == replace(letter, value=letter.value[:HEADER]).headers()
        claims_avro = letter.value[:1] == b"\0" or letter.value[:2] == b"\xc3\x01"
        assert claims_avro or not dict(headers)["schema"]


@given(letters, st.data())
def test_an_envelope_that_lacks_or_breaks_a_fact_is_refused(
    letter: DeadLetter, data: st.DataObject
) -> None:
    facts: dict[str, object] = dict(letter.headers())
    optional = {"tombstone", "cut", "schema", "origin-generation"}
    name = data.draw(st.sampled_from(sorted(set(facts) - optional)))
    broken = [b"\xff", None]
    if name not in ("reason", "origin-topic"):
        broken += [b"", b"seven"]
    wrong = data.draw(st.sampled_from(broken))
    without = [(key, fact) for key, fact in facts.items() if key != name]
    for headers in (without, [*without, (name, wrong)], []):
        with pytest.raises(SchemaError):
            read_dead_letter(letter.value, headers)  # type: ignore[arg-type]  # Kafka allows null


@given(st.sampled_from([decode_score, decode_entry]), updates, entries, st.data())
def test_damaged_scores_and_entries_are_refused_or_read_and_nothing_else(
    decode: Callable[[bytes], object], update: ScoreUpdate, entry: LedgerEntry, data: st.DataObject
) -> None:
    value = bytearray(encode_score(update) if decode is decode_score else encode_entry(entry))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(value) - 1))
        value[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=10))
        value = value or bytearray(b"\0")
    try:
        decode(bytes(value))
    except SchemaError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("decode", [decode_score, decode_entry])
def test_a_foreign_or_empty_value_is_refused(decode: Callable[[bytes], object]) -> None:
    for value in (b"", b"\xc3\x01", b"{}", encode_response(response()), b"\0" * HEADER):
        with pytest.raises(SchemaError, match="not a single object of a known version"):
            decode(value)


@given(manifests)
def test_a_manifest_comes_back(manifest: Manifest) -> None:
    assert decode_manifest(encode_manifest(manifest)) == manifest


@given(manifests, st.data())
def test_a_damaged_manifest_is_refused(manifest: Manifest, data: st.DataObject) -> None:
    good = encode_manifest(manifest)
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(good))] * 2)))
    bad = good[:start] + data.draw(st.binary(max_size=4)) + good[end:]
    if bad != good:
        with pytest.raises(ValueError, match="manifest"):
            decode_manifest(bad)


@given(owners, numbers, st.integers(0, 1000), st.text("0123456789abcdef", min_size=1))
def test_the_key_of_an_owner_comes_back(owner: Owner, number: int, piece: int, digest: str) -> None:
    assert parse_key(claim_key(owner)) == Key(owner, -1, is_claim=True, is_manifest=False)
    assert parse_key(catalogue_key(owner, digest)) == Key(owner, -1, False, False)
    assert parse_key(segment_key(owner, number, piece)) == Key(owner, number, False, False)
    assert parse_key(manifest_key(owner, number)) == Key(owner, number, False, is_manifest=True)


@given(begun)
def test_generations_come_back_from_among_other_records(begun: dict[int, frozenset[int]]) -> None:
    others = {RESUME_KEY: b"{}", b"00000001/abc/claim": b"", b"": b"no JSON"}
    records = {generation_key(n): encode_generation(here) for n, here in begun.items()}
    assert generations_in(others | records).begun == begun


@given(numbers, st.binary(max_size=20) | st.sampled_from((b"{}", b"[]", b'{"begins_in": 7}')))
def test_a_record_that_is_no_generation_is_refused(number: int, value: bytes) -> None:
    with pytest.raises(KafkaError, match=f"generation/{number:08x} is damaged"):
        generations_in({generation_key(number): value})


@given(ints, longs, ints)
def test_a_resume_record_comes_back_in_its_generation_only(
    generation: int, offset: int, other: int
) -> None:
    records = {RESUME_KEY: encode_resume(generation, offset)}
    assert resumed_to(records, generation) == offset
    assert resumed_to(records, other) == (offset if other == generation else 0)


@given(ints, st.binary(max_size=20) | st.sampled_from((b"{}", b"[]", b"7", b'{"offset": 7}')))
def test_a_record_that_is_no_resume_lifts_nothing(generation: int, value: bytes) -> None:
    assert resumed_to({RESUME_KEY: value}, generation) == 0
    assert resumed_to({}, generation) == 0
