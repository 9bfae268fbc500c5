"""Uploads are counted as they are decoded."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from pipeline.store.embedded.body import Body
from pipeline.store.embedded.failures import QueryError
from pipeline.store.embedded.limits import MIB


class Parts:
    def __init__(self, *parts: bytes) -> None:
        self._parts = list(parts)

    async def readany(self) -> bytes:
        return self._parts.pop(0) if self._parts else b""


async def test_pieces_are_gathered_to_the_size_asked_for() -> None:
    body = Body(Parts(b"ab", b"cd", b"ef"), "", 100)
    assert await body.at_least(3) == b"abcd"
    assert await body.at_least(3) == b"ef"
    assert await body.at_least(3) == b""


@pytest.mark.parametrize("encoding", ["", "gzip"])
async def test_a_body_over_the_limit_is_refused_by_its_plain_size(encoding: str) -> None:
    plain = bytes(3 * MIB)
    body = Body(Parts(gzip.compress(plain) if encoding else plain), encoding, 2 * MIB)
    with pytest.raises(QueryError) as caught:
        await body.at_least(4 * MIB)
    assert (caught.value.code, caught.value.status) == (307, 413)


class Trickle:
    async def readany(self) -> bytes:
        await asyncio.sleep(0.02)
        return b"a"


async def test_a_body_that_trickles_in_is_given_up() -> None:
    body = Body(Trickle(), "", MIB, piece_seconds=0.1)
    with pytest.raises(QueryError) as caught:
        await body.at_least(1000)
    assert (caught.value.code, caught.value.status) == (209, 408)


async def test_an_unknown_encoding_names_the_known_ones() -> None:
    with pytest.raises(QueryError, match="gzip"):
        Body(Parts(), "br", 10)
