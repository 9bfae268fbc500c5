"""Memory that was large for a moment does not stay with the process."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

BLOCKS = 100
SCRIPT = """
import os, sys
from pipeline.operate.drill.memory import resident
from pipeline.score.memory import give_back_large

if sys.argv[1] == "asked":
    assert give_back_large()
bytes(8_000_000)  # a first large block that is freed: from here on the allocator keeps smaller ones
small, large = [], []
for _ in range({blocks}):
    large.append(b"x" * 1_000_000)
    small.append(os.urandom(1_000))
before = resident(os.getpid())
large.clear()
print((before - resident(os.getpid())) // 1_000_000)
"""


def freed(how: str) -> int:
    """How many of 100 MB go back, of blocks that lay between small ones that live on."""
    script = SCRIPT.format(blocks=BLOCKS)
    ran = subprocess.run(
        [sys.executable, "-c", script, how], capture_output=True, text=True, check=True
    )
    return int(ran.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="LOUD: no glibc here to ask")
def test_large_blocks_between_small_ones_go_back_to_the_system() -> None:
    assert freed("not asked") < BLOCKS / 2
    assert freed("asked") > BLOCKS * 0.9
