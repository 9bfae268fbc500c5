"""Plays one drill from start to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from pipeline.emit.run import Make, SimulationReport, simulate
from pipeline.emit.simulate import Traffic
from pipeline.errors import CxpulseError, LocalError
from pipeline.local.broker_properties import HOST
from pipeline.local.counted import Counted
from pipeline.local.recipes import STORE
from pipeline.local.show import Show
from pipeline.local.stack import LocalStack
from pipeline.local.tasks import beside
from pipeline.local.verdict import Check
from pipeline.operate.drill.accounts import Accounts, settle
from pipeline.operate.drill.drill import Drill, Result
from pipeline.operate.drill.marks import Mark, Marks, longest
from pipeline.operate.drill.proxy import SlowProxy
from pipeline.operate.drill.scene import Scene
from pipeline.operate.drill.supervisor import Supervisor
from pipeline.operate.drill.watch import now_ms, watch_scores, watch_store
from pipeline.store.client import connect_async
from pipeline.wire.kafka import Partitioner

PARTITIONS = 4
"""Each gets at least a twelfth of the simulated traffic: none is seen late for want of it."""


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for; None leaves it to the drill. `rate` is responses a second, `every` the
    seconds between two kills of a soak."""

    seconds: float | None = None
    rate: float | None = None
    seed: int = 1
    brokers: int | None = None
    every: float = 20.0


async def play(
    drill: Drill,
    options: Options,
    folder: Path,
    show: Show,
    started: Callable[[LocalStack], None] = lambda stack: None,
) -> Result:
    """Everything the drill needs, from starting a stack to its verdict; nothing of it is left.

    `started` is told the stack, so that somebody can end it in a hurry. A drill that cannot be
    finished is one that failed, and says why.
    """
    show.title(f"{drill.name}: {drill.about}")
    try:
        async with AsyncExitStack() as exits:
            env = {"CXPULSE_KAFKA_PARTITIONS": str(PARTITIONS), **drill.env}
            proxy = None
            if drill.proxied:
                proxy = await exits.enter_async_context(SlowProxy(lambda: port_of(stack)))
                env["CXPULSE_CLICKHOUSE_URL"] = f"http://{HOST}:{proxy.port}"
            brokers = options.brokers or drill.brokers
            stack = LocalStack(folder, workers=drill.workers, brokers=brokers, env=env)
            started(stack)
            await exits.enter_async_context(stack)
            show.say("the stack is up")
            return await _played(drill, options, stack, proxy, show)
    except (CxpulseError, ExceptionGroup) as error:
        said = "; ".join(str(each) for each in _leaves(error))
        show.say(said)
        failed = Check("the drill came to its end", False, said)
        return Result(drill, 0, 0, 0, 0, None, 0, [failed])


def port_of(stack: LocalStack) -> int:
    """Where ClickHouse listens."""
    return int(stack.parts[STORE].address.rpartition(":")[2])


async def _played(
    drill: Drill, options: Options, stack: LocalStack, proxy: SlowProxy | None, show: Show
) -> Result:
    settings = stack.settings
    marks = Marks(PARTITIONS)
    watch = watch_scores if drill.seen == "scores" else watch_store
    async with AsyncExitStack() as exits:
        client = await connect_async(settings.clickhouse)
        exits.push_async_callback(client.close)
        counted = Counted(client)

        async def send(
            stop: asyncio.Event, make: Make | None, partitioner: Partitioner
        ) -> SimulationReport:
            rate = options.rate or drill.rate
            traffic = replace(Traffic(now_ms(), rate, seed=options.seed), **drill.shares)
            made = make or drill.make
            return await simulate(settings, traffic, scene.hear, stop, made, partitioner)

        async def calm() -> Accounts:
            show.say(f"sent {scene.expected.sent:,}; waiting until all is counted")
            return await settle(settings, counted, scene.expected)

        seconds = options.seconds or drill.seconds
        random = Random(options.seed)
        scene = Scene(stack, show, random, seconds, marks, send, calm, proxy, options.every)
        supervisor = Supervisor(stack, show)
        work = _work(drill, scene, supervisor)
        result = await beside(work, supervisor.keep(), watch(settings, marks))
        show.say("everything holds" if result.holds else "NOT everything holds")
        return result


async def _work(drill: Drill, scene: Scene, supervisor: Supervisor) -> Result:
    await _act(drill, scene)
    accounts = await scene.calm()
    marks = scene.marks.all
    checks = [*accounts.checks, *scene.checks, *_resumed(marks, drill.limit)]
    if drill.reconciled:
        scene.show.say("comparing what all parts say")
        checks.append(await _reconciled(scene.stack))
    return Result(
        drill,
        scene.expected.sent,
        accounts.lost,
        accounts.double,
        len(marks),
        longest(marks),
        supervisor.restarts.total(),
        checks,
    )


async def _act(drill: Drill, scene: Scene) -> None:
    if not drill.flowing:
        await drill.act(scene)
        return
    async with scene.traffic():
        await drill.act(scene)
        await asyncio.sleep(max(0.0, scene.left))


async def _reconciled(stack: LocalStack) -> Check:
    """What an operator would ask, and what knows nothing of what was sent."""
    what = "cxpulse reconcile finds no difference"
    try:
        await stack.run("reconcile")
    except LocalError as error:
        return Check(what, False, str(error))
    return Check(what, True, "all is equal")


def _resumed(marks: list[Mark], limit: float) -> Iterator[Check]:
    for mark in marks:
        seconds = mark.seconds
        told = "never" if seconds is None else f"after {seconds:.1f} s"
        seen = f"{mark.what}: {told}, at most {limit:.0f} s"
        yield Check("scores are told again in time", seconds is not None and seconds <= limit, seen)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors inside of groups; those that are not ours are raised."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    elif isinstance(error, CxpulseError):
        yield error
    else:
        raise error
