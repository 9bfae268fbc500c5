"""`cxpulse migrate`: create or update the ClickHouse database."""

from __future__ import annotations

import typer


def migrate() -> None:
    """Create the ClickHouse database, apply new SQL files, load the catalogue; safe to repeat."""
    from pipeline.settings import load
    from pipeline.store.migrate import migrate as run
    from pipeline.wire.catalogue import load_catalogue

    settings = load()
    report = run(settings, load_catalogue(settings.catalog))
    typer.echo(
        f"Database {report.database}: {len(report.applied)} SQL files applied, "
        f"{len(report.already)} already there, "
        + (
            f"catalogue loaded ({', '.join(report.loaded)})"
            if report.loaded
            else "catalogue current"
        )
    )
