"""What the embedded server makes of a statement before the engine sees it."""

from __future__ import annotations

import pytest

from pipeline.store.embedded import statement
from pipeline.store.embedded.failures import QueryError
from pipeline.store.embedded.shapes import Shape
from pipeline.store.embedded.statement import parse, parse_head


@pytest.mark.parametrize(
    ("text", "shape", "form"),
    [
        ("SELECT 1", Shape.SELECT, None),
        ("/* a */ (select 1) FORMAT JSON;", Shape.SELECT, "JSON"),
        ("SELECT 1 FORMAT CSV SETTINGS max_threads = 1", Shape.SELECT, "CSV"),
        ("SELECT format FROM t ORDER BY format DESC", Shape.SELECT, None),
        ("SELECT 'x FORMAT CSV'", Shape.SELECT, None),
        ("WITH 1 AS x SELECT x", Shape.SELECT, None),
        ("WITH 1 AS x INSERT INTO t SELECT x", Shape.COMMAND, None),
        ("SHOW TABLES", Shape.SHOW, None),
        ("CREATE TABLE t AS SELECT 1", Shape.COMMAND, None),
        ("INSERT INTO t SELECT 1", Shape.COMMAND, None),
        ("INSERT INTO t (a) (SELECT 1)", Shape.COMMAND, None),
    ],
)
def test_the_shape_and_the_format_of_a_statement_are_found(
    text: str, shape: Shape, form: str | None
) -> None:
    found = parse(text.encode())
    assert (found.shape, found.format) == (shape, form)


@pytest.mark.parametrize(
    ("text", "sql", "form", "data"),
    [
        (b"INSERT INTO t FORMAT Native\n\x00\x01'", "INSERT INTO t", "Native", b"\x00\x01'"),
        (b"insert into t(`a b`) Format CSV 1,2", "insert into t(`a b`)", "CSV", b"1,2"),
        (
            b"INSERT INTO t VALUES (1), ('format x')",
            "INSERT INTO t",
            "Values",
            b"(1), ('format x')",
        ),
        (b"INSERT INTO a.format FORMAT TSV\r\n\n", "INSERT INTO a.format", "TSV", b"\n"),
        (b"INSERT INTO values VALUES (1)", "INSERT INTO values", "Values", b"(1)"),
        (
            b"INSERT INTO t SETTINGS x = 'FORMAT y' FORMAT TSV\n1",
            "INSERT INTO t SETTINGS x = 'FORMAT y'",
            "TSV",
            b"1",
        ),
    ],
)
def test_the_data_of_an_insert_begin_after_its_format(
    text: bytes, sql: str, form: str, data: bytes
) -> None:
    found = parse_head(text, whole=True)
    assert found is not None
    assert (found.sql, found.format, text[found.data :]) == (sql, form, data)


def test_a_head_cut_anywhere_waits_for_more_or_says_the_same() -> None:
    text = b"INSERT INTO t (a, `b`) /* note */ FORMAT Native\n\x01\x02'\"rest"
    full = parse_head(text, whole=True)
    for size in range(len(text)):
        assert parse_head(text[:size], whole=False) in (None, full)
    assert parse_head(text, whole=False) == full


def test_a_text_too_short_to_tell_is_not_taken_for_an_insert() -> None:
    assert statement.starts_insert(b"  -- x\n INSER") is None
    assert statement.starts_insert(b"inserts ") is False
    assert statement.starts_insert(b"/* x */INSERT ") is True


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT 1; DROP TABLE t", 62),
        ("SELECT 'open", 62),
        ("SELECT /* /* */ ' */ file('x') -- '", 62),
        ("SELECT \u2018 \u2019", 62),
        ("SELECT \u2212\u2212'\n file('x') --'", 62),
        ("SELECT file\u00a0('x')", 497),
        ("SELECT `fi\\le`('x')", 497),
        ("SELECT x'6162', file('x')", 497),
        ("SELECT $a$ ' $a$, file('x'), ' '", 497),
        ("SELECT '\\'', file('x'), ' '", 497),
        ("SELECT '''', file('x'), ' '", 497),
        ("INSERT INTO t VALUES (1), (file('x'))", 497),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(text: str, code: int) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text.encode())
    assert caught.value.code == code


def test_ordinary_text_in_any_language_passes() -> None:
    parse("SELECT 'Ça coûte 5 € – \u2018file(\u2019', `näme` FROM t -- \u2212\u2212".encode())
