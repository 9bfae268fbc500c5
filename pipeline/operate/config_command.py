"""`cxpulse config`: the settings in force, where each can be set, secrets masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.settings import Settings

MASK = "**********"
"""As pydantic prints a secret."""


def config() -> None:
    """Show every setting in force, with the variable that sets it; secrets stay masked.

    In a TOML file, CXPULSE_KAFKA_BOOTSTRAP is bootstrap in the section [kafka]. A variable that
    ends in _FILE names a file that holds the value. Flags win over variables, those over the file.
    """
    import typer

    from pipeline.settings import load

    for name, value, note in rows(load()):
        typer.echo(f"{name}={value}" + (f"  # {note}" if note else ""))


def rows(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """(variable, value, description) of every setting; pydantic prints a secret as asterisks."""
    from pipeline.environment import variable
    from pipeline.settings import leaves

    for place, field in leaves(type(settings)):
        value: object = settings
        for step in place:
            value = getattr(value, step)
        yield variable(place), _text(value), field.description or ""


def _text(value: object) -> str:
    """As the variable would hold it; what looks like a password inside an address is masked."""
    import json
    import re

    if value is None:
        return ""
    text = json.dumps(value) if isinstance(value, dict | bool) else str(value)
    return re.sub(r"//[^/]*@", f"//{MASK}@", text)
