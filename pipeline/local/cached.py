"""What one run leaves in the cache for later ones: whole or not at all, and never a fault."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def put_in_cache(bring: Callable[[Path, Path], object], source: Path, kept: Path) -> bool:
    """Bring `source` (`shutil.move`, `shutil.copyfile`) into the place `kept`, by one rename;
    whether it is there. Whoever reads it meanwhile has the one before."""
    part = kept.with_suffix(f".{uuid.uuid4().hex}")
    with suppress(OSError):
        try:
            bring(source, part)
            part.rename(kept)
            return True
        finally:
            part.unlink(missing_ok=True)
    return False
