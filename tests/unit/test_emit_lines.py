"""Lines of a byte stream: what is one, what is refused, and that memory stays bounded."""

from __future__ import annotations

from io import BytesIO

import pytest

from pipeline.emit.lines import LONGEST, Line, read_lines
from pipeline.emit.refusal import Refusal


def lines(data: bytes, quoted: bool = False) -> list[Line]:
    return [line for line in read_lines(BytesIO(data), quoted) if line is not None]


def test_lines_are_numbered_from_one_and_blank_ones_left_out() -> None:
    assert lines(b"a\n\n  \nb\r\nc") == [Line(1, "a"), Line(4, "b"), Line(5, "c")]


def test_a_byte_order_mark_is_not_part_of_the_first_line() -> None:
    assert lines(b"\xef\xbb\xbfid\nx") == [Line(1, "id"), Line(2, "x")]


def test_bytes_that_are_not_utf8_refuse_their_line_only() -> None:
    assert lines(b"a\n\xff\nb") == [
        Line(1, "a"),
        Line(2, Refusal("", "invalid_utf8")),
        Line(3, "b"),
    ]


@pytest.mark.parametrize("size", [LONGEST + 1, 3 * LONGEST])
def test_a_line_over_the_limit_is_refused_once_and_the_next_is_read(size: int) -> None:
    found = lines(b"a\n" + b"x" * size + b"\nb")
    assert found == [Line(1, "a"), Line(2, Refusal("", "line_too_long")), Line(3, "b")]


def test_a_quoted_line_break_belongs_to_the_line() -> None:
    assert lines(b'a,"b\r\nc ""d"""\ne', quoted=True) == [Line(1, 'a,"b\nc ""d"""'), Line(3, "e")]


def test_a_quote_that_never_closes_is_refused_where_it_opened() -> None:
    assert lines(b'a\n"b\nc\nd', quoted=True) == [
        Line(1, "a"),
        Line(2, Refusal("", "unclosed_quote")),
    ]


def test_a_quote_open_beyond_the_limit_does_not_swallow_the_file() -> None:
    filler = b"x" * 1000 + b"\n"
    data = b'"b\n' + filler * (LONGEST // len(filler) + 2) + b"last"
    found = lines(data, quoted=True)
    assert found[0] == Line(1, Refusal("", "unclosed_quote"))
    assert found[-1].content == "last"


def test_a_pause_is_shown_before_every_read() -> None:
    assert list(read_lines(BytesIO(b"a\nb\n"))) == [None, Line(1, "a"), Line(2, "b"), None]
