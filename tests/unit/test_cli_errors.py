"""An expected error is one line on stderr and the right exit code, whatever libraries would log."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.command_line import cxpulse

NOWHERE = "127.0.0.1:1"
"""A port where nothing listens: only root could."""


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "told"),
    [
        (["config"], {"KAFKA_BOOTSRTAP": "x"}, 2, "CXPULSE_KAFKA_BOOTSRTAP: no such setting"),
        (["sink"], {"SINK_FLUSH_ROWS": "0"}, 2, "setting sink.flush_rows: "),
        (["topics"], {"KAFKA_BOOTSTRAP": NOWHERE}, 1, f"no Kafka at {NOWHERE}"),
        (["topics", "--grow", "1025"], {}, 2, "setting kafka.partitions: input should be less"),
        (["topics"], {"KAFKA_MIN_ISR": "2"}, 2, "setting kafka.min_isr: 2 copies must take each"),
        (["migrate"], {"CLICKHOUSE_URL": f"http://{NOWHERE}"}, 1, "cannot connect to ClickHouse"),
        (["migrate"], {"CATALOG": "/no/such"}, 2, "/no/such/agencies.yaml: cannot be read"),
        (["--config", "/no/such.toml", "config"], {}, 2, "CXPULSE_CONFIG: cannot read /no/such"),
        (["--log-level", "loud", "config"], {}, 2, "--log-level: 'loud' is none of"),
        (["trace", "7"], {}, 2, "'7' is no UUID"),
        (["emit", "README.md", "none.csv"], {}, 2, "none.csv: cannot read it: No such file"),
        (["emit", "--simulate"], {"KAFKA_BOOTSTRAP": NOWHERE}, 1, f"no Kafka at {NOWHERE}"),
    ],
)
def test_a_fault_is_one_line(
    arguments: list[str], settings: dict[str, str], code: int, told: str
) -> None:
    done = cxpulse(*arguments, **settings)
    assert (done.stdout, done.returncode) == ("", code), done.stderr
    assert done.stderr.startswith(f"cxpulse: {told}")
    assert done.stderr.count("\n") == 1


def test_output_that_finds_no_room_is_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "pipeline.cli", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    said = "cxpulse: cannot write the output: No space left on device\n"
    assert (done.stderr, done.returncode) == (said, 1)


def test_a_bad_file_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("[kafka]\nbootstrap = \n")
    done = cxpulse("--config", str(path), "config")
    assert (done.stdout, done.returncode, done.stderr.count("\n")) == ("", 2, 1)
    assert f"{path}: not TOML" in done.stderr
    assert "line 2" in done.stderr


def test_check_goes_on_when_everything_is_away() -> None:
    done = cxpulse(
        "check", KAFKA_BOOTSTRAP=NOWHERE, CLICKHOUSE_URL=f"http://{NOWHERE}", CATALOG="/no/such"
    )
    assert (done.stderr, done.returncode) == ("", 1)
    assert done.stdout.count("FAIL ") == 3
    assert "Traceback" not in done.stdout
