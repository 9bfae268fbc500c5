"""How old a response is when its score shows, at a steady rate, everything on this machine."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from aiokafka import TopicPartition

from loadtest.bench import Bench, answer, environment, start
from loadtest.machine import busy_seconds, processor_seconds
from loadtest.pacer import fingerprint
from loadtest.result import Result, percentile
from loadtest.watch import Cell, Sightings, read_view, watch_scores, watch_store
from pipeline.errors import LocalError
from pipeline.local.stack import LocalStack
from pipeline.settings import Settings
from pipeline.wire.kafka import consumer, started
from pipeline.wire.log_ends import read_to
from pipeline.wire.responses import ResponseDecoder
from pipeline.wire.topics import Topics

WARM_UP_SECONDS: Final = 8
"""First answers of every group open its windows: start-up, not steady state."""
PREPARE_SECONDS: Final = 12
"""For the sender to start and to make its records beforehand."""
DRAIN_SECONDS: Final = 3
"""After the last record; what does not show within this counts as never."""
NEVER_MS: Final = 60_000.0

SCORES_P50, SCORES_P99 = 150.0, 300.0
STORE_P50, STORE_P99 = 300.0, 1_000.0


@dataclass(frozen=True, slots=True)
class Sent:
    """One response that must show: when it was due and when the broker had it (ms)."""

    cell: Cell
    offset: int
    due: int
    appended: int


async def measure(bench: Bench) -> list[Result]:
    """The whole stack, a sender that waits for nobody, and two who look."""
    async with LocalStack(bench.folder / "freshness", workers=1, say=bench.say) as stack:
        return await stack.guard(_run(bench, stack))


async def _run(bench: Bench, stack: LocalStack) -> list[Result]:
    sizes, settings = bench.sizes, stack.settings
    # A run of a minute holds one pane boundary, when every window slides.
    began = int(1000 * (time.time() + PREPARE_SECONDS + WARM_UP_SECONDS))
    end = began + 1000 * sizes.seconds
    first = began - 1000 * WARM_UP_SECONDS
    count = round(sizes.rate * (sizes.seconds + WARM_UP_SECONDS))
    notes = bench.folder / "due.json"
    args = (str(first), str(sizes.rate), str(count), str(notes))
    child = start(bench, "pacer", environment(settings.kafka), "loadtest.pacer", *args)
    bench.say(
        f"freshness: {sizes.rate:,.0f} responses/s for {sizes.seconds} s from {_in(began)} on"
    )
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        scores = group.create_task(watch_scores(settings, stop))
        store = group.create_task(watch_store(settings, stop))
        view = group.create_task(read_view(settings, stop))
        busy = group.create_task(_watch_processor(stack, child.pid, began / 1000, end / 1000))
        paced = await answer(child, "the sender")
        await asyncio.sleep(DRAIN_SECONDS)
        stop.set()
    sent = [s for s in await _read_back(settings, _due(notes)) if began <= s.due < end]
    if not sent or paced["failed"]:
        raise LocalError(
            f"the sender delivered {len(sent)} responses, {paced['failed']:,.0f} failed"
        )
    bench.say(f"freshness: the sender was {paced['most_behind']:,.0f} ms behind at worst")
    found = _results(sent, scores.result(), store.result(), view.result())
    return [*found, _processor(busy.result())]


def _due(notes: Path) -> dict[str, int]:
    return cast("dict[str, int]", json.loads(notes.read_text(encoding="utf-8")))


async def _watch_processor(
    stack: LocalStack, sender: int, began: float, end: float
) -> dict[str, float]:
    """Cores kept busy between two moments (s since 1970) by each part, by this process as
    `watching`, and by all that is not ours: what `others` take makes every number worse."""
    pids = {name: part.pid for name, part in stack.parts.items()} | {"sender": sender}
    used: dict[str, float] = {}
    own = everything = 0.0
    for moment, sign in ((began, -1), (end, 1)):
        await asyncio.sleep(max(0.0, moment - time.time()))
        own += sign * time.process_time()
        everything += sign * busy_seconds()
        for name, pid in pids.items():
            used[name] = used.get(name, 0.0) + sign * processor_seconds(pid or 0)
    used["watching"] = own
    used["others"] = max(0.0, everything - sum(used.values()))
    return {name: round(seconds / (end - began), 3) for name, seconds in used.items()}


def _processor(busy: dict[str, float]) -> Result:
    parts = ", ".join(f"{name} {cores:.2f}" for name, cores in busy.items())
    return Result(f"cores busy ({parts})", "cores", (sum(busy.values()),), detail=dict(busy))


def _in(at: int) -> str:
    return f"{max(0, at / 1000 - time.time()):.0f} s"


async def _read_back(settings: Settings, due: dict[str, int]) -> list[Sent]:
    """What is in the log: the first record with the bytes of each expected response."""
    decode = ResponseDecoder().decode
    topic = Topics(settings.kafka.topic_prefix).responses
    found: list[Sent] = []
    async with started(consumer(settings.kafka), settings.kafka) as client:
        tps = [TopicPartition(topic, n) for n in range(settings.kafka.partitions)]
        client.assign(tps)  # type: ignore[no-untyped-call]  # aiokafka
        ends = await client.end_offsets(tps)  # type: ignore[no-untyped-call]  # aiokafka
        async for tp, records in read_to(client, ends):
            for record in records:
                at = due.pop(fingerprint(record.value), None)
                fields = decode(record.value) if at is not None else None
                if at is not None and isinstance(fields, dict):
                    names = (str(fields[n]) for n in ("agency", "service", "channel", "survey"))
                    cell = cast(Cell, (*names, tp.partition))
                    found.append(Sent(cell, record.offset, at, record.timestamp))
    return found


def _results(
    sent: list[Sent], scores: Sightings, store: Sightings, view: list[float]
) -> list[Result]:
    def line(name: str, values: list[float], share: float, target: float | None = None) -> Result:
        p = percentile(values, share)
        label = f"{name} p{100 * share:.0f}"
        never = sum(value >= NEVER_MS for value in values)
        return Result(label, "ms", (p,), at_most=target, detail={"never": never, "n": len(values)})

    def ages(sightings: Sightings, since_due: bool) -> list[float]:
        return [
            NEVER_MS if at is None else at - (s.due if since_due else s.appended)
            for s in sent
            for at in [sightings.first(s.cell, s.offset)]
        ]

    in_scores, in_store = ages(scores, True), ages(store, True)
    return [
        line("due to be sent → cx.scores", in_scores, 0.5, SCORES_P50),
        line("due to be sent → cx.scores", in_scores, 0.99, SCORES_P99),
        line("due to be sent → rolling_now", in_store, 0.5, STORE_P50),
        line("due to be sent → rolling_now", in_store, 0.99, STORE_P99),
        line("appended → cx.scores", ages(scores, False), 0.5),
        line("appended → cx.scores", ages(scores, False), 0.99),
        line("appended → rolling_now", ages(store, False), 0.5),
        line("appended → rolling_now", ages(store, False), 0.99),
        line("due to be sent → appended", [float(s.appended - s.due) for s in sent], 0.99),
        line("one look at rolling_scores", store.took, 0.5),
        line("reading all of rolling_now meanwhile", view, 0.5),
    ]
