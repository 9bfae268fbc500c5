"""`python -m pipeline.score`: the command without the rest of the program."""

from __future__ import annotations

import sys

import typer

from pipeline.errors import CxpulseError
from pipeline.logs import configure
from pipeline.score.command import score

if __name__ == "__main__":
    configure()
    try:
        typer.run(score)
    except CxpulseError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
