"""Content-Encoding of the embedded server, piece by piece."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
from backports import zstd

from pipeline.store.embedded.coding import Decoder, Encoder, choose
from pipeline.store.embedded.failures import QueryError
from pipeline.store.embedded.limits import MIB

PLAIN = b"".join(b"%d\tresponse\n" % n for n in range(50_000))


def _lz4(data: bytes) -> bytes:
    encoder = Encoder("lz4")
    return encoder.encode(data) + encoder.finish()


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "lz4": _lz4,
    "zstd": zstd.compress,
}


def decode(encoding: str, data: bytes, step: int) -> bytes:
    decoder = Decoder(encoding)
    plain = b""
    for start in range(0, len(data), step):
        decoder.feed(data[start : start + step])
        while piece := decoder.take():
            assert len(piece) <= 2 * MIB
            plain += piece
    decoder.finish()
    return plain


@pytest.mark.parametrize("encoding", ENCODERS)
@pytest.mark.parametrize("step", [1_000, 10_000_000])
def test_several_frames_decode_as_one_stream(encoding: str, step: int) -> None:
    data = ENCODERS[encoding](PLAIN) + ENCODERS[encoding](b"") + ENCODERS[encoding](b"end")
    assert decode(encoding, data, step) == PLAIN + b"end"


@pytest.mark.parametrize("encoding", ENCODERS)
def test_a_bomb_comes_out_in_small_pieces(encoding: str) -> None:
    bomb = ENCODERS[encoding](bytes(64 * MIB))
    decoder = Decoder(encoding)
    decoder.feed(bomb)
    assert 0 < len(decoder.take()) <= 2 * MIB


@pytest.mark.parametrize("encoding", ENCODERS)
def test_cut_and_broken_streams_are_told(encoding: str) -> None:
    whole = ENCODERS[encoding](PLAIN)
    for data in (whole[:-5], b"this is plain text" * 10):
        with pytest.raises(QueryError) as caught:
            decode(encoding, data, 10_000)
        assert caught.value.code == 271


@pytest.mark.parametrize("encoding", [*ENCODERS, ""])
def test_what_is_encoded_in_pieces_decodes(encoding: str) -> None:
    encoder = Encoder(encoding)
    data = b"".join(encoder.encode(piece) for piece in (PLAIN, b"", b"tail")) + encoder.finish()
    assert decode(encoding, data, 65_536) == PLAIN + b"tail"


def test_the_fastest_accepted_encoding_is_chosen() -> None:
    assert choose("gzip, deflate, zstd;q=0.5, lz4") == "lz4"
    assert choose("br, gzip") == "gzip"
    assert choose("identity") == ""
