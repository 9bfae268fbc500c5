"""Remembered event ids: exact deduplication in under 32 bytes an id.

A hash table by linear hashing (Litwin, 1980): it grows one bucket at a time, so no single record
pays for a rehash of a million. A bucket is one immutable string of packed entries, searched by C.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

ID: Final = 16
CONTENT: Final = 8
STAMP: Final = 3
ENTRY: Final = ID + CONTENT + STAMP
"""128-bit id, 64-bit content hash, 22-bit hour (since 1970: fits until 2448), 2-bit state."""

_FILL: Final = 40
"""Entries a bucket on average. Measured at a million ids, resident: 31 bytes an id with 40, 35 with
12 (short strings fragment the heap), and no difference in time that showed."""


_SLICE: Final = 50_000 * ENTRY
"""Taken apart at a time: a million entries as objects would take 60 MB more."""

_NO_HOUR: Final = 1 << 22
"""Later than any hour that fits."""


class IdState(IntEnum):
    """What is known of an id."""

    COUNTED = 1
    RETRACTION_ONLY = 2  # taken back before the response came
    RETRACTED = 3  # counted, then taken back; or the other way round


COUNTED: Final = IdState.COUNTED
RETRACTION_ONLY: Final = IdState.RETRACTION_ONLY
"""Looked up for every record: an attribute of an enumeration costs ten times a name."""


class IdStore:
    """Event id → (content hash, hour, state). Ids of hours below `forget_before` are absent."""

    def __init__(self) -> None:
        self._buckets: list[bytes] = [b""]
        self._low = 0
        self._high = 1
        self._size = 0
        self._fresh = bytearray()
        self._oldest = _NO_HOUR  # no entry is of an earlier hour
        self._sweeping = False
        self._swept = 0  # buckets, in the round under way
        self.forget_before = 0

    def __len__(self) -> int:
        """Entries held; expired ones count until they are swept."""
        return self._size

    def learn(
        self, event_id: bytes, content: bytes, hour: int, state: IdState
    ) -> tuple[bytes, IdState] | None:
        """Remember an unknown id and return None; of a known one return content hash and state."""
        index = hash(event_id) & self._high
        if index >= len(self._buckets):
            index &= self._low
        entry = event_id + content + (hour << 2 | state).to_bytes(STAMP, "big")
        if event_id in self._buckets[index]:
            known = self._read(self._buckets[index], event_id)
            if known is None:
                self._store(entry)
            return known
        self._add(index, entry, hour)
        return None

    def put(self, event_id: bytes, content: bytes, hour: int, state: IdState) -> None:
        """Remember an id, or change what is known of it."""
        self._store(event_id + content + (hour << 2 | state).to_bytes(STAMP, "big"))

    def sweep(self, records: int) -> None:
        """Drop forgotten ids from a few buckets: twice as many as `records` new ids can fill.

        Once everything forgotten by now is dropped, nothing is done until more can have been.
        """
        if not self._sweeping:
            if self.forget_before <= self._oldest:
                return
            self._sweeping, self._swept, self._oldest = True, 0, self.forget_before
        end = min(len(self._buckets), self._swept + 1 + 2 * records // _FILL)
        for index in range(self._swept, end):
            bucket = self._buckets[index]
            kept = self._alive(bucket)
            if len(kept) != len(bucket):
                self._size -= (len(bucket) - len(kept)) // ENTRY
                self._buckets[index] = kept
        self._swept = end
        self._sweeping = end < len(self._buckets)

    def take_fresh(self) -> bytes:
        """The entries put since the last call, packed; a later one for the same id wins."""
        fresh, self._fresh = bytes(self._fresh), bytearray()
        return fresh

    def pack(self) -> bytes:
        """Every remembered entry, packed, in no particular order."""
        return b"".join(self._alive(bucket) for bucket in self._buckets)

    def unpack(self, packed: bytes, whole: bool) -> None:
        """Put what `pack` (`whole`) or `take_fresh` gave; does not count as fresh."""
        if whole and not self._size:
            self._fill(packed)
        else:  # what is fresh may hold an id twice, even where nothing is held yet
            for entry in _entries(packed):
                self._store(entry)
        self._fresh = bytearray()
        self._oldest = 0  # not known before a round is over

    def _fill(self, packed: bytes) -> None:
        """Lay out the ids of a whole store, of which none comes twice, without any growing."""
        self._size = len(packed) // ENTRY
        number = max(1, -(-self._size // _FILL))
        self._low = low = (1 << number.bit_length() - 1) - 1
        self._high = high = low << 1 | 1
        self._buckets = buckets = [b""] * number
        for start in range(0, len(packed), _SLICE):
            for entry in _entries(packed[start : start + _SLICE]):
                index = hash(entry[:ID]) & high
                buckets[index if index < number else index & low] += entry

    def _read(self, bucket: bytes, event_id: bytes) -> tuple[bytes, IdState] | None:
        at = _find(bucket, event_id)
        stamp = int.from_bytes(bucket[at + ID + CONTENT : at + ENTRY], "big")
        if at < 0 or stamp >> 2 < self.forget_before:
            return None
        return bucket[at + ID : at + ID + CONTENT], IdState(stamp & 3)

    def _store(self, entry: bytes) -> None:
        # Python's keyed hash: ids chosen by a hostile producer cannot be steered into one bucket.
        index = hash(entry[:ID]) & self._high
        if index >= len(self._buckets):
            index &= self._low
        bucket = self._buckets[index]
        at = _find(bucket, entry[:ID])
        if at < 0:
            self._add(index, entry, _hour(entry))
        else:
            self._buckets[index] = bucket[:at] + entry + bucket[at + ENTRY :]
            self._fresh += entry
            self._oldest = min(self._oldest, _hour(entry))

    def _add(self, index: int, entry: bytes, hour: int) -> None:
        self._buckets[index] += entry
        self._fresh += entry
        self._size += 1
        if hour < self._oldest:
            self._oldest = hour
        if self._size > len(self._buckets) * _FILL:
            self._split()

    def _split(self) -> None:
        """Move the entries that belong there from the next bucket in line to a new last one."""
        new = len(self._buckets)
        source = new & self._low
        stay: list[bytes] = []
        move: list[bytes] = []
        for entry in _entries(self._buckets[source]):
            (move if hash(entry[:ID]) & self._high == new else stay).append(entry)
        self._buckets[source] = b"".join(stay)
        self._buckets.append(b"".join(move))
        if new == self._high:
            self._low = self._high
            self._high = self._high << 1 | 1

    def _alive(self, bucket: bytes) -> bytes:
        limit = (self.forget_before << 2).to_bytes(STAMP, "big")
        kept = [entry for entry in _entries(bucket) if entry[ID + CONTENT :] >= limit]
        return bucket if len(kept) * ENTRY == len(bucket) else b"".join(kept)


def _find(bucket: bytes, event_id: bytes) -> int:
    """Where the entry of `event_id` starts, or -1; a match across entries is not one."""
    at = bucket.find(event_id)
    while at >= 0 and at % ENTRY:
        at = bucket.find(event_id, at + 1)
    return at


def _hour(entry: bytes) -> int:
    return int.from_bytes(entry[ID + CONTENT :], "big") >> 2


def _entries(packed: bytes) -> list[bytes]:
    return [packed[at : at + ENTRY] for at in range(0, len(packed), ENTRY)]
