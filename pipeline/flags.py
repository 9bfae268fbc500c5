"""Flags that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]

Keep = Annotated[
    Path | None,
    typer.Option(
        help="Keep data and logs in this folder, which must be empty; else they are removed.",
        show_default=False,
    ),
]


def metrics_port_option(section: str) -> Any:
    """`--metrics-port` of a process whose settings are in `section`."""
    return typer.Option(
        metavar="PORT",
        help="Where /metrics and /healthz answer; 0 takes a free one.",
        min=0,
        max=65535,
        show_default=f"{section}.metrics_port",
    )
