"""Remembered ids behave like a plain dict, whatever the ids look like, in under 32 bytes each."""

from __future__ import annotations

import tracemalloc
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.ids import ENTRY, IdState, IdStore
from tests.support.logs import many

Known = tuple[bytes, int, IdState]

# Few bytes, often repeated: an id is found inside its neighbours, across entries, in content
# hashes; sequential ones differ in the last byte only.
_patterns = st.sampled_from((b"\0", b"\1", b"\0\1", b"\0\0\1", b"\0\0\5", b"\1\1\1\0"))
hostile = st.one_of(
    st.builds(lambda pattern, at: (pattern * 19)[at : at + 16], _patterns, st.integers(0, 3)),
    st.builds(lambda number: number.to_bytes(16, "big"), st.integers(0, 40)),
    st.builds(lambda number: number.to_bytes(16, "little"), st.integers(0, 40)),
)
contents = st.builds(lambda pattern: (pattern * 8)[:8], _patterns)
hours = st.integers(0, 12)
states = st.sampled_from(IdState)
steps = st.lists(
    st.tuples(
        st.sampled_from(("learn", "learn", "learn", "put", "sweep", "forget", "copy", "fresh")),
        *(hostile, contents, hours, states),
    ),
    max_size=150,
)


class Model:
    """A dict, and the same changes kept apart since they were last taken."""

    def __init__(self) -> None:
        self.known: dict[bytes, Known] = {}
        self.fresh: dict[bytes, Known] = {}
        self.forget_before = 0

    def alive(self, known: dict[bytes, Known]) -> dict[bytes, Known]:
        return {name: one for name, one in known.items() if one[1] >= self.forget_before}

    def set(self, name: bytes, one: Known) -> None:
        self.known[name] = self.fresh[name] = one


@many
@given(script=steps)
def test_a_store_answers_as_a_dict_would(
    script: list[tuple[str, bytes, bytes, int, IdState]],
) -> None:
    store, model = IdStore(), Model()
    for kind, name, content, hour, state in script:
        if kind == "learn":
            expected = model.alive(model.known).get(name)
            known = store.learn(name, content, hour, state)
            assert known == (expected and (expected[0], expected[2]))
            if expected is None:
                model.set(name, (content, hour, state))
        elif kind == "put":
            store.put(name, content, hour, state)
            model.set(name, (content, hour, state))
        elif kind == "sweep":
            store.sweep(hour)
        elif kind == "forget":
            model.forget_before = store.forget_before = max(store.forget_before, hour)
        elif kind == "copy":
            store = copied(store)
            model.fresh = {}
        else:
            assert model.alive(unpacked(store.take_fresh())) == model.alive(model.fresh)
            model.fresh = {}
        assert unpacked(store.pack()) == model.alive(model.known)


def copied(store: IdStore) -> IdStore:
    """A store that took over what another packed, as a restored partition does."""
    copy = IdStore()
    copy.forget_before = store.forget_before
    copy.unpack(store.pack(), whole=True)
    assert not copy.take_fresh()
    return copy


def test_what_changed_twice_since_an_empty_checkpoint_is_restored_as_it_was_last() -> None:
    store, copy = IdStore(), IdStore()
    copy.unpack(store.pack(), whole=True)
    store.learn(bytes(16), bytes(8), 7, IdState.COUNTED)
    store.put(bytes(16), bytes(8), 7, IdState.RETRACTED)
    copy.unpack(store.take_fresh(), whole=False)
    assert copy.learn(bytes(16), bytes(8), 7, IdState.COUNTED) == (bytes(8), IdState.RETRACTED)
    assert len(copy) == 1


def unpacked(packed: bytes) -> dict[bytes, Known]:
    """Id → what is known; a later entry wins, and none may come twice in a whole store."""
    known = {}
    for at in range(0, len(packed), ENTRY):
        entry = packed[at : at + ENTRY]
        stamp = int.from_bytes(entry[24:], "big")
        known[entry[:16]] = entry[16:24], stamp >> 2, IdState(stamp & 3)
    return known


def test_sweeping_keeps_pace_with_new_ids_and_leaves_nothing_forgotten() -> None:
    store, random = IdStore(), Random(1)
    for hour in range(60):
        store.forget_before = max(0, hour - 10)
        for _ in range(20):
            for _ in range(20):
                store.learn(random.randbytes(16), bytes(8), hour, IdState.COUNTED)
            store.sweep(20)
    assert len(store) < 2 * 11 * 400  # what is alive, and no more than as much again
    store.sweep(1_000_000)  # the round under way
    store.sweep(1_000_000)  # and what was forgotten since it began
    assert len(store) == len(unpacked(store.pack())) == 11 * 400


def test_an_id_costs_at_most_32_bytes() -> None:
    number, random = 100_000, Random(1)
    names = [random.randbytes(16) for _ in range(number)]
    tracemalloc.start()
    try:
        store = IdStore()
        for name in names:
            store.learn(name, name[:8], 490_000, IdState.COUNTED)
        store.take_fresh()  # held until the next checkpoint only
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held / number <= 32
    assert all(store.learn(name, bytes(8), 1, IdState.COUNTED) for name in names[::100])
