"""`cxpulse drill`: break something on purpose, and see that nothing is lost or counted twice."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ALL = "all"


def drill(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Drills, one after the other; all leaves out short and soak.",
            show_default=False,
        ),
    ] = None,
    show_list: Annotated[bool, typer.Option("--list", help="Say what there is, and end.")] = False,
    seconds: Annotated[
        float | None,
        typer.Option(min=1, help="How long traffic lasts at least.", show_default="by drill"),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=1, help="Responses a second.", show_default="by drill")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another number, other traffic and moments.")] = 1,
    brokers: Annotated[
        int | None,
        typer.Option(min=1, max=3, help="Kafka brokers, of 1 or 3.", show_default="by drill"),
    ] = None,
    every: Annotated[
        float, typer.Option(min=1, help="Seconds between two kills of a soak.")
    ] = 20.0,
    keep: Annotated[
        Path | None,
        typer.Option(
            help="Keep data and logs in this folder, which must be empty; else they are removed.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Break something on purpose, in a stack of its own, while known traffic flows.

    Then waits for calm and compares: exit code 0 only if no response is lost or counted twice,
    every record has one outcome, and scores were told again in time. CXPULSE_* settings are not
    used: no other Kafka or ClickHouse is ever touched.
    """
    import os

    from pipeline.local.show import Show
    from pipeline.operate.drill import report
    from pipeline.operate.drill.drills import BY_NAME, DRILLS
    from pipeline.operate.drill.play import Options
    from pipeline.operate.drill.run import run

    if show_list:
        Show().put(report.listing(DRILLS))
        return
    wanted = [BY_NAME[name] for name in names or () if name in BY_NAME]
    if names == [ALL]:
        wanted = [drill for drill in DRILLS if not drill.apart]
    unknown = sorted(set(names or ()) - BY_NAME.keys() - {ALL})
    if unknown or not wanted:
        what = f"no drill {unknown[0]!r}" if unknown else "name a drill, or all"
        raise typer.BadParameter(f"{what}; --list says what there is")
    for name in [name for name in os.environ if name.startswith("CXPULSE_")]:
        del os.environ[name]
    raise typer.Exit(run(wanted, Options(seconds, rate, seed, brokers, every), keep))
