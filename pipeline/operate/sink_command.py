"""`cxpulse sink`: responses, scores, ledger and dead letters from Kafka into ClickHouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.flags import metrics_port_option

if TYPE_CHECKING:
    from pipeline.settings import Settings

MOST_LINES = 20
"""Places with refused rows that a rebuild names: they have one cause, or few."""


def sink(
    metrics_port: Annotated[int | None, metrics_port_option("sink")] = None,
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild",
            help="Fill emptied tables again from all that Kafka still has, say how far back that "
            "goes, and end.",
        ),
    ] = False,
) -> None:
    """Move the topics into ClickHouse as they grow. Start more sinks to share the work.

    Stops cleanly on SIGTERM or Ctrl-C: what was read is stored and committed. --rebuild may run
    beside sinks, be stopped and be repeated. What has left the catalogue is counted as it was
    asked, by all that `cxpulse migrate` has loaded into this database.
    """
    import asyncio

    from pipeline.settings import load
    from pipeline.sink.serve import serve

    flags = {} if metrics_port is None else {"sink": {"metrics_port": metrics_port}}
    settings = load(**flags)
    if rebuild:
        _rebuild(settings)
    else:
        asyncio.run(serve(settings))


def _rebuild(settings: Settings) -> None:
    import asyncio

    from pipeline.emit.progress import ProgressShow
    from pipeline.operate.rebuild import lacking
    from pipeline.operate.rebuild.run import Rebuilt, rebuild
    from pipeline.operate.topic_scan import Told
    from pipeline.signals import stop_on_signals
    from pipeline.sink.patience import Stopped

    async def work() -> Rebuilt:
        with ProgressShow("rebuilding") as show, stop_on_signals() as stop:

            def tell(what: str) -> Told:
                return lambda done, total: show.tell(f"{what}: {done:,} of {total:,}", done, total)

            return await rebuild(settings, tell, stop)

    try:
        rebuilt = asyncio.run(work())
    except Stopped:
        typer.echo("stopped before the end; run it again, it begins anew", err=True)
        raise typer.Exit(1) from None
    for horizon in rebuilt.horizons:
        typer.echo(f"horizon of {horizon}")
    for hole in rebuilt.lacking:
        typer.echo(f"lacking in {lacking.line(hole)}")
    for generation, partition in rebuilt.broken:
        typer.echo(
            f"panes of partition {partition} generation {generation} are as told, not counted: raw "
            "rows or outcomes are lacking that Kafka has no more; `cxpulse reconcile` says which"
        )
    for one in rebuilt.refused[:MOST_LINES]:
        typer.echo(f"only panes that were not there are counted, without these: {one.line}")
    if len(rebuilt.refused) > MOST_LINES:
        typer.echo("and more: `cxpulse reconcile` names all")
    if not (rebuilt.horizons or rebuilt.lacking or rebuilt.broken or rebuilt.refused):
        typer.echo("rebuilt from the beginning of the log; `cxpulse reconcile` compares all of it")
