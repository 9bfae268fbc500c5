"""One real broker and one real engine a session: tests are apart by names, not servers."""

from __future__ import annotations

from importlib.util import find_spec

pytest_plugins = [
    name
    for name in ("tests.fixtures.kafka", "tests.fixtures.clickhouse")
    if find_spec(name) is not None
]
