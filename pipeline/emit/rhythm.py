"""When customers answer: whole counts for each hour, by weekday and time of day where they live."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import accumulate
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from pipeline.core.windows import HOUR

BY_HOUR: Final = (
    2,
    1,
    1,
    1,
    1,
    2,
    4,
    8,
    13,
    17,
    19,
    19,
    17,
    16,
    15,
    14,
    13,
    12,
    11,
    10,
    9,
    8,
    6,
    4,
)
"""Relative answers in each local hour: a day that peaks before noon and hardly sleeps at night."""
BY_WEEKDAY: Final = (11, 11, 11, 10, 9, 4, 3)
"""Relative answers from Monday to Sunday: services are mostly used on working days."""


def weight(instant: int, zone: ZoneInfo) -> int:
    """Relative answers in the hour that holds `instant` (ms UTC)."""
    local = datetime.fromtimestamp(instant // 1000, zone)
    return BY_HOUR[local.hour] * BY_WEEKDAY[local.weekday()]


def times(start: int, end: int, count: int, zone: str, random: Random) -> Iterator[int]:
    """`count` instants of `[start, end)` in order (ms UTC), more of them in busy hours."""
    place = ZoneInfo(zone)
    first = start - start % HOUR
    # A first or last hour that is not whole counts for the part of it that is inside.
    parts = [(max(start, hour), min(end, hour + HOUR)) for hour in range(first, end, HOUR)]
    reach = list(accumulate(weight(begin, place) * (stop - begin) for begin, stop in parts))
    made = 0
    for (begin, stop), upto in zip(parts, reach, strict=True):
        due = count * upto // reach[-1]
        yield from sorted(begin + int(random.random() * (stop - begin)) for _ in range(due - made))
        made = due
