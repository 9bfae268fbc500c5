"""Catch-up: one and two score workers, a loop that only reads and decodes, stock Faust, and where
wanted one worker of another release."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from loadtest.bench import Bench, answer, environment, start
from loadtest.corpus import fill
from loadtest.fresh import forget
from loadtest.result import Result, ratios
from loadtest.workers import CatchUp, catch_up
from pipeline.local.kafka import LocalKafka
from pipeline.operate.topics import ensure_topics
from pipeline.settings import KafkaSettings, Settings

PREFIX = "catchup"
ONE_TO_LOOP = 0.5
TWO_TO_ONE = 1.6


@dataclass(slots=True)
class Rates:
    """Records a second, one number a round."""

    loop: list[float] = field(default_factory=list)
    one: list[float] = field(default_factory=list)
    two: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    stock: list[float] = field(default_factory=list)
    loop_processor: list[float] = field(default_factory=list)  # µs a record, start-up and all
    one_processor: list[float] = field(default_factory=list)


async def measure(bench: Bench) -> list[Result]:
    """Send the responses once, then each contender in turn, round after round."""
    broker = LocalKafka(bench.folder / "catchup", port=0)
    await asyncio.to_thread(broker.start)
    try:
        settings = _settings(broker.bootstrap, bench.sizes.partitions, "fill")
        await ensure_topics(settings)
        records = await fill(settings, bench.sizes.responses, bench.say)
        rates = Rates()
        for number in range(bench.sizes.rounds):
            await _round(bench, broker.bootstrap, number, rates)
    finally:
        await asyncio.to_thread(broker.stop)
    return _results(rates, records, bench.sizes.stock_events)


async def _round(bench: Bench, bootstrap: str, number: int, rates: Rates) -> None:
    def settings(name: str) -> Settings:
        return _settings(bootstrap, bench.sizes.partitions, f"{name}-{number}")

    def told(what: str, rate: float) -> float:
        bench.say(f"catch-up round {number + 1}: {what} {rate:,.0f} records/s")
        return rate

    async def fold(name: str, workers: int, python: Path | None = None) -> CatchUp:
        mine = settings(name)
        await forget(mine)
        return await catch_up(bench, mine, workers, f"{name}-{number}", python)

    loop = await _loop(bench, settings("loop"))
    rates.loop.append(told("read and decode", loop["records"] / loop["seconds"]))
    rates.loop_processor.append(1e6 * loop["processor"] / loop["records"])
    one = await fold("score1", 1)
    rates.one.append(told("1 worker", one.rate))
    rates.one_processor.append(1e6 * one.processor / one.total)
    if bench.beside is not None:
        other = await fold("beside", 1, bench.beside)
        rates.beside.append(told("1 worker of the other release", other.rate))
    rates.two.append(told("2 workers", (await fold("score2", 2)).rate))
    rates.stock.append(told("stock Faust", await _stock(bench, settings("stock"))))


async def _loop(bench: Bench, settings: Settings) -> dict[str, float]:
    child = start(bench, "read-loop", environment(settings.kafka), "loadtest.read_loop")
    return await answer(child, "the read loop")


async def _stock(bench: Bench, settings: Settings) -> float:
    name = settings.kafka.group_prefix
    data = str(bench.folder / name)
    args = (str(bench.sizes.stock_events), name, data)
    child = start(bench, name, environment(settings.kafka), "loadtest.stock_faust", *args)
    got = await answer(child, "stock Faust")
    return got["records"] / got["seconds"]


def _settings(bootstrap: str, partitions: int, group: str) -> Settings:
    kafka = KafkaSettings(
        bootstrap=bootstrap, topic_prefix=PREFIX, group_prefix=group, partitions=partitions
    )
    return Settings(kafka=kafka)


def _results(rates: Rates, records: int, stock_events: int) -> list[Result]:
    def line(name: str, samples: list[float]) -> Result:
        return Result(name, "records/s", tuple(samples))

    beside = []
    if rates.beside:
        beside = [
            line("catch-up, one score worker of the other release", rates.beside),
            Result("one worker / one of the other release", "×", ratios(rates.one, rates.beside)),
        ]
    return [
        line(f"catch-up, read and decode only, {records:,} records", rates.loop),
        line("catch-up, one score worker", rates.one),
        line("catch-up, two score workers", rates.two),
        line(f"catch-up, stock Faust counting only, {stock_events:,} records", rates.stock),
        Result(
            "one worker / read and decode", "×", ratios(rates.one, rates.loop), at_least=ONE_TO_LOOP
        ),
        Result("two workers / one", "×", ratios(rates.two, rates.one), at_least=TWO_TO_ONE),
        Result("one worker / stock Faust", "×", ratios(rates.one, rates.stock)),
        *beside,
        Result("processor time, read and decode", "µs a record", tuple(rates.loop_processor)),
        Result("processor time, one worker", "µs a record", tuple(rates.one_processor)),
    ]
