"""The load test as users start it; only the part that needs no servers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(*args: str) -> subprocess.CompletedProcess[str]:
    """`python -m loadtest ARGS`."""
    command = [sys.executable, "-m", "loadtest", *args]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_one_measurement_prints_its_table_and_keeps_it_as_markdown_and_json(tmp_path: Path) -> None:
    done = run("--quick", "--only", "ids", "--results", str(tmp_path / "results"))
    assert done.returncode == 0, done.stderr
    assert "memory of a remembered id" in done.stdout
    assert done.stdout.strip() == (tmp_path / "results" / "latest.md").read_text().strip()
    kept = json.loads((tmp_path / "results" / "latest.json").read_text())
    (found,) = kept["results"]
    assert found["unit"] == "bytes"
    # An entry is 27 bytes by itself; three times that would be a set of Python strings.
    assert 27 < found["value"] < 81
    assert found["verdict"] in ("met", "missed")
    assert {"processor", "cores", "memory", "python"} <= kept["machine"].keys()


def test_an_unknown_measurement_is_refused_by_name() -> None:
    done = run("--only", "ids,speed")
    assert done.returncode == 2
    assert "speed" in done.stderr
