"""Repair notes that wait for their raw rows, and how far the commit may go meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pipeline.core.updates import Group
from pipeline.sink.rows import Note

MOST_HELD = 200_000
"""Hours held before no more scores are read: 29 days of 280 groups, some 50 MB."""

Reach = Mapping[tuple[int, int], int]
"""(generation, partition) → the offset below which raw rows and outcomes are all stored."""

_Key = tuple[Group, int, int, int]


class HeldNotes:
    """Notes by group, partition, generation and hour; of those ready, the newest is worked off."""

    def __init__(self) -> None:
        self._notes: dict[_Key, dict[int, Note]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def full(self) -> bool:
        """No more should be read before some are worked off."""
        return self._count >= MOST_HELD

    def add(self, notes: Iterable[Note]) -> None:
        """Hold notes; one that is read again replaces itself, and keeps its lower source offset."""
        for note in notes:
            for hour in note.hours:
                key = (note.group, note.partition, note.generation, hour)
                versions = self._notes.setdefault(key, {})
                known = versions.get(note.version)
                if known is None:
                    self._count += 1
                    versions[note.version] = replace(note, hours=(hour,))

    def partitions(self) -> set[tuple[int, int]]:
        """(generation, partition) of the raw rows waited for."""
        return {(generation, partition) for _, partition, generation, _ in self._notes}

    def ready(self, reach: Reach) -> list[Note]:
        """For each hour the newest note that can be recounted now, with the measures of those
        before it: a question may have left the catalogue since. Hours of one update together."""
        merged: dict[Note, list[int]] = {}
        for (_, partition, generation, hour), versions in self._notes.items():
            limit = reach.get((generation, partition), -1)
            fit = [
                version for version in sorted(versions) if versions[version].next_offset <= limit
            ]
            if fit:
                newest = versions[fit[-1]]
                asked = dict.fromkeys(one for v in reversed(fit) for one in versions[v].measures)
                whole = replace(newest, measures=tuple(asked), hours=())
                merged.setdefault(whole, []).append(hour)
        return [replace(note, hours=tuple(sorted(hours))) for note, hours in merged.items()]

    def done(self, notes: Iterable[Note]) -> None:
        """Let go of worked-off notes, and of older ones for the same hours: they change nothing."""
        for note in notes:
            for hour in note.hours:
                key = (note.group, note.partition, note.generation, hour)
                versions = self._notes.get(key, {})
                for version in [v for v in versions if v <= note.version]:
                    del versions[version]
                    self._count -= 1
                if not versions:
                    self._notes.pop(key, None)

    def drop(self, partitions: Iterable[int]) -> None:
        """Forget notes of these partitions of the score topic: another sink reads them again."""
        gone = set(partitions)
        for key, versions in list(self._notes.items()):
            for version in [v for v, note in versions.items() if note.source[0] in gone]:
                del versions[version]
                self._count -= 1
            if not versions:
                del self._notes[key]

    def floors(self) -> dict[int, int]:
        """Partition of the score topic → lowest offset still needed; no commit may pass it."""
        lowest: dict[int, int] = {}
        for versions in self._notes.values():
            for note in versions.values():
                partition, offset = note.source
                lowest[partition] = min(offset, lowest.get(partition, offset))
        return lowest
