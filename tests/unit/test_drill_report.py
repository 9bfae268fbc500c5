"""What drills say: the list, the table, and the exit code."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.local.expected import Cells
from pipeline.local.verdict import Check
from pipeline.operate.drill.accounts import responses
from pipeline.operate.drill.drill import Result
from pipeline.operate.drill.drills import BY_NAME, DRILLS
from pipeline.operate.drill.report import failures, table

pytestmark = pytest.mark.usefixtures("root_logger")

GOOD = Result(DRILLS[0], 9_000, 0, 0, 3, 6.25, 0, [Check("counts equal", True, "all")])


def shown(*results: Result) -> str:
    console = Console(width=130)
    with console.capture() as captured:
        console.print(table(results))
    return captured.get()


def test_every_drill_has_a_name_of_its_own_and_one_sentence() -> None:
    assert len(BY_NAME) == len(DRILLS)
    for drill in DRILLS:
        assert drill.about.endswith(".")
        assert ". " not in drill.about


def test_the_list_names_every_drill() -> None:
    done = CliRunner().invoke(app, ["drill", "--list"])
    assert done.exit_code == 0
    for drill in DRILLS:
        assert f"{drill.name} " in done.output


@pytest.mark.parametrize("names", [[], ["no-such-drill"], ["all", "no-such-drill"]])
def test_an_unknown_drill_is_refused_before_anything_starts(names: list[str]) -> None:
    done = CliRunner().invoke(app, ["drill", *names])
    assert done.exit_code == 2
    assert "--list" in done.output


def test_a_row_tells_lost_double_seconds_and_verdict() -> None:
    cells = [cell.strip() for cell in shown(GOOD).splitlines()[3].strip("|").split("|")]
    assert cells == [DRILLS[0].name, "9,000", "0", "0", "3", "6.2", "10", "holds"]
    assert failures([GOOD]) == []


def test_what_never_resumed_and_what_differs_is_named() -> None:
    bad = replace(GOOD, lost=2, seconds=None, checks=[Check("counts equal", False, "2 differ")])
    assert "never" in shown(GOOD, bad)
    assert "FAILS" in shown(GOOD, bad)
    assert failures([GOOD, bad]) == [f"{DRILLS[0].name}: NOT counts equal: 2 differ"]


def test_responses_are_counted_once_an_hour_whatever_else_was_asked() -> None:
    group = ("va", "va-vha", "email", "va-vha-post-visit")
    cells: Cells = {
        (*group, "count", "response", 0): (7, 0, 0, 0, 0, 0),
        (*group, "likert5", "trust", 0): (0, 0, 0, 0, 3, 4),
    }
    assert responses(cells) == {(*group, 0): 7}
