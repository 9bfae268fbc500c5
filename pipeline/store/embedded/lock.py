"""One process owns the data folder; a second one is told so before it touches anything."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from pipeline.errors import LocalError

NAME = "cxpulse.lock"


class FolderLock:
    """An advisory lock that the kernel releases when its process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        """Creates the folder if needed and takes the lock.

        Raises:
            LocalError: another process has it, or the folder cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / NAME).open("a+")
        except OSError as error:
            raise LocalError(f"cannot use the data folder {folder}: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = self._owner()
            self._file.close()
            raise LocalError(
                f"{folder} is in use by another ClickHouse{owner}: stop that one or choose "
                "another --data"
            ) from error
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def _owner(self) -> str:
        self._file.seek(0)
        pid = self._file.read(20).strip()
        return f" (process {pid})" if pid.isdigit() else ""

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
