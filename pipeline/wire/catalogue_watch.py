"""Notices that the catalogue files changed, while a process runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from pipeline import metrics
from pipeline.core.catalogue import Catalogue
from pipeline.errors import CatalogueError
from pipeline.logs import get
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.catalogue_moves import Past

LOOK_SECONDS: Final = 2.0
"""Between looks: an edit is taken within twice this, and a look costs four `stat` calls."""

Mark = tuple[tuple[str, int, int, int], ...]
"""Name, inode, size and time of each file: what an edit changes."""

log = get(__name__)


class CatalogueWatch:
    """Looks at a folder again and again. Not for several threads at once."""

    def __init__(self, folder: Path, catalogue: Catalogue) -> None:
        self.broken = False
        self._folder = folder
        self._digest = catalogue.digest
        self._past = Past.of(catalogue)
        self._seen: Mark | None = None
        self._read: Mark | None = None

    def look(self) -> Catalogue | None:
        """The catalogue of the files when its content is another than the last; blocks a moment.

        Files are read when two looks found them the same, so that nothing half written counts.
        Raises CatalogueError once for each state of the files that does not hold together, or takes
        from a survey what it must keep.
        """
        mark = _mark(self._folder)
        settled, self._seen = mark == self._seen, mark
        if not settled or mark == self._read:
            return None
        self._read = mark
        self.broken = True
        catalogue = load_catalogue(self._folder)
        past = self._past.followed_by(catalogue)
        self.broken = False
        if _mark(self._folder) != mark:
            self._read = None  # written while we read: look again
            return None
        self._past = past
        changed = catalogue.digest != self._digest
        self._digest = catalogue.digest
        return catalogue if changed else None


async def follow_catalogue(
    folder: Path, catalogue: Catalogue, take: Callable[[Catalogue], None], stop: asyncio.Event
) -> None:
    """Call `take` with each new catalogue until `stop`. Files that do not hold are logged once,
    show in a metric, and change nothing."""
    watch = CatalogueWatch(folder, catalogue)
    while not stop.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await stop.wait()
        try:
            found = await asyncio.to_thread(watch.look)
        except CatalogueError as error:
            log.error("catalogue cannot be used, the one before it stays", error=str(error))
            found = None
        metrics.CATALOGUE_BROKEN.set(watch.broken)
        if found is not None:
            log.info("catalogue read", catalogue=found.digest)
            take(found)


def _mark(folder: Path) -> Mark:
    """An editor replaces a file, a config map its folder: inode and time show both."""
    marks = []
    try:
        for path in sorted(folder.glob("*.yaml")):
            stat = path.stat()
            marks.append((path.name, stat.st_ino, stat.st_size, stat.st_mtime_ns))
    except OSError:
        return ()  # replaced in this moment: the next look finds it
    return tuple(marks)
