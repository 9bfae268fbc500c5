from __future__ import annotations

from dataclasses import replace

from pipeline.core.updates import Group, make_version
from pipeline.sink.repair import HOURS_A_STATEMENT, chunks, statement
from pipeline.sink.rows import Note
from pipeline.sink.target import MAX_STATEMENT

NOTE = Note(
    group=Group("va", "va-vha", "email", "va-vha-post-visit"),
    partition=3,
    version=make_version(1, 10),
    measures=(("trust", "likert5"),),
    hours=(7_200_000,),
    as_of=0,
    last_response_at=0,
    source=(0, 5),
)


def test_a_code_cannot_leave_its_quotes_nor_pass_for_a_placeholder() -> None:
    hostile = replace(NOTE, group=Group("a'b", "c\\", "$rows", "$notes"))
    text = statement([hostile])
    assert r"('a\'b', 'c\\', '$rows', '$notes', toUInt16(1)" in text


def test_rows_are_read_below_the_highest_version_of_each_partition() -> None:
    text = statement([NOTE, replace(NOTE, version=make_version(1, 8)), replace(NOTE, partition=4)])
    assert "((generation = 1 AND partition = 3 AND offset < 10) OR (generation = 1" in text
    assert "toDateTime(7200, 'UTC')" in text
    assert "toDateTime(10800, 'UTC')" in text


def test_a_flood_of_notes_is_cut_into_statements_of_bounded_size() -> None:
    notes = [replace(NOTE, hours=tuple(range(1000)), partition=n) for n in range(12)]
    cut = list(chunks(notes))
    assert [note for chunk in cut for note in chunk] == notes
    assert max(sum(len(n.hours) for n in chunk) for chunk in cut) <= HOURS_A_STATEMENT
    assert list(chunks([])) == []


def test_no_statement_is_longer_than_the_embedded_server_allows() -> None:
    wide = tuple((f"negative_effectiveness_{n:02}", "likert5") for n in range(24))
    code = "c" * 64
    note = replace(NOTE, group=Group(code, code, code, code), measures=wide)
    hour = 1_700_000_000_000
    many = [
        replace(note, hours=tuple(hour + n for n in range(11)), partition=n) for n in range(999)
    ]
    endless = replace(note, hours=tuple(range(hour, hour + 200_000)))
    cut = list(chunks([*many, endless]))
    assert [(n.partition, h) for chunk in cut for n in chunk for h in n.hours] == [
        (n.partition, h) for n in [*many, endless] for h in n.hours
    ]
    assert max(len(statement(chunk)) for chunk in cut) < MAX_STATEMENT
