"""`cxpulse drill`: break something on purpose, and see that nothing is lost or counted twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.flags import Keep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.operate.drill.drill import Drill

ALL: Final = "all"

Names = Annotated[
    list[str] | None,
    typer.Argument(
        help="Drills, one after the other; all leaves out short and soak.", show_default=False
    ),
]
ShowList = Annotated[bool, typer.Option("--list", help="Say what there is, and end.")]
Seconds = Annotated[
    float | None,
    typer.Option(min=1, help="How long traffic lasts at least.", show_default="by drill"),
]
Rate = Annotated[
    float | None, typer.Option(min=1, help="Responses a second.", show_default="by drill")
]
Seed = Annotated[int, typer.Option(help="Another number, other traffic and moments.")]
Brokers = Annotated[
    int | None,
    typer.Option(min=1, max=3, help="Kafka brokers, of 1 or 3.", show_default="by drill"),
]
Every = Annotated[float, typer.Option(min=1, help="Seconds between two kills of a soak.")]


def drill(
    names: Names = None,
    show_list: ShowList = False,
    seconds: Seconds = None,
    rate: Rate = None,
    seed: Seed = 1,
    brokers: Brokers = None,
    every: Every = 20.0,
    keep: Keep = None,
) -> None:
    """Break something on purpose, in a stack of its own, while known traffic flows.

    Then waits for calm and compares: exit code 0 only if no response is lost or counted twice,
    every record has one outcome, and scores were told again in time. CXPULSE_* settings are not
    used: no other Kafka or ClickHouse is ever touched.
    """
    from pipeline.environment import forget_environment
    from pipeline.local.show import Show
    from pipeline.operate.drill import report
    from pipeline.operate.drill.drills import DRILLS
    from pipeline.operate.drill.play import Options
    from pipeline.operate.drill.run import run

    if show_list:
        Show().put(report.listing(DRILLS))
        return
    wanted = _wanted(names or ())
    forget_environment()
    raise typer.Exit(run(wanted, Options(seconds, rate, seed, brokers, every), keep))


def _wanted(names: Sequence[str]) -> Sequence[Drill]:
    from pipeline.operate.drill.drills import BY_NAME, DRILLS

    unknown = sorted(set(names) - BY_NAME.keys() - {ALL})
    if unknown or not names:
        what = f"no drill {unknown[0]!r}" if unknown else "name a drill, or all"
        raise typer.BadParameter(f"{what}; --list says what there is")
    if ALL in names:
        return [drill for drill in DRILLS if not drill.apart or drill.name in names]
    return [BY_NAME[name] for name in names]
