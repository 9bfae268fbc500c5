"""Everything that must hold once all is calm: counts, outcomes, raw rows, and the ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from aiokafka import TopicPartition

from pipeline.core.vocabulary import RESPONSE
from pipeline.errors import StoreError
from pipeline.local.counted import OUTCOMES, Counted
from pipeline.local.expected import Cells, Expected
from pipeline.local.verdict import Check, judge
from pipeline.settings import Settings
from pipeline.wire.kafka import consumer, partition_counts, started
from pipeline.wire.topics import Topics

CALM_SECONDS: Final = 90.0
"""What is not counted this long after the last record was sent is lost."""
LOOK_SECONDS: Final = 1.0

_LEDGER: Final = f"""
SELECT partition, argMax((start_offset, next_offset, received, missing, marker,
                          {" + ".join(OUTCOMES)}), next_offset)
FROM ledger WHERE (partition, generation) IN
    (SELECT partition, max(generation) FROM sink_progress GROUP BY partition)
GROUP BY partition
"""


@dataclass(frozen=True, slots=True)
class Accounts:
    """The checks, and how many responses are counted too few and too many."""

    checks: Sequence[Check]
    lost: int
    double: int


async def settle(settings: Settings, counted: Counted, expected: Expected) -> Accounts:
    """Look until everything holds, or nothing will. Raises StoreError, KafkaError."""
    deadline = time.monotonic() + CALM_SECONDS
    while True:
        last = time.monotonic() >= deadline
        try:
            accounts = await _look(settings, counted, expected)
        except StoreError:
            if last:
                raise
        else:
            if last or all(check.holds for check in accounts.checks):
                return accounts
        await asyncio.sleep(LOOK_SECONDS)


async def _look(settings: Settings, counted: Counted, expected: Expected) -> Accounts:
    found = await counted.found()
    want, have = responses(expected.cells), responses(found.cells)
    hours = want.keys() | have.keys()
    lost = sum(max(0, want.get(hour, 0) - have.get(hour, 0)) for hour in hours)
    double = sum(max(0, have.get(hour, 0) - want.get(hour, 0)) for hour in hours)
    raw = await _raw(counted, sum(want.values()) - expected.unstored)
    ledger = await _ledger(settings, counted)
    return Accounts([*judge(expected, found), raw, ledger], lost, double)


def responses(cells: Cells) -> dict[tuple[object, ...], int]:
    """Responses by group and hour."""
    return {
        (*cell[:4], cell[6]): counts[0] for cell, counts in cells.items() if cell[5] == RESPONSE
    }


async def _raw(counted: Counted, wanted: int) -> Check:
    """The raw rows, by the verdicts of the ledger, are as many as are counted."""
    ((count,),) = await counted.rows("SELECT count() FROM responses_current")
    rows = int(str(count))
    return Check(
        "raw rows that count are as many", rows == wanted, f"{wanted:,} sent, {rows:,} there"
    )


async def _ledger(settings: Settings, counted: Counted) -> Check:
    """Each partition: told to its end, and every record has one outcome."""
    topic = Topics(settings.kafka.topic_prefix).responses
    number = (await partition_counts(settings.kafka))[topic]
    tps = [TopicPartition(topic, partition) for partition in range(number)]
    async with started(consumer(settings.kafka), settings.kafka) as client:
        ends = await client.end_offsets(tps)  # type: ignore[no-untyped-call]  # aiokafka
    told = {int(str(row[0])): row[1] for row in await counted.rows(_LEDGER)}
    wrong = [
        f"partition {tp.partition}: {fault}"
        for tp in tps
        for fault in _faults(told.get(tp.partition), ends[tp])
    ]
    good = f"{sum(ends.values()):,} records in {len(tps)} partitions"
    return Check("the ledger covers each partition to its end", not wrong, "; ".join(wrong) or good)


def _faults(row: object, end: int) -> Iterator[str]:
    if row is None:
        if end:
            yield f"nothing told of {end:,} records"
        return
    assert isinstance(row, tuple)
    start, upto, received, missing, marker, outcomes = row
    if upto != end:
        yield f"told up to {upto:,}, ends at {end:,}"
    if upto - start != received + missing + marker:
        yield f"{upto - start:,} offsets, but {received:,} + {missing:,} + {marker:,}"
    if received != outcomes:
        yield f"received {received:,}, outcomes {outcomes:,}"
