"""Manifests and keys of the checkpoint topic."""

from __future__ import annotations

import pytest

from pipeline.wire.manifests import (
    FORMAT,
    Manifest,
    Owner,
    Piece,
    catalogue_key,
    claim_key,
    decode_manifest,
    encode_manifest,
    manifest_key,
    parse_key,
    segment_key,
)

OWNER = Owner(3, "abc123")
MANIFEST = Manifest(
    owner=OWNER,
    number=9,
    base=4,
    partition=1,
    generation=1,
    next_offset=1 << 40,
    watermark=1_700_000_000_000,
    catalogue="00ff",
    catalogue_piece=Piece("00000003/abc123/catalogue/00ff", 7),
    segments=(Piece("00000003/abc123/00000009/0", 1), Piece("00000003/abc123/00000009/1", 2)),
    tripped_at=77,
)


def test_a_manifest_comes_back_as_it_was() -> None:
    assert decode_manifest(encode_manifest(MANIFEST)) == MANIFEST


def test_any_changed_byte_is_noticed() -> None:
    good = encode_manifest(MANIFEST)
    for at in range(len(good)):
        bad = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        with pytest.raises(ValueError, match="manifest"):
            decode_manifest(bad)
    with pytest.raises(ValueError, match="manifest"):
        decode_manifest(b"")


def test_a_later_format_is_refused_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.wire.manifests.FORMAT", FORMAT + 1)
    later = encode_manifest(MANIFEST)
    monkeypatch.undo()
    with pytest.raises(ValueError, match=f"format {FORMAT + 1}"):
        decode_manifest(later)


def test_every_key_begins_with_epoch_and_owner_and_says_what_it_is() -> None:
    keys = (
        claim_key(OWNER),
        catalogue_key(OWNER, "00ff"),
        segment_key(OWNER, 9, 0),
        manifest_key(OWNER, 9),
    )
    parsed = [parse_key(key) for key in keys]
    assert all(key.startswith(b"00000003/abc123/") for key in keys)
    assert [(p.owner, p.number, p.is_claim, p.is_manifest) for p in parsed if p] == [
        (OWNER, -1, True, False),
        (OWNER, -1, False, False),
        (OWNER, 9, False, False),
        (OWNER, 9, False, True),
    ]


@pytest.mark.parametrize("key", [b"", b"generation", b"3/abc/claim", b"00000003//claim", b"x" * 40])
def test_a_foreign_key_is_nobodys(key: bytes) -> None:
    assert parse_key(key) is None
