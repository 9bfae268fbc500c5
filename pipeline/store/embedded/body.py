"""The body of a request, decoded piece by piece and never held whole."""

from __future__ import annotations

import asyncio
from typing import Protocol

from pipeline.store.embedded.coding import Decoder
from pipeline.store.embedded.failures import SOCKET_TIMEOUT, TOO_LARGE, QueryError


class Upload(Protocol):
    """Where encoded bytes come from: aiohttp's StreamReader."""

    async def readany(self) -> bytes:
        """What has arrived; empty at the end."""


class Body:
    """Plain bytes out of an encoded upload; counts them against a limit."""

    def __init__(
        self, stream: Upload, encoding: str, limit: int, piece_seconds: float = 60.0
    ) -> None:
        self._stream = stream
        self._seconds = piece_seconds
        self._decoder = Decoder(encoding)
        self._limit = limit
        self._size = 0
        self._ended = False

    async def piece(self) -> bytes:
        """The next piece, at most about 1 MiB; empty at the end.

        Raises:
            QueryError: 307 when the body is too large, 271 when it cannot be decompressed.
        """
        while not self._ended:
            plain = self._decoder.take()
            if plain:
                self._size += len(plain)
                if self._size > self._limit:
                    raise QueryError(TOO_LARGE, f"The body is over {self._limit} bytes")
                return plain
            encoded = await self._stream.readany()
            if encoded:
                self._decoder.feed(encoded)
            else:
                self._ended = True
                self._decoder.finish()
        return b""

    async def at_least(self, size: int) -> bytes:
        """Pieces together until there are `size` bytes; fewer only at the end.

        Raises:
            QueryError: as `piece`, and 209 when they do not come in time.
        """
        pieces: list[bytes] = []
        total = 0
        try:
            async with asyncio.timeout(self._seconds):
                while total < size and (piece := await self.piece()):
                    pieces.append(piece)
                    total += len(piece)
        except TimeoutError:
            raise QueryError(
                SOCKET_TIMEOUT, f"{size} bytes of the body did not come in {self._seconds:g} s"
            ) from None
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
