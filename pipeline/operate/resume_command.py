"""`cxpulse resume`: partitions that the circuit breaker paused go on."""

from __future__ import annotations

from typing import Annotated

import typer


def resume(
    partition: Annotated[
        list[int] | None,
        typer.Option(min=0, help="Only this partition; may be given several times."),
    ] = None,
) -> None:
    """Let partitions go on that were paused because too many of their records were dead letters.

    Mend the cause first: the emitter, or the catalogue, which paused partitions take over too (log
    line "catalogue changed"). What was refused before the pause is then sent back by `cxpulse
    replay`. Where records are still mostly dead letters, the partition is paused again.
    """
    import asyncio

    from pipeline.operate.pauses import resume as lift
    from pipeline.settings import load

    lifted = asyncio.run(lift(load().kafka, partition or ()))
    for pause in lifted:
        typer.echo(f"partition {pause.partition} goes on at offset {pause.offset}")
    if not lifted:
        typer.echo("nothing to resume: no such partition is paused")
