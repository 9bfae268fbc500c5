"""CSV and JSON lines: the record in each line, or why there is none."""

from __future__ import annotations

from io import BytesIO

import pytest

from pipeline.emit.readers import Entry, FileFormat, read_entries
from pipeline.emit.refusal import Refusal
from pipeline.errors import InputError

HEAD = "event_id,occurred_at,agency,service,channel,survey"


def read(text: str, form: FileFormat = FileFormat.CSV) -> list[Entry]:
    entries = read_entries("f.csv", BytesIO(text.encode()), form)
    return [entry for entry in entries if entry is not None]


def test_a_row_becomes_a_record_with_its_answers_under_either_name() -> None:
    (entry,) = read(
        f'{HEAD},location,comment,retracted,trust,answer_ease\n1,2,a,s,c,q,,"x\n y",yes,5,\n'
    )
    assert entry == Entry(
        2,
        {
            "event_id": "1",
            "occurred_at": "2",
            "agency": "a",
            "service": "s",
            "channel": "c",
            "survey": "q",
            "comment": "x\n y",
            "retracted": True,
            "answers": {"trust": 5},
        },
    )


@pytest.mark.parametrize(
    ("row", "refusal"),
    [
        ("1,2,a,s,c,q,no,five", Refusal("answers.trust", "not_a_whole_number")),
        ("1,2,a,s,c,q,no,4.5", Refusal("answers.trust", "not_a_whole_number")),
        ("1,2,a,s,c,q,maybe,5", Refusal("retracted", "not_true_or_false")),
        ("1,2,a,s,c,q", Refusal("", "wrong_number_of_columns")),
        ('1,2,a,s,c,q,no,"5"5"', Refusal("", "unclosed_quote")),
        ('1,2,a,s,c,q,no,"5"5', Refusal("", "not_csv")),
    ],
)
def test_a_row_that_does_not_hold_is_refused_without_its_values(row: str, refusal: Refusal) -> None:
    assert read(f"{HEAD},retracted,trust\n{row}\n") == [Entry(2, refusal)]


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("", "f.csv:1: the file is empty"),
        (HEAD.removeprefix("event_id,"), "f.csv:1: no column event_id: the collecting system must"),
        (f"{HEAD},mood", "f.csv:1: unknown column 'mood'"),
        (f"{HEAD},trust,answer_trust", "f.csv:1: column trust is there twice"),
        (HEAD.replace(",", ";"), "f.csv:1: unknown column"),
    ],
)
def test_a_file_without_a_usable_header_is_refused_whole(header: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read(header + "\n1,2,3,4,5,6\n" if header else "")


def test_json_lines_are_records_and_the_rest_is_refused() -> None:
    found = read('{"a": 1}\n[1]\n{"a"\n\n' + "[" * 100_000 + '\n{"b": 2}', FileFormat.JSONL)
    assert found == [
        Entry(1, {"a": 1}),
        Entry(2, Refusal("", "not_an_object")),
        Entry(3, Refusal("", "not_json")),
        Entry(5, Refusal("", "not_json")),
        Entry(6, {"b": 2}),
    ]
