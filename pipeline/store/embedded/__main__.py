"""`python -m pipeline.store.embedded`: the command without the rest of cxpulse."""

from __future__ import annotations

import sys

import typer

from pipeline.errors import CxpulseError
from pipeline.store.embedded.command import clickhouse

try:
    typer.run(clickhouse)
except CxpulseError as error:
    typer.echo(f"error: {error}", err=True)
    sys.exit(error.exit_code)
