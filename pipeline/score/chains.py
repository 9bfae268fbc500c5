"""Which checkpoint to restore: the newest whose every piece is there and intact. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.wire.manifests import (
    Manifest,
    Owner,
    Piece,
    checksum,
    decode_manifest,
    parse_key,
)

Records = Mapping[bytes, bytes]
"""The live records of one partition of the checkpoint topic: the last value of each key."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A full cut, the increments after it, the catalogue of the last; `keys` are theirs."""

    last: Manifest
    cuts: tuple[tuple[bytes, ...], ...]
    catalogue: bytes
    keys: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Stock:
    """What a partition of the checkpoint topic holds. `unreadable` counts damaged manifests."""

    manifests: tuple[Manifest, ...]
    unreadable: int

    @property
    def empty(self) -> bool:
        """No checkpoint of this generation was ever completed here."""
        return not self.manifests and not self.unreadable


def take_stock(records: Records, generation: int) -> Stock:
    """Look over the records: manifests of `generation`, the best first."""
    manifests = []
    unreadable = 0
    for key, value in records.items():
        parsed = parse_key(key)
        if parsed is None or not parsed.is_manifest:
            continue
        try:
            manifest = decode_manifest(value)
        except ValueError:
            unreadable += 1
            continue
        if (manifest.owner, manifest.number) != (parsed.owner, parsed.number):
            unreadable += 1
        elif manifest.generation == generation:
            manifests.append(manifest)
    manifests.sort(key=lambda m: (m.owner.epoch, m.next_offset, m.number), reverse=True)
    return Stock(tuple(manifests), unreadable)


def intact_chains(records: Records, found: Stock) -> Iterator[Chain]:
    """Every chain that is complete, the best first: highest epoch, then highest `next_offset`."""
    numbered: defaultdict[Owner, dict[int, Manifest]] = defaultdict(dict)
    for manifest in found.manifests:
        numbered[manifest.owner][manifest.number] = manifest
    for manifest in found.manifests:
        chain = _assemble(records, numbered[manifest.owner], manifest)
        if chain is not None:
            yield chain


def _assemble(records: Records, own: Mapping[int, Manifest], last: Manifest) -> Chain | None:
    links = [own.get(number) for number in range(last.base, last.number + 1)]
    cuts = []
    keys: set[bytes] = set()
    for link in links:
        if link is None or link.base != last.base:
            return None
        pieces = [_fetch(records, piece) for piece in link.segments]
        if None in pieces or not pieces:
            return None
        cuts.append(tuple(piece for piece in pieces if piece is not None))
        keys.update(key.encode() for key, _ in (*link.segments, link.catalogue_piece))
        keys.add(f"{link.owner.prefix}/{link.number:08x}/manifest".encode())
    catalogue = _fetch(records, last.catalogue_piece)
    if catalogue is None or not cuts:
        return None
    return Chain(last, tuple(cuts), catalogue, frozenset(keys))


def _fetch(records: Records, piece: Piece) -> bytes | None:
    value = records.get(piece.key.encode())
    return value if value is not None and checksum(value) == piece.checksum else None
