"""The classes of a broker, parsed and checked once: Java maps them into every later one.

A broker starts with 2.2 s of processor time instead of 3.8 (two cores, Java 17). Java calls it an
application class-data archive, and by itself ignores one that does not fit its jars or options.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from pipeline.local.cached import put_in_cache

_QUIET: Final = "-Xlog:all=error"
"""Else a warning for each class that is left out, some of them named like errors."""


class ClassArchive:
    """The archive for one Java and one folder of jars, kept in that folder.

    As long as there is none, a broker is asked to leave its own in `scratch` when it ends well.
    """

    def __init__(self, java: Path, jars: Path, scratch: Path) -> None:
        fits = hashlib.sha256()  # Java takes an archive only for the very files it was made of
        for file in (java.resolve(), *sorted(jars.glob("*.jar"))):
            fits.update(f"{file}:{file.stat().st_mtime_ns}\n".encode())
        self.path = jars / f"classes-{fits.hexdigest()[:12]}.jsa"
        self._left = scratch / "classes.jsa"

    def mapped(self) -> tuple[str, ...]:
        """What Java is told to use the archive; nothing while there is none."""
        return (f"-XX:SharedArchiveFile={self.path}", _QUIET) if self.path.exists() else ()

    def left(self) -> tuple[str, ...]:
        """What a broker is told to leave one when it ends well; nothing when there is one, or it
        could not be kept."""
        if self.path.exists() or not os.access(self.path.parent, os.W_OK):
            return ()
        return (f"-XX:ArchiveClassesAtExit={self._left}", _QUIET)

    def keep(self) -> None:
        """Put what a broker left in its place, by one rename, and remove those that fit no more. A
        failure only leaves it slow."""
        if not self._left.exists():
            return
        if put_in_cache(shutil.move, self._left, self.path):
            with suppress(OSError):
                for other in {*self.path.parent.glob("classes-*.jsa")} - {self.path}:
                    other.unlink()  # 48 MB; who runs with it keeps its pages
