"""`cxpulse reconcile`: do Kafka, ledger, raw rows, panes and rolling windows say the same?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.flags import AsJson

if TYPE_CHECKING:
    from pipeline.operate.reconcile.run import Report
    from pipeline.settings import Settings

MOST_LINES = 200
"""Differences printed for people; --json prints all."""


def reconcile(
    patience: Annotated[
        float,
        typer.Option(
            min=0.0, metavar="SECONDS", help="How long a difference must last to be reported."
        ),
    ] = 30.0,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Mend what raw rows can mend: count wrong panes and absent windows again, and "
            "take back, through the log, responses that count in several partitions.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare what all parts say, on a live system; exit with 1 when a difference lasts.

    Log ends and commits against the ledger; the ledger's sums; each raw row and outcome against the
    ledger; each pane, and the rolling windows shown now, against a recount of the raw rows below
    its own version; which windows must be there; each event id over all partitions. Prints what
    differs and where. Nothing is changed without --repair, which then tells what is left.
    """
    from pipeline.settings import load

    report = _run(load(), patience, repair=repair)
    if as_json:
        _print_json(report)
    else:
        _print_text(report)
    raise typer.Exit(1 if report.differences else 0)


def _run(settings: Settings, patience: float, *, repair: bool) -> Report:
    import asyncio

    from pipeline.emit.progress import ProgressShow
    from pipeline.operate.reconcile.run import reconcile as run

    with ProgressShow("comparing") as show:

        def tell(done: int, total: int) -> None:
            show.tell(f"{done:,} of {total:,} steps", done, total)

        return asyncio.run(run(settings, patience, tell, repair=repair))


def _print_json(report: Report) -> None:
    import json

    differences = [difference.as_json() for difference in report.differences]
    found = {"equal": not differences, "differences": differences}
    typer.echo(json.dumps(found | {"not_compared": list(report.not_compared)}, indent=2))


def _print_text(report: Report) -> None:
    for difference in report.differences[:MOST_LINES]:
        typer.echo(difference.line)
    if len(report.differences) > MOST_LINES:
        typer.echo(f"... and {len(report.differences) - MOST_LINES:,} more; --json prints all")
    for line in report.not_compared:
        typer.echo(line)
    found = f"{len(report.differences):,} differences" if report.differences else "all is equal"
    typer.echo(
        f"{found}: {report.judged:,} offsets judged, panes of {report.hours:,} hours, "
        f"{report.windows:,} rolling windows"
    )
