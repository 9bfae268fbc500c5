"""Checkpoint segments: a cut comes back whole, or with one kind of error."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.breaker import BreakerCut
from pipeline.core.cut import Cut, GroupCut
from pipeline.core.updates import Group, Totals
from pipeline.wire import segments
from pipeline.wire.cuts import decode_cut, encode_cut

words = st.text(max_size=8)
longs = st.integers(0, 2**60)
U32 = st.integers(0, 2**32 - 1)


measures = st.lists(st.tuples(words, words), min_size=1, max_size=3).map(tuple)


@st.composite
def groups(draw: st.DrawFn) -> GroupCut:
    layout = draw(measures)
    counts = st.lists(U32, min_size=6 * len(layout), max_size=6 * len(layout)).map(tuple)
    panes = st.lists(st.tuples(U32, counts), max_size=4).map(tuple)
    group = draw(st.builds(Group, words, words, words, words))
    return GroupCut(group, layout, draw(longs), draw(panes), draw(panes))


cuts = st.builds(
    Cut,
    partition=longs,
    generation=longs,
    start_offset=longs,
    next_offset=longs,
    watermark=longs,
    as_of=longs,
    floor=st.integers(-1, 10**6),
    catalogue=words,
    totals=st.builds(Totals, **{field.name: longs for field in fields(Totals)}),
    full=st.booleans(),
    groups=st.lists(groups(), max_size=3).map(tuple),
    breaker=st.builds(
        BreakerCut, longs, st.lists(st.tuples(longs, longs, longs), max_size=3).map(tuple)
    ),
    held=st.lists(st.tuples(words, measures), max_size=2).map(tuple),
    ids=st.integers(0, 5).map(lambda number: bytes(range(27)) * number),
)


@pytest.fixture(scope="module", autouse=True)
def small_segments() -> object:
    """Segments of 64 bytes, so that small cuts have many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "SEGMENT", 64)
        yield


@given(cuts)
def test_a_cut_comes_back(cut: Cut) -> None:
    assert decode_cut(encode_cut(cut)) == cut


@given(cuts, st.data())
def test_segments_missing_torn_repeated_or_out_of_order_are_refused(
    cut: Cut, data: st.DataObject
) -> None:
    whole = encode_cut(cut)
    at = data.draw(st.integers(0, len(whole) - 1))
    flip = data.draw(st.integers(0, 8 * len(whole[at]) - 1))
    torn = bytearray(whole[at])
    torn[flip // 8] ^= 1 << flip % 8
    wrong = [
        [*whole[:at], *whole[at + 1 :]],
        [*whole[:at], whole[at], *whole[at:]],
        [*whole, whole[at]],
        [*whole[:at], bytes(torn), *whole[at + 1 :]],
        [*whole[:at], whole[at][: data.draw(st.integers(0, len(whole[at]) - 1))], *whole[at + 1 :]],
        whole[at:] + whole[:at] if at else [],
    ]
    for broken in wrong:
        with pytest.raises(ValueError, match=r"segment|cut"):
            decode_cut(broken)


@given(cuts, st.data())
def test_segments_of_two_cuts_do_not_make_one(cut: Cut, data: st.DataObject) -> None:
    ours, theirs = (encode_cut(replace(cut, ids=ids * 27)) for ids in (b"o", b"t"))
    at = data.draw(st.integers(1, len(ours) - 1))
    for mixed in ([*ours[:at], *theirs[at:]], [*theirs[:at], *ours[at:]]):
        with pytest.raises(ValueError, match="segments"):
            decode_cut(mixed)
