"""Content-Encoding both ways: lz4, zstd, gzip, deflate, or none."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Protocol

import lz4.frame
from backports import zstd

from pipeline.store.embedded.failures import CANNOT_DECOMPRESS, NOT_IMPLEMENTED, QueryError
from pipeline.store.embedded.limits import MIB

GZIP_LEVEL = 1
"""Everything stays on one machine: speed before size."""


ZSTD_WINDOW_LOG = 23
"""8 MiB: what RFC 8878 asks a decoder to take. A head may ask for 2 GiB before any data comes."""


def _zstd() -> zstd.ZstdDecompressor:
    return zstd.ZstdDecompressor(
        options={zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG}
    )


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Lz4Compressor(Protocol):
    def begin(self) -> bytes: ...
    def compress(self, data: bytes) -> bytes: ...
    def flush(self) -> bytes: ...


class _Zlib:
    """zlib's object behind the interface that lz4 and zstd share; takes gzip and zlib heads."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=47)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


_DECOMPRESSORS: dict[str, Callable[[], _Decompressor]] = {
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": _zstd,
    "gzip": _Zlib,
    "deflate": _Zlib,
}


class Decoder:
    """Undoes one encoding piece by piece; several frames one after the other are one stream."""

    def __init__(self, encoding: str) -> None:
        """Raises QueryError 48 for an encoding that is not one of ours."""
        self._make = _DECOMPRESSORS.get(encoding)
        if self._make is None and encoding not in ("", "identity"):
            known = ", ".join(_DECOMPRESSORS)
            raise QueryError(NOT_IMPLEMENTED, f"Content-Encoding {encoding}: send {known} or none")
        self._inner: _Decompressor | None = None
        self._pending = b""

    def feed(self, data: bytes) -> None:
        """Takes encoded bytes."""
        self._pending += data

    def take(self) -> bytes:
        """At most 1 MiB of plain bytes; empty when more input is needed.

        Raises:
            QueryError: 271, the bytes are not what the header says.
        """
        if self._make is None:
            data, self._pending = self._pending, b""
            return data
        try:
            return self._step(self._make)
        except (RuntimeError, zstd.ZstdError, zlib.error, EOFError) as error:
            raise QueryError(CANNOT_DECOMPRESS, f"Cannot decompress the body: {error}") from error

    def _step(self, make: Callable[[], _Decompressor]) -> bytes:
        while True:
            if self._inner is None or self._inner.eof:
                if not self._pending:
                    return b""
                self._inner = make()
            elif self._inner.needs_input and not self._pending:
                return b""
            data, self._pending = self._pending, b""
            plain = self._inner.decompress(data, MIB)
            if self._inner.eof:
                self._pending = self._inner.unused_data or b""
            if plain:
                return plain

    def finish(self) -> None:
        """The input has ended. Raises QueryError 271 when it ended too early."""
        if self._make is not None and self._inner is not None and not self._inner.eof:
            raise QueryError(CANNOT_DECOMPRESS, "Cannot decompress the body: it is cut short")


class Encoder:
    """Applies one encoding; every piece given comes out at once, so that streams do not stall."""

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        self._lz4: _Lz4Compressor | None = None
        self._zstd: zstd.ZstdCompressor | None = None
        self._zlib: zlib._Compress | None = None
        self._head = b""
        if encoding == "lz4":
            make: Callable[..., _Lz4Compressor] = lz4.frame.LZ4FrameCompressor
            self._lz4 = make(auto_flush=True)
            self._head = self._lz4.begin()
        elif encoding == "zstd":
            self._zstd = zstd.ZstdCompressor(level=1)
        elif encoding:
            self._zlib = zlib.compressobj(GZIP_LEVEL, wbits=31 if encoding == "gzip" else 15)

    def encode(self, data: bytes) -> bytes:
        """The encoded form of the next piece."""
        if self._lz4 is not None:
            head, self._head = self._head, b""
            return head + self._lz4.compress(data)
        if self._zstd is not None:
            return self._zstd.compress(data, zstd.ZstdCompressor.FLUSH_BLOCK)
        if self._zlib is not None:
            return self._zlib.compress(data) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
        return data

    def finish(self) -> bytes:
        """What closes the stream."""
        if self._lz4 is not None:
            return self._head + self._lz4.flush()
        if self._zstd is not None:
            return self._zstd.flush()
        return self._zlib.flush() if self._zlib is not None else b""


def choose(accepted: str) -> str:
    """The encoding for a reply: the fastest that the client takes, or none."""
    offered = {part.split(";")[0].strip().lower() for part in accepted.split(",")}
    return next((name for name in ("lz4", "zstd", "gzip", "deflate") if name in offered), "")
