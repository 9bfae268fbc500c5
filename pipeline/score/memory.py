"""What a worker has read of checkpoints goes back to the system, not only to the allocator."""

from __future__ import annotations

import ctypes
from typing import Final

_M_MMAP_THRESHOLD: Final = -3
"""`mallopt` of glibc (malloc.h)."""
LARGE: Final = 128 * 1024
"""glibc's own first value. It doubles with every block that is freed, up to 32 MiB, and then the
segments of checkpoints (900 kB each) lie among what lives on: 73 bytes a restored id instead of 37
(880,000 ids in eight partitions)."""


def give_back_large() -> bool:
    """Blocks from `LARGE` on are mapped one by one, and unmapped once they are free. Says whether
    the C library does so; others than glibc have their own ways."""
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE))
    except (AttributeError, OSError):
        return False
