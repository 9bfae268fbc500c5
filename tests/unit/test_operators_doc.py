"""`docs/operators.md` is true: every setting and metric is in it, as the code has it."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from pipeline import metrics
from pipeline.operate.config_command import rows
from pipeline.settings import load
from pipeline.wire.topics import Topics
from tests.fixtures.variables import Setter

DOC = Path(__file__).parents[2] / "docs" / "operators.md"
LINES = DOC.read_text(encoding="utf-8").splitlines()


def row(name: str, *cells: str) -> bool:
    """Is there a table row that begins with the code `name` and has these cells?"""
    start = f"| `{name}"
    found = [line for line in LINES if line.startswith(start) and line[len(start)] in "`{"]
    return any(all(f"| {cell} |" in line for cell in cells) for line in found)


def test_every_metric_is_described_with_its_kind_and_help() -> None:
    declared = [m for m in vars(metrics).values() if isinstance(m, MetricWrapperBase)]
    assert len(declared) > 20
    for metric in declared:
        (family,) = metric.describe()
        name = family.name + ("_total" if family.type == "counter" else "")
        expected = f"{name} | {family.type} | {family.documentation} |"
        assert row(name, family.type, family.documentation), expected


def test_every_setting_is_described_with_its_default(setting: Setter) -> None:
    for name, value, note in rows(load()):
        default = "as shipped" if name == "CXPULSE_CATALOG" else f"`{value}`" if value else ""
        assert row(name, default, note), f"| `{name}` | {default} | {note} |"


def test_every_topic_is_described() -> None:
    assert [name for name in Topics("cx").all if not row(name)] == []
