"""Runs of records in offset order, as a fetch brings them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from operator import attrgetter

from aiokafka.structs import ConsumerRecord

from pipeline.wire.dead_letters import replay_of

Records = Sequence[ConsumerRecord[bytes, bytes]]


def between(records: Records, first: int, end: int) -> Records:
    """Those of the records, which are in order, with offsets from `first` to below `end`."""
    if first <= records[0].offset and records[-1].offset < end:
        return records
    offset = attrgetter("offset")
    start = bisect_left(records, first, key=offset)
    return records[start : bisect_left(records, end, key=offset)]


def replayed(records: Records) -> frozenset[int]:
    """Offsets of the records that `cxpulse replay` sent: the breaker does not count them."""
    return frozenset(r.offset for r in records if r.headers and replay_of(r))
