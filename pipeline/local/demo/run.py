"""The demo from start to end."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from pipeline.emit.published import plan_quarter
from pipeline.emit.simulate import Traffic
from pipeline.local.demo.invitation import invitation
from pipeline.local.demo.live import send_traffic
from pipeline.local.demo.numbers import Numbers
from pipeline.local.demo.quarter import send_quarter
from pipeline.local.demo.strangers import Strangers
from pipeline.local.demo.summary import settle
from pipeline.local.expected import Expected
from pipeline.local.folder import workspace
from pipeline.local.interrupts import Interrupts
from pipeline.local.show import Show
from pipeline.local.stack import LocalStack
from pipeline.store.client import connect_async
from pipeline.wire.catalogue import load_catalogue


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for. `seconds` of live traffic (0: until Ctrl-C), `rate` responses a second;
    `share` of the published quarter is sent."""

    seconds: int
    rate: float
    workers: int
    seed: int
    share: float
    keep: Path | None


def play(options: Options) -> int:
    """Run the demo; the exit code. Whatever ends it, no process of it is left.

    Raises CxpulseError when a part cannot start, or ends by itself.
    """
    with Interrupts() as interrupts, workspace(options.keep, "demo") as folder:
        return asyncio.run(_play(options, folder, interrupts))


async def _play(options: Options, folder: Path, interrupts: Interrupts) -> int:
    show = Show()
    interrupts.attach()
    try:
        async with LocalStack(folder, workers=options.workers, say=show.say) as stack:
            interrupts.hurry = stack.kill_all
            holds = await stack.guard(_acts(options, stack, interrupts, show))
            show.say("stopping everything")
        return 0 if holds else 1
    except asyncio.CancelledError:
        if interrupts.heard is None:
            raise
        show.say(f"ended by {interrupts.heard.name} before there was a verdict")
        return 1
    finally:
        interrupts.detach()


async def _acts(options: Options, stack: LocalStack, interrupts: Interrupts, show: Show) -> bool:
    settings = stack.settings
    catalogue = load_catalogue(settings.catalog)
    async with AsyncExitStack() as exits:
        client = await connect_async(settings.clickhouse)
        exits.push_async_callback(client.close)
        numbers = Numbers(client)

        show.title("1  A quarter as it was published")
        sent = await send_quarter(settings, catalogue, numbers, show, options.share)

        show.title("2  Live traffic")
        show.put(*invitation(settings))
        interrupts.gentle = asyncio.Event()
        live = round(options.seconds * options.rate) if options.seconds else None
        start = time.time_ns() // 1_000_000
        traffic = Traffic(start, options.rate, live, seed=options.seed)
        report = await send_traffic(settings, traffic, numbers, show, interrupts.gentle)
        interrupts.gentle = None

        show.title("3  Is everything there?")
        expected = Expected()
        expected.add_accepted(sent.truth.responses, sent.truth.cells())
        expected.add_traffic(report.truth)
        zone = catalogue.surveys[sent.published.survey].timezone
        plan = plan_quarter(sent.published, sent.quarter, zone, sent.truth.responses)
        strangers = Strangers(catalogue, plan, traffic, report.truth.sent)
        return await settle(expected, sent, numbers, strangers, show)
