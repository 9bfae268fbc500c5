"""Where a stack that comes and goes keeps its data and logs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from pipeline.errors import InputError, LocalError

BASE: Final = Path(".data")
"""As of the other local commands; in the working folder, for it may need half a gigabyte."""


@contextmanager
def workspace(keep: Path | None, name: str) -> Iterator[Path]:
    """An empty folder: `keep`, which stays, or a fresh one (`name-...`), removed at the end.

    Raises InputError when `keep` holds something already, LocalError when no folder can be made.
    """
    try:
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            if any(keep.iterdir()):
                raise InputError(f"--keep {keep} is not empty: name a folder that is, or a new one")
            yield keep
            return
        BASE.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=BASE))
    except OSError as error:
        raise LocalError(f"cannot make a folder for the {name}: {error}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            BASE.rmdir()  # only if nothing else is in it
