"""SQL files: numbered without gaps, cut where a statement ends and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import MigrationError
from pipeline.resources import resource
from pipeline.store.sql_files import fill, read_sql_files, split


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        pytest.param("A; B;", ["A", "B"], id="two"),
        pytest.param("A", ["A"], id="the last needs no semicolon"),
        pytest.param(";;\n -- only a comment; here\n", [], id="nothing"),
        pytest.param("A -- b; c\n; D", ["A", "D"], id="line comment"),
        pytest.param("A /* b; ' */ B", ["A   B"], id="block comment"),
        pytest.param("'a;b' ; \"c;d\" ; `e;f`", ["'a;b'", '"c;d"', "`e;f`"], id="quotes"),
        pytest.param(r"'it''s; \'so;' ; B", [r"'it''s; \'so;'", "B"], id="quotes in quotes"),
        pytest.param("'-- no; comment'; B", ["'-- no; comment'", "B"], id="comment in quotes"),
        pytest.param("a - b / c; d", ["a - b / c", "d"], id="operators"),
    ],
)
def test_statements_end_at_a_semicolon_that_is_code(text: str, statements: list[str]) -> None:
    assert list(split(text)) == statements


@pytest.mark.parametrize("text", ["A;\n'b", 'A;\n"b', "A;\n`b", "A;\n/* b"])
def test_what_is_not_closed_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"line 2: .* is not closed"):
        list(split(text))


def test_macros_are_filled_in_and_unknown_ones_refused() -> None:
    text = "ENGINE = ${replicated}MergeTree"
    assert fill(text, {"replicated": "Replicated"}) == "ENGINE = ReplicatedMergeTree"
    with pytest.raises(ValueError, match=r"unknown macro \$\{replicated\}"):
        fill(text, {})


@pytest.mark.parametrize("names", [["0002_b"], ["0001_a", "0001_b"], ["0001_a", "0003_c"], ["one"]])
def test_a_gap_or_a_name_without_number_is_refused(names: list[str], tmp_path: Path) -> None:
    for name in names:
        (tmp_path / f"{name}.sql").write_text("SELECT 1")
    with pytest.raises(MigrationError, match="expected the next file to be"):
        read_sql_files(tmp_path)


AGAIN = (
    "CREATE TABLE IF NOT EXISTS ",
    "CREATE OR REPLACE VIEW ",
    "ALTER TABLE responses ADD COLUMN IF NOT EXISTS",
    "INSERT INTO asked ",
    "INSERT INTO beginnings ",
)
"""What may be run twice; rows that are inserted have a key, and are the same again."""


def test_the_shipped_files_name_no_database_and_survive_being_applied_again() -> None:
    for file in read_sql_files(resource("deploy", "clickhouse")):
        for statement in file.statements({"replicated": ""}):
            assert statement.startswith(AGAIN)
            assert "cx." not in statement


def test_the_views_repeat_one_block_of_statistics_word_for_word() -> None:
    views = (
        "0010_generations.sql",
        "0003_rolling_now.sql",
        "0004_benchmark.sql",
        "0005_quarterly.sql",
    )
    blocks = set()
    for name in views:
        text = resource("deploy", "clickhouse", name).read_text(encoding="utf-8")
        start = text.index("-- As in pipeline/core/rating.py")
        blocks.add(text[start : text.index(" AS hi", start)])
    assert len(blocks) == 1
