"""Which checkpoint to restore: the newest whose every piece is there and intact. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

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


class Flaw(NamedTuple):
    """Why a checkpoint cannot be used; `next_offset` is -1 when its manifest does not say."""

    owner: Owner
    number: int
    next_offset: int
    why: str


@dataclass(frozen=True, slots=True)
class Stock:
    """What a partition of the checkpoint topic holds; `unreadable` are damaged manifests."""

    manifests: tuple[Manifest, ...]
    unreadable: tuple[Flaw, ...]

    @property
    def empty(self) -> bool:
        """No checkpoint of this generation was ever completed here."""
        return not self.manifests and not self.unreadable


def take_stock(records: Records, generation: int) -> Stock:
    """Look over the records: manifests of `generation`, the best first."""
    manifests = []
    unreadable = []
    for key, value in records.items():
        parsed = parse_key(key)
        if parsed is None or not parsed.is_manifest:
            continue
        try:
            manifest = decode_manifest(value)
        except ValueError as error:
            unreadable.append(Flaw(parsed.owner, parsed.number, -1, str(error)))
            continue
        if (manifest.owner, manifest.number) != (parsed.owner, parsed.number):
            foreign = f"its manifest is that of {manifest.owner.prefix}/{manifest.number:08x}"
            unreadable.append(Flaw(parsed.owner, parsed.number, -1, foreign))
        elif manifest.generation == generation:
            manifests.append(manifest)
    manifests.sort(key=lambda m: (m.owner.epoch, m.next_offset, m.number), reverse=True)
    return Stock(tuple(manifests), tuple(unreadable))


def _unheard(flaw: Flaw) -> None:
    """For those who only want a chain."""


def intact_chains(
    records: Records, found: Stock, passed_over: Callable[[Flaw], None] = _unheard
) -> Iterator[Chain]:
    """Every chain that is complete, the best first: highest epoch, then highest `next_offset`.
    `passed_over` hears of each checkpoint that is not."""
    numbered: defaultdict[Owner, dict[int, Manifest]] = defaultdict(dict)
    for manifest in found.manifests:
        numbered[manifest.owner][manifest.number] = manifest
    for manifest in found.manifests:
        chain = _assemble(records, numbered[manifest.owner], manifest)
        if isinstance(chain, Chain):
            yield chain
        else:
            place = (manifest.owner, manifest.number, manifest.next_offset)
            passed_over(Flaw(*place, chain))


def _assemble(records: Records, own: Mapping[int, Manifest], last: Manifest) -> Chain | str:
    """The chain up to `last`, or what it lacks."""
    cuts = []
    keys: set[bytes] = set()
    for number in range(last.base, last.number + 1):
        link = own.get(number)
        if link is None or link.base != last.base:
            return f"checkpoint {number} of its chain is missing"
        pieces = [_fetch(records, piece) for piece in link.segments]
        if None in pieces or not pieces:
            return f"a segment of checkpoint {number} is missing or damaged"
        cuts.append(tuple(piece for piece in pieces if piece is not None))
        keys.update(key.encode() for key, _ in (*link.segments, link.catalogue_piece))
        keys.add(f"{link.owner.prefix}/{link.number:08x}/manifest".encode())
    catalogue = _fetch(records, last.catalogue_piece)
    if catalogue is None or not cuts:
        return "its catalogue is missing or damaged"
    return Chain(last, tuple(cuts), catalogue, frozenset(keys))


def _fetch(records: Records, piece: Piece) -> bytes | None:
    value = records.get(piece.key.encode())
    return value if value is not None and checksum(value) == piece.checksum else None
