"""One real broker and one real engine a session: tests are apart by names, not servers."""

from __future__ import annotations

pytest_plugins = ["tests.fixtures.kafka", "tests.fixtures.clickhouse", "tests.fixtures.variables"]
