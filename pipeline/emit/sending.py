"""What `cxpulse emit` does and says. Each function ends with an exit code."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import typer

from pipeline.core.fiscal import parse
from pipeline.emit.client import Report
from pipeline.emit.durations import parse_span
from pipeline.emit.files import LISTED, FileReport, emit_files
from pipeline.emit.progress import ProgressShow
from pipeline.emit.publish import publish
from pipeline.emit.readers import FileFormat
from pipeline.emit.run import SimulationReport, simulate
from pipeline.emit.simulate import Traffic
from pipeline.errors import InputError
from pipeline.settings import Settings
from pipeline.signals import stop_on_signals

HISTORY_COUNT: Final = 100_000
"""Responses in a history when none are asked for: ten days of the whole government."""


def send_files(
    settings: Settings, paths: Sequence[Path], form: FileFormat | None, allow_refused: bool
) -> int:
    """Send files; 1 when lines were refused (unless allowed), not delivered, or left out."""

    async def work() -> FileReport:
        with ProgressShow("emit") as show, stop_on_signals() as stop:

            def tell(report: FileReport) -> None:
                text = f"{report.lines:,} lines, {report.sending.refusals:,} refused"
                show.tell(text, report.bytes, report.size)

            return await emit_files(settings, paths, form, tell, stop)

    report = asyncio.run(work())
    _say_refused(report)
    typer.echo(f"read {report.lines:,}, {_totals(report.sending)}")
    if report.stopped:
        typer.echo("stopped before the end; sending the files again adds only what is missing")
    refused = report.sending.refusals and not allow_refused
    return int(bool(refused or report.sending.failed or report.stopped))


def send_published(settings: Settings, service: str, fiscal_year: int, quarter: str) -> int:
    """Send a published quarter; 1 when not all of it was delivered."""
    try:
        chosen = parse(fiscal_year, quarter)
    except ValueError as error:
        raise InputError(f"--published: {error}") from None

    async def work() -> tuple[Report, bool]:
        with ProgressShow(f"{service} {chosen}") as show, stop_on_signals() as stop:

            def tell(done: int, total: int) -> None:
                show.tell(f"{done:,} of {total:,} responses", done, total)

            report = await publish(settings, service, chosen.year, chosen.quarter, tell, stop)
            return report, stop.is_set()

    report, stopped = asyncio.run(work())
    typer.echo(f"{service} {chosen}: {_totals(report)}")
    if stopped:
        typer.echo("stopped before the end; sending it again adds only what is missing")
    return int(bool(stopped or report.failed))


def send_simulated(settings: Settings, traffic: Traffic, truth: Path | None) -> int:
    """Send simulated traffic until it ends or is stopped; 1 when not all of it was delivered."""
    if truth is not None and not truth.absolute().parent.is_dir():
        raise InputError(f"--truth {truth}: there is no such folder; create it")

    async def work() -> SimulationReport:
        with ProgressShow("simulate") as show, stop_on_signals() as stop:

            def tell(report: SimulationReport) -> None:
                show.tell(f"{report.truth.sent:,} records, {report.behind:,} ms behind schedule")

            return await simulate(settings, traffic, tell, stop)

    report = asyncio.run(work())
    _say_simulated(report)
    if truth is not None:
        report.truth.write(truth)
        typer.echo(f"what must be counted: {truth}")
    return int(bool(report.sending.failed))


class Shares(NamedTuple):
    """How many of the simulated responses are made so, of 1."""

    duplicates: float
    retractions: float
    late: float
    invalid: float


def traffic(
    rate: float,
    duration: str | None,
    count: int | None,
    history: str | None,
    seed: int,
    shares: Shares,
) -> Traffic:
    """Traffic from now on, from what was asked for. Raises InputError naming the option.

    Without a history `count` limits the live responses; with one it is their number in the history,
    and nothing live follows unless a duration is given.
    """
    past = parse_span("--history", history) if history else 0
    spell = parse_span("--duration", duration) if duration else None
    live = None if spell is None else round(spell / 1000 * rate)
    if past:
        live = live or 0
    elif count is not None:
        live = count if live is None else min(live, count)
    return Traffic(
        start=time.time_ns() // 1_000_000,
        rate=rate,
        live=live,
        history=past,
        history_count=(count or HISTORY_COUNT) if past else 0,
        seed=seed,
        **shares._asdict(),
    )


def _say_refused(report: FileReport) -> None:
    for line in report.listed:
        typer.echo(line, err=True)
    more = report.sending.refusals - len(report.listed)
    if more > 0:
        typer.echo(f"... and {more:,} more (the first {LISTED} are listed)", err=True)
    for reason, times in sorted(report.sending.refused.items(), key=lambda kv: -kv[1]):
        typer.echo(f"  {times:>9,}  {reason}", err=True)


def _say_simulated(report: SimulationReport) -> None:
    outcomes = report.truth.outcomes
    parts = ", ".join(f"{n:,} {name}" for name, n in outcomes.most_common())
    typer.echo(f"{_totals(report.sending)} in {report.seconds:.1f} s; must become: {parts}")
    if report.most_behind > 1000:
        typer.echo(f"the rate was not reached: {report.most_behind:,} ms behind at worst")


def _totals(report: Report) -> str:
    text = f"sent {report.sent:,}"
    if report.refusals:
        text += f", refused {report.refusals:,}"
    if report.failed:
        text += f", not acknowledged {report.failed:,} ({report.failure}; send them again)"
    return text
