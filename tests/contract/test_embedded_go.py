"""clickhouse-go over HTTP: the driver that Grafana's data source is built on."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

BUILD_SECONDS = 300
"""The first build downloads the driver's modules."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    go = shutil.which("go")
    if go is None:
        pytest.skip(
            "NOT TESTED: clickhouse-go against the embedded ClickHouse; Go is not installed"
        )
    binary = tmp_path_factory.mktemp("go") / "goclient"
    built = subprocess.run(
        [go, "build", "-o", str(binary), "."],
        cwd=Path(__file__).with_name("goclient"),
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return binary


@pytest.mark.timeout(BUILD_SECONDS + 60)
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_clickhouse_go_inserts_and_reads_back(
    clickhouse: str, database: str, program: Path, compression: str
) -> None:
    done = subprocess.run(
        [str(program), urlsplit(clickhouse).netloc, database, compression],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["19990", str(sum(range(10, 20_000))), "19999"]
