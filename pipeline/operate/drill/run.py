"""Runs drills one after the other, each in a folder of its own, and shows the table."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

from pipeline.local.folder import workspace
from pipeline.local.interrupts import Interrupts
from pipeline.local.show import Show
from pipeline.local.stack import LocalStack
from pipeline.operate.drill import report
from pipeline.operate.drill.drill import Drill, Result
from pipeline.operate.drill.play import Options, play


def run(drills: Sequence[Drill], options: Options, keep: Path | None) -> int:
    """0 when everything holds, else 1. Whatever ends it, no process of it is left."""
    with Interrupts() as interrupts, workspace(keep, "drill") as folder:
        return asyncio.run(_run(drills, options, folder, keep is not None, interrupts))


async def _run(
    drills: Sequence[Drill], options: Options, folder: Path, kept: bool, interrupts: Interrupts
) -> int:
    show = Show()
    interrupts.attach()
    results: list[Result] = []

    def started(stack: LocalStack) -> None:
        interrupts.hurry = stack.kill_all

    try:
        for drill in drills:
            results.append(await play(drill, options, folder / drill.name, show, started))
            if not kept:
                shutil.rmtree(folder / drill.name, ignore_errors=True)
        return 0 if all(result.holds for result in results) else 1
    except asyncio.CancelledError:
        if interrupts.heard is None:
            raise
        show.say(f"ended by {interrupts.heard.name} before all drills were over")
        return 1
    finally:
        interrupts.detach()
        show.put("", report.table(results), *report.failures(results))
