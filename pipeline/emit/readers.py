"""Files of responses: CSV and JSON lines, one record or one refusal for each line."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from enum import StrEnum
from typing import BinaryIO, Final, NamedTuple

from pipeline.emit.lines import Line, read_lines
from pipeline.emit.refusal import KNOWN_MEASURES, Refusal
from pipeline.errors import InputError

ANSWER: Final = "answer_"
REQUIRED: Final = ("event_id", "occurred_at", "agency", "service", "channel", "survey")
OPTIONAL: Final = ("location", "comment", "retracted")
_TRUE: Final = frozenset({"true", "1", "yes"})
_FALSE: Final = frozenset({"false", "0", "no"})


class FileFormat(StrEnum):
    """The two formats that can be read."""

    CSV = "csv"
    JSONL = "jsonl"


class Entry(NamedTuple):
    """One line of a file: its number, and the record it holds or why it holds none."""

    number: int
    content: dict[str, object] | Refusal


def read_entries(name: str, stream: BinaryIO, form: FileFormat) -> Iterator[Entry | None]:
    """The entries of a stream, read as it comes; None wherever the next read may block.

    Raises InputError, naming file and line, when a CSV file has no usable header.
    """
    if form is FileFormat.JSONL:
        for line in read_lines(stream):
            yield line and Entry(line.number, _parse_json(line.content))
        return
    columns: list[_Column] = []
    for line in read_lines(stream, quoted=True):
        if line is None:
            yield None
        elif not columns:
            columns = _read_header(name, line)
        else:
            yield Entry(line.number, _parse_row(columns, line.content))
    if not columns:
        raise InputError(f"{name}:1: the file is empty; the first line must name the columns")


def _parse_json(content: str | Refusal) -> dict[str, object] | Refusal:
    if isinstance(content, Refusal):
        return content
    try:
        record = json.loads(content)
    except (ValueError, RecursionError):
        return Refusal("", "not_json")
    return record if isinstance(record, dict) else Refusal("", "not_an_object")


class _Column(NamedTuple):
    name: str
    measure: str  # empty: not an answer


def _read_header(name: str, line: Line) -> list[_Column]:
    where = f"{name}:{line.number}"
    if isinstance(line.content, Refusal):
        raise InputError(f"{where}: the header is unusable: {line.content}")
    try:
        names = [cell.strip() for cell in next(csv.reader([line.content], strict=True))]
    except csv.Error:
        raise InputError(f"{where}: the header is not CSV; separate columns by commas") from None
    columns = [_column(where, cell) for cell in names]
    missing = [required for required in REQUIRED if required not in names]
    if missing:
        hint = Refusal(missing[0], "missing").hint
        raise InputError(f"{where}: no column {missing[0]}" + (f": {hint}" if hint else ""))
    keys = [column.measure or column.name for column in columns]
    twice = [key for key in keys if keys.count(key) > 1]
    if twice:
        raise InputError(f"{where}: column {twice[0]} is there twice; leave one out")
    return columns


def _column(where: str, cell: str) -> _Column:
    if cell in REQUIRED or cell in OPTIONAL:
        return _Column(cell, "")
    measure = cell.removeprefix(ANSWER)
    if measure in KNOWN_MEASURES:
        return _Column(cell, measure)
    raise InputError(
        f"{where}: unknown column {cell[:60]!r}; use {', '.join(REQUIRED + OPTIONAL)} "
        "and the measures of the survey"
    )


def _parse_row(columns: list[_Column], content: str | Refusal) -> dict[str, object] | Refusal:
    if isinstance(content, Refusal):
        return content
    try:
        cells = next(csv.reader([content], strict=True))
    except csv.Error:
        return Refusal("", "not_csv")
    if len(cells) != len(columns):
        return Refusal("", "wrong_number_of_columns")
    record: dict[str, object] = {}
    answers: dict[str, int] = {}
    for column, cell in zip(columns, cells, strict=True):
        value = cell if column.name == "comment" else cell.strip()
        if not value:
            continue
        if not column.measure:
            record[column.name] = value
        elif value.isascii() and value.isdecimal() and len(value) < _DIGITS:
            answers[column.measure] = int(value)
        else:
            return Refusal(f"answers.{column.measure}", "not_a_whole_number")
    return _with_flag(record | {"answers": answers})


_DIGITS: Final = 10
"""Longer numbers do not fit an Avro int, and no scale has them."""


def _with_flag(record: dict[str, object]) -> dict[str, object] | Refusal:
    flag = record.get("retracted")
    if isinstance(flag, str):
        if flag.lower() not in _TRUE | _FALSE:
            return Refusal("retracted", "not_true_or_false")
        record["retracted"] = flag.lower() in _TRUE
    return record
