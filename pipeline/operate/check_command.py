"""`cxpulse check`: the preflight as a table for people or JSON for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from pipeline.flags import AsJson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.operate.check import Finding


def check(
    as_json: AsJson = False,
) -> None:
    """Check all that the pipeline needs before it runs; exit with 1 when something FAILs.

    Broker, topics, ClickHouse, migrations, catalogue and OMB clearances, each within seconds and
    whatever the others say. Nothing is changed.
    """
    import asyncio

    from pipeline.operate.check import State
    from pipeline.operate.check import check as run
    from pipeline.settings import load

    findings = asyncio.run(run(load()))
    failed = any(finding.state is State.FAIL for finding in findings)
    if as_json:
        _print_json(findings, good=not failed)
    else:
        _print_table(findings)
    raise typer.Exit(1 if failed else 0)


def _print_json(findings: Sequence[Finding], *, good: bool) -> None:
    import json
    from dataclasses import asdict

    checks = [asdict(finding) for finding in findings]
    typer.echo(json.dumps({"good": good, "checks": checks}, indent=2))


def _print_table(findings: Sequence[Finding]) -> None:
    from rich.table import Table
    from rich.text import Text

    from pipeline.operate.check import State
    from pipeline.operate.terminal import stdout

    colours = {State.OK: "green", State.WARN: "yellow", State.FAIL: "bold red"}
    table = Table("check", "state", "what was found, what to do")
    for finding in findings:
        state = Text(finding.state, style=colours[finding.state])
        table.add_row(finding.check, state, Text(finding.text, overflow="fold"))
    stdout().print(table)
