"""One real broker and one real engine a session: tests are apart by names, not servers."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

pytest_plugins = [
    "tests.fixtures.kafka",
    "tests.fixtures.guarded",
    "tests.fixtures.clickhouse",
    "tests.fixtures.tables",
    "tests.fixtures.reconciling",
    "tests.fixtures.servers",
    "tests.fixtures.variables",
]

LONGEST = (
    *("test_simulation.py", "test_drills.py", "test_demo.py", "test_broker_gone.py"),
    *("test_sink_rebuild.py", "test_reconcile.py", "test_generations.py"),
    *("test_reconcile_repair.py", "test_sink_expired.py", "test_score_restore.py"),
)
"""First, so that no process is left with one of these when the others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of the tests asked for, those of the files that take longest come first."""
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(LONGEST)))


# A busy machine is no failure (no deadline); CI draws the same examples each time;
# `--hypothesis-profile=deep` looks longer.
settings.register_profile("ours", deadline=None, max_examples=50, print_blob=True)
settings.register_profile("ci", settings.get_profile("ours"), derandomize=True)
settings.register_profile("deep", settings.get_profile("ours"), max_examples=2000)
settings.load_profile("ci" if os.environ.get("CI") else "ours")
