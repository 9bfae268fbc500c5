"""What the embedded server's process can still read behind its wall."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LOOK = """
import sys
from pathlib import Path
from pipeline.store.embedded import sandbox
if not sandbox.enter(Path(sys.argv[1])):
    sys.exit("no wall")
for name in ("auxv", "environ"):
    try:
        print(name, len(Path("/proc/self", name).read_bytes()) > 0)
    except PermissionError:
        print(name, "refused")
"""


def test_the_engine_finds_its_auxiliary_vector_but_no_environment(tmp_path: Path) -> None:
    """Without the first it crashes at start now and then, by what lies behind the environment."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(tmp_path)], capture_output=True, text=True, check=False
    )
    if done.stderr.strip() == "no wall":
        pytest.skip("this kernel has no Landlock: there is no wall to look behind")
    assert done.stdout.split("\n") == ["auxv True", "environ refused", ""], done.stderr
