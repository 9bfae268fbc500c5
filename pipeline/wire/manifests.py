"""What `cx.checkpoints` holds besides cuts: keys, claims, manifests.

    <epoch>/<owner>/claim               an owner takes an epoch; the first claim in the log wins it
    <epoch>/<owner>/catalogue/<digest>  the catalogue that the fold uses, compressed
    <epoch>/<owner>/<number>/<piece>    one segment of a cut
    <epoch>/<owner>/<number>/manifest   written last: names every piece, so that it stands for all
    resume                              which pauses of the breaker an operator has lifted
    generation/<generation>             see `generations`

Epoch, number and generation are eight hex digits. A manifest names only keys of its own epoch and
owner, so a writer that lost its partition can never damage the checkpoint of the one that follows.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass
from typing import Final, NamedTuple, NotRequired, TypedDict, cast

FORMAT: Final = 1
"""Rises when old programs could no longer read what new ones write."""

_CHECKSUM: Final = 8
_KEY = re.compile(rb"([0-9a-f]{8})/([0-9a-z]+)/(?:(claim)|catalogue/[0-9a-f]+|([0-9a-f]{8})/(.+))")


class Owner(NamedTuple):
    """Who writes: `epoch` orders owners of one partition, `name` is unique to a tenure."""

    epoch: int
    name: str

    @property
    def prefix(self) -> str:
        """What each of the owner's keys begins with."""
        return f"{self.epoch:08x}/{self.name}"


class Piece(NamedTuple):
    """One record that a manifest stands for, and the CRC-32 of its value."""

    key: str
    checksum: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """One checkpoint: the cut up to `next_offset`. `base` is the number of the full cut of its
    chain, equal to `number` when this one is full; the manifests between are needed as well.
    `tripped_at` is where the breaker of the partition tripped last, 0: never."""

    owner: Owner
    number: int
    base: int
    partition: int
    generation: int
    next_offset: int
    watermark: int
    catalogue: str
    catalogue_piece: Piece
    segments: tuple[Piece, ...]
    tripped_at: int = 0


class Key(NamedTuple):
    """A parsed key; `number` is -1 for claims and catalogues."""

    owner: Owner
    number: int
    is_claim: bool
    is_manifest: bool


class _Body(TypedDict):
    format: int
    epoch: int
    owner: str
    number: int
    base: int
    partition: int
    generation: int
    next_offset: int
    watermark: int
    catalogue: str
    catalogue_piece: list[str | int]
    segments: list[list[str | int]]
    tripped_at: NotRequired[int]  # not in manifests of before there was a breaker


def claim_key(owner: Owner) -> bytes:
    """Where an owner claims its epoch."""
    return f"{owner.prefix}/claim".encode()


def catalogue_key(owner: Owner, digest: str) -> bytes:
    """Where an owner keeps the catalogue with this digest."""
    return f"{owner.prefix}/catalogue/{digest}".encode()


def segment_key(owner: Owner, number: int, piece: int) -> bytes:
    """Where one segment of the owner's cut `number` goes."""
    return f"{owner.prefix}/{number:08x}/{piece}".encode()


def manifest_key(owner: Owner, number: int) -> bytes:
    """Where the manifest of the owner's cut `number` goes."""
    return f"{owner.prefix}/{number:08x}/manifest".encode()


def parse_key(key: bytes) -> Key | None:
    """What a key stands for; None when it is none of an owner's."""
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    epoch, name, claim, number, piece = match.groups()
    owner = Owner(int(epoch, 16), name.decode())
    return Key(owner, int(number, 16) if number else -1, claim is not None, piece == b"manifest")


def checksum(value: bytes) -> int:
    """CRC-32, enough to notice damage; nobody hostile writes this topic."""
    return zlib.crc32(value)


def encode_manifest(manifest: Manifest) -> bytes:
    """Eight hex digits of CRC-32, a space, then JSON that an operator can read."""
    body = _Body(
        format=FORMAT,
        epoch=manifest.owner.epoch,
        owner=manifest.owner.name,
        number=manifest.number,
        base=manifest.base,
        partition=manifest.partition,
        generation=manifest.generation,
        next_offset=manifest.next_offset,
        watermark=manifest.watermark,
        catalogue=manifest.catalogue,
        catalogue_piece=list(manifest.catalogue_piece),
        segments=[list(piece) for piece in manifest.segments],
        tripped_at=manifest.tripped_at,
    )
    text = json.dumps(body, separators=(",", ":")).encode()
    return b"%08x %b" % (checksum(text), text)


def decode_manifest(value: bytes) -> Manifest:
    """The manifest in `value`. Raises ValueError when it is damaged or of another format."""
    text = value[_CHECKSUM + 1 :]
    if value[: _CHECKSUM + 1] != b"%08x " % checksum(text):
        raise ValueError("manifest does not match its checksum")
    try:
        body = cast(_Body, json.loads(text))
        if body["format"] != FORMAT:
            raise ValueError(f"manifest has format {body['format']}, this program reads {FORMAT}")
        return Manifest(
            owner=Owner(body["epoch"], body["owner"]),
            number=body["number"],
            base=body["base"],
            partition=body["partition"],
            generation=body["generation"],
            next_offset=body["next_offset"],
            watermark=body["watermark"],
            catalogue=body["catalogue"],
            catalogue_piece=_piece(body["catalogue_piece"]),
            segments=tuple(map(_piece, body["segments"])),
            tripped_at=body.get("tripped_at", 0),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a manifest: {type(error).__name__}") from None


def _piece(raw: list[str | int]) -> Piece:
    key, crc = raw
    return Piece(str(key), int(crc))
