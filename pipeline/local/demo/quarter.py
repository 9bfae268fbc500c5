"""The first act: a quarter as it was published, response by response."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from pipeline.core.catalogue import Catalogue
from pipeline.core.fiscal import FiscalQuarter
from pipeline.emit.progress import ProgressShow
from pipeline.emit.publish import publish
from pipeline.emit.published import Published, PublishedQuarter, load_published
from pipeline.errors import LocalError
from pipeline.local.demo.numbers import Numbers
from pipeline.local.demo.truth import QuarterTruth
from pipeline.local.show import Show
from pipeline.settings import Settings

SERVICE: Final = "va-vha"
QUARTER: Final = FiscalQuarter(2020, 2)
LOOK_SECONDS: Final = 1.0
STALLED_SECONDS: Final = 60.0
"""Nothing new in ClickHouse for so long: something is wrong, and waiting on will not mend it."""
SMALLEST: Final = 1_000
"""Responses with which every published mean can still be had to two decimals."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The quarter that was sent: what was published about it, and what must be counted of it."""

    published: Published
    quarter: PublishedQuarter
    truth: QuarterTruth


async def send_quarter(
    settings: Settings, catalogue: Catalogue, numbers: Numbers, show: Show, share: float
) -> Sent:
    """Send `share` of the responses, and wait until ClickHouse holds all of them.

    Raises LocalError when nothing more arrives there.
    """
    published = load_published(SERVICE)
    quarter = published.quarter(QUARTER.year, QUARTER.quarter)
    sent = Sent(published, quarter, QuarterTruth(catalogue, published))
    size = max(SMALLEST, round(quarter.responses * share))
    show.say(f"sending {size:,} responses of {SERVICE} {QUARTER} in the order they were given")
    began = time.monotonic()
    with ProgressShow("  sent") as progress:
        report = await publish(
            settings,
            SERVICE,
            QUARTER.year,
            QUARTER.quarter,
            lambda done, total: progress.tell(f"{done:,} of {total:,}", done, total),
            size=size,
            on_record=sent.truth.add,
        )
    if report.failed:
        raise LocalError(f"{report.failed:,} responses were not acknowledged: {report.failure}")
    took = time.monotonic() - began
    show.say(f"sent {report.sent:,} in {took:.1f} s ({report.sent / took:,.0f} a second)")
    await _arrival(numbers, published.survey, size)
    took = time.monotonic() - began
    show.say(f"ClickHouse holds all {size:,}, {took:.1f} s after the first was sent")
    return sent


async def _arrival(numbers: Numbers, survey: str, size: int) -> None:
    """Wait for the scores, and for the raw rows, which may come later."""
    most, since = -1, time.monotonic()
    with ProgressShow("  in ClickHouse") as progress:
        while True:
            measures = await numbers.quarter(QUARTER.year, QUARTER.quarter, survey)
            scored = max((measure.responses for measure in measures), default=0)
            stored = await numbers.stored()
            here = min(scored, stored)
            progress.tell(f"{scored:,} scored, {stored:,} stored of {size:,}", here, size)
            if here >= size:
                return
            if scored + stored > most:
                most, since = scored + stored, time.monotonic()
            elif time.monotonic() - since > STALLED_SECONDS:
                raise LocalError(
                    f"of {size:,} responses sent ClickHouse holds {stored:,}, {scored:,} are "
                    f"scored, and for {STALLED_SECONDS:.0f} s none were added; see the logs "
                    "(keep them with --keep)"
                )
            await asyncio.sleep(LOOK_SECONDS)
