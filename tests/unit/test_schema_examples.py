"""The example records say what they should, encode, come back, and would be counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.reasons import Outcome, Reason
from pipeline.core.response import Response, Validator
from pipeline.core.vocabulary import Instrument
from pipeline.resources import resource
from pipeline.wire.avro import codec
from pipeline.wire.ledger import decode_entry, encode_entry
from pipeline.wire.scores import decode_score, encode_score
from tests.support.world import CATALOGUE

EXAMPLES = resource("schemas", "examples")
ALL = sorted(EXAMPLES.glob("*/*.json"))
RESPONSES = sorted(EXAMPLES.glob("survey_response/*.json"))


def read(path: Path) -> dict[str, Any]:
    record = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(record, dict)
    return record


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", ALL, ids=named)
def test_an_example_names_every_field_and_comes_back(path: Path) -> None:
    own, record = codec(path.parent.name), read(path)
    schema = json.loads(resource("schemas", f"{own.name}.avsc").read_text(encoding="utf-8"))
    assert list(record) == [field["name"] for field in schema["fields"]]
    assert own.decode(own.encode(record)) == record


def checked(path: Path) -> Response | Reason:
    record = read(path)
    return Validator(CATALOGUE).check(record, record["occurred_at"] + 1000)


@pytest.mark.parametrize("path", RESPONSES, ids=named)
def test_an_example_response_would_be_counted(path: Path) -> None:
    assert isinstance(checked(path), Response)


def test_there_is_an_example_of_each_instrument_named_after_it() -> None:
    for instrument in Instrument:
        record = read(EXAMPLES / "survey_response" / f"{instrument}.json")
        assert CATALOGUE.surveys[record["survey"]].instrument is instrument


def test_the_retraction_takes_the_comment_back() -> None:
    given = checked(EXAMPLES / "survey_response" / "comment.json")
    taken = checked(EXAMPLES / "survey_response" / "retraction.json")
    assert isinstance(given, Response)
    assert taken == given._replace(retracted=True)


def test_the_example_scores_have_six_counts_a_measure_and_name_what_their_survey_asks() -> None:
    for path in EXAMPLES.glob("score_update/*.json"):
        update = decode_score(codec("score_update").encode(read(path)))
        survey = CATALOGUE.surveys[update.group.survey]
        assert [measure for measure, _ in update.measures] == list(survey.layout)
        counts = [row.counts for row in update.panes] + [row.counts for row in update.windows]
        assert {len(each) for each in counts} <= {6 * len(update.measures)}
        assert decode_score(encode_score(update)) == update


def test_the_example_ledger_entry_adds_up() -> None:
    for path in EXAMPLES.glob("ledger_entry/*.json"):
        entry = decode_entry(codec("ledger_entry").encode(read(path)))
        totals = entry.totals
        assert totals.received == sum(getattr(totals, outcome) for outcome in Outcome)
        read_offsets = entry.next_offset - entry.start_offset
        assert read_offsets == totals.received + totals.missing + totals.marker
        assert decode_entry(encode_entry(entry)) == entry
