"""One real broker and one real engine a session: tests are apart by names, not servers."""

from __future__ import annotations

import os

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

# A busy machine is no failure (no deadline); CI draws the same examples each time;
# `--hypothesis-profile=deep` looks longer.
settings.register_profile("ours", deadline=None, max_examples=50, print_blob=True)
settings.register_profile("ci", settings.get_profile("ours"), derandomize=True)
settings.register_profile("deep", settings.get_profile("ours"), max_examples=2000)
settings.load_profile("ci" if os.environ.get("CI") else "ours")
