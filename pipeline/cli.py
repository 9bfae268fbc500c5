"""The command `cxpulse`: verbs an operator would guess, each defined beside the part it runs.

Exit codes: 0 done, 1 it ran and found or hit a fault, 2 it was asked wrongly.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline import __version__, logs
from pipeline.emit.command import emit
from pipeline.errors import CxpulseError
from pipeline.local.command import kafka
from pipeline.local.demo.command import demo
from pipeline.operate.check_command import check
from pipeline.operate.config_command import config
from pipeline.operate.drill.command import drill
from pipeline.operate.reconcile.command import reconcile
from pipeline.operate.replay.command import replay
from pipeline.operate.resume_command import resume
from pipeline.operate.sink_command import sink
from pipeline.operate.topics_command import topics
from pipeline.operate.trace_command import trace
from pipeline.score.command import score
from pipeline.settings import CONFIG_VARIABLE
from pipeline.store.embedded.command import clickhouse
from pipeline.store.migrate_command import migrate

app = typer.Typer(
    name="cxpulse",
    help="US federal customer experience, measured at the touchpoint in near real time.\n\n"
    "Settings come from CXPULSE_* variables or a TOML file (--config); `cxpulse config` "
    "lists them all. Start with `cxpulse check`.",
    no_args_is_help=True,
    rich_markup_mode="markdown",  # paragraphs of help are filled, whatever the width
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
local = typer.Typer(no_args_is_help=True, help="Run a part of the local stack, for trying out.")
app.add_typer(local, name="local")

for command in (
    check,
    topics,
    migrate,
    score,
    sink,
    emit,
    trace,
    replay,
    reconcile,
    resume,
    config,
    demo,
    drill,
):
    app.command()(command)
for command in (kafka, clickhouse):
    local.command()(command)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"cxpulse {__version__}")
        raise typer.Exit


@app.callback()
def root(
    config: Annotated[
        Path | None,
        typer.Option(
            help="TOML file with settings, in sections [kafka], [clickhouse], [score], [sink].",
            envvar=CONFIG_VARIABLE,
        ),
    ] = None,
    log_level: Annotated[
        str, typer.Option(help="debug, info, warning or error; libraries speak at debug.")
    ] = "info",
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """What holds for every command."""
    if config is not None:
        os.environ[CONFIG_VARIABLE] = str(config)
    logs.configure(log_level)


def main() -> None:
    """Run the command line; an expected error is one line on stderr, never a traceback."""
    try:
        app()
    except CxpulseError as error:
        typer.echo(f"cxpulse: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        where = error.filename or "the output"
        typer.echo(f"cxpulse: cannot write {where}: {error.strerror}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
