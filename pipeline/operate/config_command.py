"""`cxpulse config`: the settings in force, where each can be set, secrets masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel


def config() -> None:
    """Print every setting in force, with the variable that sets it; secrets stay masked."""
    import typer

    from pipeline.settings import load

    for name, value, note in rows(load(), ()):
        variable = "CXPULSE_" + "_".join(name).upper()
        typer.echo(f"{variable}={value}" + (f"  # {note}" if note else ""))


def rows(section: BaseModel, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """(path, value, description) of every leaf; pydantic prints a secret as asterisks."""
    from pydantic import BaseModel

    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from rows(value, (*path, name))
        else:
            yield (*path, name), "" if value is None else str(value), field.description or ""
