"""`python -m loadtest`: measure, print a table, keep it in `loadtest/results/`."""

from __future__ import annotations

import asyncio
import importlib
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, cast

import typer

from loadtest.bench import Bench
from loadtest.machine import machine
from loadtest.report import as_json, as_markdown, keep
from loadtest.result import Result
from loadtest.sizes import FULL, QUICK
from pipeline.errors import CxpulseError
from pipeline.logs import configure

MEASUREMENTS: Final = ("catchup", "freshness", "ids", "restore", "benchmark_query")
RESULTS: Final = Path(__file__).parent / "results"


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes, about two minutes.")] = False,
    only: Annotated[str, typer.Option(help="Some of them, with commas between.")] = ",".join(
        MEASUREMENTS
    ),
    beside: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Python of another release (its .venv/bin/python): its worker catches up too.",
        ),
    ] = None,
    results: Annotated[Path, typer.Option(help="Folder of latest.md and latest.json.")] = RESULTS,
) -> None:
    """Measure catch-up, freshness, memory and restore side by side, on parts started for it.

    Ends by itself, and leaves nothing running. Quiet machines give narrower ranges.
    """
    chosen = [name.strip() for name in only.split(",")]
    unknown = set(chosen) - set(MEASUREMENTS)
    if unknown:
        raise typer.BadParameter(f"--only: no such measurement: {', '.join(sorted(unknown))}")
    configure("warning")
    sizes = QUICK if quick else FULL
    described = machine()
    began = datetime.now(UTC).isoformat(timespec="seconds")
    with tempfile.TemporaryDirectory(prefix="cxpulse-loadtest-") as folder:
        bench = Bench(Path(folder), sizes, lambda line: typer.echo(line, err=True), beside)
        try:
            found = asyncio.run(_measure(bench, chosen))
        except CxpulseError as error:
            typer.echo(f"error: {error}", err=True)
            sys.exit(error.exit_code)
    table = as_markdown(found, described, began)
    keep(results, table, as_json(found, described, asdict(sizes), began))
    typer.echo(table)


async def _measure(bench: Bench, chosen: Sequence[str]) -> list[Result]:
    found: list[Result] = []
    for name in MEASUREMENTS:
        if name in chosen:
            module = importlib.import_module(f"loadtest.{name}")
            measure = cast("Callable[[Bench], Awaitable[list[Result]]]", module.measure)
            found += await measure(bench)
    return found


if __name__ == "__main__":
    app()
