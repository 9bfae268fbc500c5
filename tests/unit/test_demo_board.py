"""The demo's table: what a row says, which rows come first, and what changed."""

from __future__ import annotations

from rich.console import Console

from pipeline.local.demo.board import Board, Memory, by_group
from pipeline.local.demo.numbers import Score

NOW = 1_800_000_000_000


def score(service: str, measure: str, scale: str, n: int, mean: float, share: float) -> Score:
    group = ("va", service, "email", f"{service}-visit")
    return Score(group, measure, scale, n, mean, share, share - 0.1, share + 0.1, NOW - 3_000)


def text(*scores: Score, rows: int = 10, changes: dict[str, float] | None = None) -> list[str]:
    """The lines of the table."""
    groups = by_group(scores)
    by_service = {g: (changes or {})[g[1]] for g in groups if g[1] in (changes or {})}
    console = Console(width=120)
    with console.capture() as captured:
        console.print(Board(groups, by_service, NOW).table(rows, plain=True))
    return captured.get().splitlines()


def test_a_row_shows_each_scale_in_its_own_terms() -> None:
    lines = text(
        score("likert", "trust", "likert5", 120, 4.321, 0.8),
        score("likert", "satisfaction", "likert5", 110, 4.5, 0.9),
        score("thumbs", "trust", "thumbs", 80, 0.75, 0.75),
        score("yesno", "yes_no", "yes_no", 60, 0.9, 0.9),
        changes={"likert": -0.061, "thumbs": 2.2, "yesno": 0.2},
    )
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rows = {row[0]: row[1:] for row in cells if len(row) == 9}
    assert rows["likert"] == [
        "email", "visit", "4.32", "4.50", "120", "70% .. 90%", "-0.06", "3 s"
    ]  # fmt: skip
    assert rows["thumbs"][2:] == ["75% up", "", "80", "65% .. 85%", "+2 pt", "3 s"]
    assert rows["yesno"][2:] == ["", "90% yes", "60", "80% .. 100%", "=", "3 s"]


def test_the_groups_with_the_most_answers_come_first_and_the_rest_is_counted() -> None:
    lines = text(*(score(f"s{n}", "trust", "likert5", n, 4.0, 0.5) for n in (5, 50, 20)), rows=2)
    found = [line for line in lines if "email" in line]
    assert [line.split("|")[1].strip() for line in found] == ["s50", "s20"]
    assert "and 1 more with fewer answers" in lines[-1]


def test_changes_are_those_since_a_while_ago_and_unknown_at_first() -> None:
    memory = Memory(seconds=30)
    group = ("va", "s", "email", "s-visit")

    def look(now: float, mean: float) -> dict[tuple[str, str, str, str], float]:
        return memory.changes(now, by_group([score("s", "trust", "likert5", 9, mean, 0.5)]))

    assert look(0, 4.0) == {}
    assert round(look(10, 4.5)[group], 6) == 0.5
    assert round(look(35, 4.75)[group], 6) == 0.75
    assert round(look(41, 5.0)[group], 6) == 0.5  # the look at 10 is now the one 30 s ago
