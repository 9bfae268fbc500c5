"""Spans of time on the command line."""

from __future__ import annotations

import pytest

from pipeline.emit.durations import parse_span
from pipeline.errors import InputError


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("90", 90_000), ("1.5s", 1500), ("5m", 300_000), ("2h", 7_200_000), ("28d", 2_419_200_000)],
)
def test_a_span_is_a_number_and_a_unit(text: str, milliseconds: int) -> None:
    assert parse_span("--history", text) == milliseconds


@pytest.mark.parametrize("text", ["", "-5s", "5w", "s", "1e9", "5 m"])
def test_anything_else_is_refused_by_the_option_s_name(text: str) -> None:
    with pytest.raises(InputError, match="--history"):
        parse_span("--history", text)
