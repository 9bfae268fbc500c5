"""Sends a published quarter as individual responses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from pipeline.emit.client import Emitter, Report
from pipeline.emit.published import load_published, plan_quarter, responses
from pipeline.errors import InputError
from pipeline.settings import Settings
from pipeline.wire.responses import encode_response

_EACH = 2_000
"""Responses between two reports of progress: some ten a second."""


async def publish(
    settings: Settings,
    service: str,
    fiscal_year: int,
    quarter: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    stop: asyncio.Event | None = None,
    size: int | None = None,
    on_record: Callable[[Mapping[str, object]], None] = lambda record: None,
) -> Report:
    """Send the quarter in time order; `on_progress(done, total)`. The ids depend on nothing but the
    quarter, so that sending it again adds nothing. `size` makes a smaller one with the same means,
    `on_record` sees each record sent.

    Raises InputError when there are no figures of it, KafkaError when there is no broker.
    """
    published = load_published(service)
    entry = published.quarter(fiscal_year, quarter)
    async with Emitter(settings) as emitter:
        survey = emitter.catalogue.surveys.get(published.survey)
        if survey is None:
            raise InputError(
                f"the published figures are of survey {published.survey!r}; add it to the catalogue"
            )
        plan = plan_quarter(published, entry, survey.timezone, size)
        key = emitter.key_of(next(responses(plan)))  # they differ in nothing else that is checked
        for done, record in enumerate(responses(plan), 1):
            await emitter.send_bytes(key, encode_response(record))
            on_record(record)
            if done % _EACH == 0:
                on_progress(done, plan.responses)
                if stop is not None and stop.is_set():
                    break
        report = await emitter.flush()
        on_progress(report.sent, plan.responses)
    return report
