"""How long to wait while the store is away: doubling with jitter, for ever."""

from __future__ import annotations

import random
from collections.abc import Iterator

FIRST_SECONDS = 0.5
"""A restarted ClickHouse answers again within about a second."""
LONGEST_SECONDS = 30.0
"""After an outage nobody waits longer for fresh scores; rarer calls would save nothing."""


def delays(source: random.Random | None = None) -> Iterator[float]:
    """Seconds to wait before each new attempt, without an end.

    Each is drawn from the upper half of a doubling interval, so that many sinks do not return at
    the same moment and none returns at once.
    """
    draw = random.uniform if source is None else source.uniform
    longest = FIRST_SECONDS
    while True:
        yield draw(longest / 2, longest) if longest > FIRST_SECONDS else longest
        longest = min(longest * 2, LONGEST_SECONDS)
