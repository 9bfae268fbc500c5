"""`docs/operations/failures.md` is true: what it names exists; every row names what shows it."""

from __future__ import annotations

import re

import pytest
from prometheus_client.metrics import MetricWrapperBase
from typer.testing import CliRunner

from pipeline import metrics
from pipeline.cli import app
from pipeline.operate.drill.drills import BY_NAME
from tests.docs.blocks import ROOT

TEXT = (ROOT / "docs" / "operations" / "failures.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in TEXT.splitlines()
    if line.startswith("| ") and not line.startswith("| fault |")
]
SOURCES = "".join(
    " ".join(path.read_text(encoding="utf-8").split())
    for path in sorted((ROOT / "pipeline").rglob("*.py"))
).replace('" "', "")
"""Without line breaks inside of messages, which may run over several lines."""


def codes(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_every_row_has_five_cells_and_names_what_shows_it() -> None:
    assert len(ROWS) >= 25
    for row in ROWS:
        assert len(row) == 5, row
        assert codes(row[4]), row


@pytest.mark.parametrize("name", sorted({name for row in ROWS for name in codes(row[4])}))
def test_what_shows_it_exists(name: str) -> None:
    path, _, test = name.partition("::")
    if not path.endswith(".py"):
        assert name in BY_NAME
        return
    text = (ROOT / path).read_text(encoding="utf-8")
    assert f"def {test or 'test_'}" in text


def test_every_drill_is_in_a_row() -> None:
    named = {name for row in ROWS for name in codes(row[4])}
    assert {name for name, drill in BY_NAME.items() if not drill.apart} - named == set()


def test_every_metric_named_is_one() -> None:
    declared = set()
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            declared.add(family.name + ("_total" if family.type == "counter" else ""))
    named = set(re.findall(r"`(cxpulse_\w+)", TEXT))
    assert len(named) >= 10
    assert named - declared == set()


@pytest.mark.parametrize("line", sorted(set(re.findall(r"`(cxpulse [^`]+)`", TEXT))))
def test_every_command_named_is_one(line: str) -> None:
    words = [word for word in line.split()[1:] if word != "NAME"]
    done = CliRunner().invoke(app, [*words, "--help"])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    "words", sorted({w for row in ROWS for w in re.findall(r'"([^"{}]{6,})"', row[2])})
)
def test_every_log_line_named_is_one(words: str) -> None:
    assert words in SOURCES
