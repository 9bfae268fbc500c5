"""`cxpulse demo`: the whole pipeline on this machine, live, with a verdict at the end."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.flags import Keep


def demo(
    seconds: Annotated[
        int, typer.Option(min=0, help="How long live traffic lasts; 0: until Ctrl-C.")
    ] = 60,
    rate: Annotated[float, typer.Option(min=1, help="Live responses a second.")] = 200.0,
    workers: Annotated[int, typer.Option(min=1, max=8, help="Score workers.")] = 1,
    seed: Annotated[int, typer.Option(help="Another number, other traffic.")] = 1,
    keep: Keep = None,
    published_share: Annotated[
        float,
        typer.Option(
            min=0, max=1, hidden=True, help="Share of the published quarter that is sent."
        ),
    ] = 1.0,
) -> None:
    """Run everything for a while on ports of its own: a published quarter, then live traffic.

    Exit code 0 only if every record is accounted for, the counts in ClickHouse equal what was
    sent, and the means equal the published ones. Nothing is left running. CXPULSE_* settings are
    not used: the demo never touches another Kafka or ClickHouse.
    """
    from pipeline.environment import forget_environment
    from pipeline.local.demo.run import Options, play

    forget_environment()
    raise typer.Exit(play(Options(seconds, rate, workers, seed, published_share, keep)))
