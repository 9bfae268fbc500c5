"""Writes the checkpoints of one tenure of one partition: increments, now and then a full one.

The order is what makes them safe: pieces first, acknowledged; the manifest that names them last.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from typing import Final

from pipeline.core.catalogue import Catalogue
from pipeline.core.cut import Cut
from pipeline.score.outbox import Letter, Outbox
from pipeline.wire.catalogue_codec import catalogue_bytes
from pipeline.wire.cuts import encode_cut
from pipeline.wire.manifests import (
    Manifest,
    Owner,
    Piece,
    catalogue_key,
    checksum,
    encode_manifest,
    manifest_key,
    segment_key,
)

MAX_LINKS: Final = 256
"""Cuts in a chain: at one each two seconds a full one follows after some nine minutes, and a
restore reads at most some 500 records besides the full cut."""


@dataclass(slots=True)
class Written:
    """Keys of one chain of this owner, and how many bytes its increments have by now."""

    base: int
    full_bytes: int
    links: int = 1
    increment_bytes: int = 0
    keys: set[bytes] = field(default_factory=set)


class CheckpointWriter:
    """Numbers, chains and clears up. `stale` are keys that no restore needs once this owner's first
    checkpoint is complete; `previous` those of the restored chain, needed for one chain longer."""

    def __init__(
        self,
        outbox: Outbox,
        topic: str,
        partition: int,
        owner: Owner,
        catalogue: Catalogue,
        *,
        stale: Iterable[bytes] = (),
        previous: Iterable[bytes] = (),
    ) -> None:
        self.owner = owner
        self._outbox = outbox
        self._topic = topic
        self._partition = partition
        self._catalogue = catalogue
        self._catalogue_piece: Piece | None = None  # none yet: the next cut is full and writes it
        self._next_number = 0
        self._chain: Written | None = None
        self._stale = set(stale)
        self._previous = set(previous)

    @property
    def wants_full(self) -> bool:
        """The next cut must be full: the first of an owner or by another catalogue, or reading the
        chain costs too much."""
        chain = self._chain
        return (
            chain is None
            or self._catalogue_piece is None
            or chain.links >= MAX_LINKS
            or chain.increment_bytes > max(chain.full_bytes, 1_000_000)
        )

    def adopt(self, catalogue: Catalogue) -> None:
        """From the next cut on, checkpoints are by this catalogue: each chain is by one."""
        self._catalogue = catalogue
        self._catalogue_piece = None

    async def write(self, cut: Cut) -> int:
        """Make `cut` durable; returns its bytes. Everything it builds on was acknowledged before.

        Raises:
            KafkaError: something was not acknowledged; this owner must write nothing more.
        """
        number = self._next_number
        self._next_number += 1
        segments = encode_cut(cut)
        keys = [segment_key(self.owner, number, n) for n in range(len(segments))]
        letters = [self._letter(key, value) for key, value in zip(keys, segments, strict=True)]
        if self._catalogue_piece is None:
            letters.append(self._catalogue_letter(cut.catalogue))
        await self._outbox.post(letters)
        pieces = tuple(Piece(k.decode(), checksum(v)) for k, v in zip(keys, segments, strict=True))
        await self._outbox.post([self._manifest_letter(cut, number, pieces)])
        size = sum(map(len, segments))
        named = catalogue_key(self.owner, cut.catalogue)
        await self._record(cut.full, number, size, (*keys, named, manifest_key(self.owner, number)))
        return size

    def _letter(self, key: bytes, value: bytes | None) -> Letter:
        return Letter(self._topic, self._partition, key, value)

    def _catalogue_letter(self, digest: str) -> Letter:
        key = catalogue_key(self.owner, digest)
        packed = zlib.compress(catalogue_bytes(self._catalogue))
        self._catalogue_piece = Piece(key.decode(), checksum(packed))
        return self._letter(key, packed)

    def _manifest_letter(self, cut: Cut, number: int, pieces: tuple[Piece, ...]) -> Letter:
        assert self._catalogue_piece is not None
        manifest = Manifest(
            owner=self.owner,
            number=number,
            base=number if cut.full or self._chain is None else self._chain.base,
            partition=self._partition,
            generation=cut.generation,
            next_offset=cut.next_offset,
            watermark=cut.watermark,
            catalogue=cut.catalogue,
            catalogue_piece=self._catalogue_piece,
            segments=pieces,
            tripped_at=cut.breaker.tripped_at,
        )
        return self._letter(manifest_key(self.owner, number), encode_manifest(manifest))

    async def _record(self, full: bool, number: int, size: int, keys: Iterable[bytes]) -> None:
        chain = self._chain
        if chain is None or full:
            self._chain = Written(number, size, keys=set(keys))
            await self._clear_up(chain, self._chain.keys)
            return
        chain.links += 1
        chain.increment_bytes += size
        chain.keys.update(keys)

    async def _clear_up(self, old: Written | None, new: Set[bytes]) -> None:
        """Two complete chains stay: the one just begun, and the one before it."""
        if old is not None:
            self._stale |= self._previous
            self._previous = old.keys
        stale, self._stale = self._stale - self._previous - new, set()
        await self._outbox.post(self._letter(key, None) for key in sorted(stale))
