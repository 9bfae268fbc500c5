"""What `cxpulse emit` can be told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from typer.models import OptionInfo

from pipeline.emit.readers import FileFormat

PANEL: Final = "--simulate"


def _share(what: str) -> OptionInfo:
    """An option for the share of responses that are made so, of 1."""
    option: OptionInfo = typer.Option(
        min=0, max=1, help=f"Share of {what}, 0 to 1.", rich_help_panel=PANEL
    )
    return option


Files = Annotated[
    list[Path] | None,
    typer.Argument(help="CSV or JSON lines; - reads standard input.", show_default=False),
]
Format = Annotated[
    FileFormat | None,
    typer.Option("--format", help="What the files are; else their extension says it."),
]
AllowRefused = Annotated[
    bool, typer.Option("--allow-refused", help="Exit with 0 although lines were refused.")
]
Published = Annotated[
    tuple[str, int, str] | None,
    typer.Option(
        metavar="SERVICE YEAR QUARTER",
        help="Send a quarter's published results as responses, e.g. va-vha 2020 Q2.",
    ),
]
Simulate = Annotated[bool, typer.Option("--simulate", help="Send made-up traffic.")]
Rate = Annotated[float, typer.Option(min=0.001, help="Responses a second.", rich_help_panel=PANEL)]
Duration = Annotated[
    str | None,
    typer.Option(help="How long, e.g. 90s, 5m; else until Ctrl-C.", rich_help_panel=PANEL),
]
Count = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="How many responses; with --history, how many of them (else 100,000).",
        rich_help_panel=PANEL,
    ),
]
History = Annotated[
    str | None,
    typer.Option(
        help="First spread responses over so long before now, e.g. 28d.", rich_help_panel=PANEL
    ),
]
Seed = Annotated[int, typer.Option(help="Another number, other traffic.", rich_help_panel=PANEL)]
Duplicates = Annotated[float, _share("responses sent twice")]
Retractions = Annotated[float, _share("responses taken back")]
Late = Annotated[float, _share("responses older than any open hour")]
Invalid = Annotated[float, _share("records that must be refused")]
Truth = Annotated[
    Path | None,
    typer.Option(help="Write what must be counted to this JSON file.", rich_help_panel=PANEL),
]
