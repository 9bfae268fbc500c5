"""`cxpulse emit`: send files, a published quarter, or simulated traffic."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer.models import OptionInfo

from pipeline.emit.readers import FileFormat

PANEL = "--simulate"


def share(what: str) -> OptionInfo:
    """An option for the share of responses that are made so, of 1."""
    option: OptionInfo = typer.Option(
        min=0, max=1, help=f"Share of {what}, 0 to 1.", rich_help_panel=PANEL
    )
    return option


def emit(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="CSV or JSON lines; - reads standard input.", show_default=False),
    ] = None,
    form: Annotated[
        FileFormat | None,
        typer.Option("--format", help="What the files are; else their extension says it."),
    ] = None,
    allow_refused: Annotated[
        bool, typer.Option("--allow-refused", help="Exit with 0 although lines were refused.")
    ] = False,
    published: Annotated[
        tuple[str, int, str] | None,
        typer.Option(
            metavar="SERVICE YEAR QUARTER",
            help="Send a quarter's published results as responses, e.g. va-vha 2020 Q2.",
        ),
    ] = None,
    simulate: Annotated[bool, typer.Option("--simulate", help="Send made-up traffic.")] = False,
    rate: Annotated[
        float,
        typer.Option(min=0.001, help="Responses a second.", rich_help_panel=PANEL),
    ] = 100.0,
    duration: Annotated[
        str | None,
        typer.Option(help="How long, e.g. 90s, 5m; else until Ctrl-C.", rich_help_panel=PANEL),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many responses; with --history, how many of them (else 100,000).",
            rich_help_panel=PANEL,
        ),
    ] = None,
    history: Annotated[
        str | None,
        typer.Option(
            help="First spread responses over so long before now, e.g. 28d.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Another number, other traffic.", rich_help_panel=PANEL)
    ] = 1,
    duplicates: Annotated[float, share("responses sent twice")] = 0.01,
    retractions: Annotated[float, share("responses taken back")] = 0.005,
    late: Annotated[float, share("responses older than any open hour")] = 0.005,
    invalid: Annotated[float, share("records that must be refused")] = 0.005,
    truth: Annotated[
        Path | None,
        typer.Option(help="Write what must be counted to this JSON file.", rich_help_panel=PANEL),
    ] = None,
) -> None:
    """Send survey responses: FILES, --published results, or --simulate.

    Every line of a file is checked against the catalogue; what is refused is told by file, line,
    field and reason, and never sent. Sending the same responses again adds nothing.
    """
    from pipeline.emit import sending
    from pipeline.settings import load

    chosen = [bool(files), published is not None, simulate]
    if chosen.count(True) != 1:
        raise typer.BadParameter("give FILES, or --published, or --simulate: one of the three")
    settings = load()
    if files:
        code = sending.send_files(settings, files, form, allow_refused)
    elif published is not None:
        code = sending.send_published(settings, *published)
    else:
        traffic = sending.traffic(
            rate=rate,
            duration=duration,
            count=count,
            history=history,
            seed=seed,
            duplicates=duplicates,
            retractions=retractions,
            late=late,
            invalid=invalid,
        )
        code = sending.send_simulated(settings, traffic, truth)
    raise typer.Exit(code)
