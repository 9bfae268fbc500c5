"""Flags that several commands have."""

from __future__ import annotations

from typing import Any

import typer


def metrics_port_option(section: str) -> Any:
    """`--metrics-port` of a process whose settings are in `section`."""
    return typer.Option(
        metavar="PORT",
        help="Where /metrics and /healthz answer; 0 takes a free one.",
        min=0,
        max=65535,
        show_default=f"{section}.metrics_port",
    )
