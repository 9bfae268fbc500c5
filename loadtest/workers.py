"""How fast score workers fold a backlog, seen from the outside: by the ledger they write."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from loadtest.bench import GRACE_SECONDS, Bench, environment, start_worker
from loadtest.machine import processor_seconds
from pipeline.errors import LocalError
from pipeline.local.part import obituary
from pipeline.local.processes import Child
from pipeline.settings import Settings
from pipeline.wire.kafka import consumer, started
from pipeline.wire.ledger import standing
from pipeline.wire.log_ends import read_to
from pipeline.wire.manifests import parse_key
from pipeline.wire.topics import Topics

POLL_MS: Final = 500
STALL_SECONDS: Final = 60.0
"""Without a ledger entry for this long nothing more will come."""


class Mark(NamedTuple):
    """The broker's time (ms) at which a partition was told to be folded up to `next_offset`."""

    at: int
    partition: int
    next_offset: int


@dataclass(frozen=True, slots=True)
class CatchUp:
    """`records` were folded in `seconds`, of `total` in the log: start-up is not counted.

    `processor` is the processor time (s) of all workers for the whole log, start-up and all.
    """

    records: int
    total: int
    seconds: float
    processor: float = 0.0

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds


async def catch_up(
    bench: Bench, settings: Settings, workers: int, name: str, python: Path | None = None
) -> CatchUp:
    """Start workers on a full topic, and wait until all of it is in the ledger. `python` is that of
    the release they are of, without one this.

    Raises LocalError when a worker ends, or nothing comes any more.
    """
    env = environment(settings.kafka)
    children = [start_worker(bench, f"{name}-{n}", env, python) for n in range(workers)]
    try:
        async with started(consumer(settings.kafka), settings.kafka) as client:
            marks, ends = await _follow(client, settings, children)
            processor = sum(processor_seconds(child.pid) for child in children)
            claimed = await _last_claim(client, settings)
    finally:
        await asyncio.gather(*(asyncio.to_thread(c.stop, GRACE_SECONDS) for c in children))
    return replace(reckon(marks, ends, claimed), processor=processor)


def reckon(marks: Sequence[Mark], ends: dict[int, int], claimed: int) -> CatchUp:
    """What was folded between the first entry after `claimed`, when the last partition had found
    its owner, and the entry that completes the log. Pure."""
    told = [mark for mark in sorted(marks) if mark.at >= claimed]
    before = dict.fromkeys(ends, 0)
    for mark in marks:
        if mark.at <= told[0].at:
            before[mark.partition] = max(before[mark.partition], mark.next_offset)
    last = max(
        min(m.at for m in told if m.partition == partition and m.next_offset >= end)
        for partition, end in ends.items()
        if before[partition] < end
    )
    total = sum(ends.values())
    return CatchUp(total - sum(before.values()), total, (last - told[0].at) / 1000)


async def _follow(
    client: AIOKafkaConsumer, settings: Settings, children: Sequence[Child]
) -> tuple[list[Mark], dict[int, int]]:
    """Read the ledger until it covers the responses."""
    topics = Topics(settings.kafka.topic_prefix)
    tps = [TopicPartition(topics.responses, n) for n in range(settings.kafka.partitions)]
    found = await client.end_offsets(tps)  # type: ignore[no-untyped-call]  # aiokafka
    ends = {tp.partition: end for tp, end in found.items() if end}
    client.assign([TopicPartition(topics.ledger, n) for n in ends])  # type: ignore[no-untyped-call]
    marks: list[Mark] = []
    left, heard = set(ends), time.monotonic()
    while left:
        for records in (await client.getmany(timeout_ms=POLL_MS)).values():
            for record in records:
                entry = standing(record)
                if entry is None:
                    continue
                marks.append(Mark(record.timestamp, entry.partition, entry.next_offset))
                heard = time.monotonic()
                if entry.next_offset >= ends[entry.partition]:
                    left.discard(entry.partition)
        for child in children:
            if child.exit_code is not None:
                raise LocalError(obituary("a score worker", child.exit_code, child.log))
        if time.monotonic() - heard > STALL_SECONDS:
            raise LocalError(obituary("a score worker (it is silent)", None, children[0].log))
    return marks, ends


async def _last_claim(client: AIOKafkaConsumer, settings: Settings) -> int:
    """When (ms) the last partition was claimed."""
    topic = Topics(settings.kafka.topic_prefix).checkpoints
    tps = [TopicPartition(topic, n) for n in range(settings.kafka.partitions)]
    ends = await client.end_offsets(tps)  # type: ignore[no-untyped-call]  # aiokafka
    client.assign(tps)  # type: ignore[no-untyped-call]  # aiokafka
    await client.seek_to_beginning(*tps)  # type: ignore[no-untyped-call]  # aiokafka
    latest = 0
    async for _, records in read_to(client, ends):
        for record in records:
            key = parse_key(record.key or b"")
            if key is not None and key.is_claim and record.value is not None:
                latest = max(latest, record.timestamp)
    return latest
