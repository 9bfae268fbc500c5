"""Well sealed segments of what is no cut: one kind of error, and no large allocation."""

from __future__ import annotations

import json
import struct
import tracemalloc

import pytest
import zstandard

from pipeline.core.cut import Cut
from pipeline.core.ids import ENTRY
from pipeline.core.updates import Totals
from pipeline.wire.cuts import decode_cut, encode_cut
from pipeline.wire.segments import seal

PLAIN = Cut(0, 1, 0, 9, 5, 6, 0, "c", Totals(), True, (), b"")


def content(head: object, panes: bytes = b"", ids: bytes = b"") -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<I", len(text)) + text + panes + ids


HEAD = {
    **dict.fromkeys(("partition", "generation", "start_offset", "next_offset"), 0),
    **dict.fromkeys(("watermark", "as_of", "floor"), 0),
    "catalogue": "c",
    "totals": {},
    "full": True,
}
GROUP = {"group": ["a", "b", "c", "d"], "measures": [["trust", "thumbs"]], "last_at": 0}


def with_groups(*entries: object, panes: bytes | None = None, **changes: object) -> bytes:
    packed = zstandard.compress(b"") if panes is None else panes
    return content({**HEAD, "groups": entries, "panes": len(packed), **changes}, packed)


ONE_HOUR = {**GROUP, "hours": 1, "minutes": 0}
TEBIBYTE = {**GROUP, "hours": 2**40 // 28, "minutes": 0}
BOMB = zstandard.ZstdCompressor().compress(bytes(40 * 2**20))
CLAIM = (
    b"\x28\xb5\x2f\xfd\xe0" + (2**40).to_bytes(8, "little") + b"\x01\x00\x00"
)  # 1 TiB of nothing
UNSIZED = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(28))

FOREIGN = {
    "nothing": b"",
    "a head of gigabytes": struct.pack("<I", 2**32 - 1) + b"{}",
    "no JSON": content(b"{"),
    "no UTF-8": content(b'"\xff"'),
    "a number": content(7),
    "a list": content([]),
    "an empty object": content({}),
    "brackets without end": content(b"[" * 100_000),
    "no groups": content({**HEAD, "panes": 0}),
    "groups that are a number": content({**HEAD, "groups": 7, "panes": 0}),
    "no panes": with_groups(panes=b""),
    "panes that are no zstd": with_groups(panes=b"panes"),
    "panes that end early": with_groups(ONE_HOUR),
    "panes nobody named": with_groups(panes=zstandard.compress(bytes(28))),
    "panes cut in a number": with_groups(panes=zstandard.compress(bytes(3))),
    "hours without end": with_groups({**GROUP, "hours": 10**30, "minutes": 0}),
    "hours that are a word": with_groups({**GROUP, "hours": "many", "minutes": 0}),
    "less than no hours": with_groups({**GROUP, "hours": -1, "minutes": 1}),
    "a group of three": with_groups({**GROUP, "group": ["a", "b", "c"], "hours": 0, "minutes": 0}),
    "measures of three": with_groups({**GROUP, "measures": [[1, 2, 3]], "hours": 0, "minutes": 0}),
    "unknown totals": with_groups(totals={"lost": 1}),
    "panes of negative length": content({**HEAD, "groups": [], "panes": -5}),
    "an offset that is a word": with_groups(next_offset="all"),
    "a bomb": with_groups(ONE_HOUR, panes=BOMB),
    "a claim of a tebibyte": with_groups(ONE_HOUR, panes=CLAIM),
    "a claim its head agrees with": with_groups(TEBIBYTE, panes=CLAIM),
    "panes that do not say their size": with_groups(ONE_HOUR, panes=UNSIZED),
    "ids cut short": with_groups() + bytes(ENTRY - 1),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_content_is_refused_without_a_large_allocation(name: str) -> None:
    segments = seal(FOREIGN[name])
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"cut|panes|ids"):
            decode_cut(segments)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000
    assert decode_cut(encode_cut(PLAIN)) == PLAIN
