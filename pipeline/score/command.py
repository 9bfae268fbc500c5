"""`cxpulse score`: one score worker until it is told to stop."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.flags import metrics_port_option


def score(
    metrics_port: Annotated[int | None, metrics_port_option("score")] = None,
    rebuild_from_log_start: Annotated[
        bool,
        typer.Option(
            "--rebuild-from-log-start",
            help="Where no checkpoint can be used, fold again what the log still has.",
        ),
    ] = False,
) -> None:
    """Score responses as they arrive. Start more workers to share the partitions.

    Stops cleanly on SIGTERM or Ctrl-C: a last checkpoint, then its partitions move at once.
    """
    import asyncio  # keeps `cxpulse --help` quick

    from pipeline.score.serve import serve
    from pipeline.settings import load

    flags = {} if metrics_port is None else {"score": {"metrics_port": metrics_port}}
    asyncio.run(serve(load(**flags), rebuild=rebuild_from_log_start))
