"""When the memory of a soak counts as flat."""

from __future__ import annotations

from pipeline.operate.drill.memory import FEWEST, ID_BYTES, MIB, Memory, Sample

MINUTE = 60.0
RATE = 1_000


def soak(minutes: int, growth: float, every: float = 5.0) -> Memory:
    """100 MiB at the start, and `growth` bytes more for each response, of 1,000 a second."""
    moments = [n * every for n in range(int(minutes * MINUTE / every))]
    sizes = [int(100 * MIB + growth * RATE * at) for at in moments]
    return Memory(
        [Sample(at, "score", size, int(RATE * at)) for at, size in zip(moments, sizes, strict=True)]
    )


def test_what_remembers_may_grow_with_what_it_remembers_and_nothing_else_may() -> None:
    growing = soak(15, ID_BYTES)
    assert [check.holds for check in growing.checks(remembering="score")] == [True]
    assert [check.holds for check in growing.checks(remembering="sink")] == [False]


def test_a_leak_is_found() -> None:
    (check,) = soak(15, 3 * ID_BYTES).checks(remembering="score")
    assert not check.holds
    assert "MiB in the second quarter" in check.seen


def test_a_short_run_says_that_it_cannot_tell() -> None:
    (check,) = soak(2, 3 * ID_BYTES).checks(remembering="score")
    assert 2 * MINUTE / 5 / 4 < FEWEST
    assert check.holds
    assert "too few samples" in check.seen
