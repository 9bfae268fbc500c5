"""Whether one Avro schema can read what another wrote: schema resolution of Avro 1.12, no data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

Schema = Any  # JSON as it is in the file

PROMOTIONS: Final[dict[str, tuple[str, ...]]] = {
    "int": ("long", "float", "double"),
    "long": ("float", "double"),
    "float": ("double",),
    "string": ("bytes",),
    "bytes": ("string",),
}
FULL: Final = ("score_update", "ledger_entry")
"""Read by older programs too; responses are only ever read by newer ones."""


def problems(folder: Path, name: str) -> list[str]:
    """What in `folder` breaks the rules of `schemas/README.md` for one schema."""
    current = load(folder / f"{name}.avsc")
    history = versions(folder, name)
    found = []
    if [path.stem for path in history] != [f"v{n + 1}" for n in range(len(history))]:
        found.append("versions are not v1, v2, ... without a gap")
    if not history or load(history[-1]) != current:
        found.append("the current schema is not the newest version of the history")
    for path in history:
        earlier = load(path)
        found += [f"current cannot read {path.stem}: {why}" for why in gaps(current, earlier)]
        if name in FULL:
            found += [f"{path.stem} cannot read current: {why}" for why in gaps(earlier, current)]
    return found


def versions(folder: Path, name: str) -> list[Path]:
    """The files of the history, oldest first."""
    return sorted((folder / "history" / name).iterdir(), key=lambda path: (len(path.stem), path))


def load(path: Path) -> Schema:
    return json.loads(path.read_text(encoding="utf-8"))


def gaps(reader: Schema, writer: Schema, at: str = "") -> Iterator[str]:
    """Why data of `writer` cannot always be read as `reader`; nothing when it can."""
    if isinstance(writer, list):
        for branch in writer:
            yield from gaps(reader, branch, at)
    elif isinstance(reader, list):
        if all(any(gaps(branch, writer, at)) for branch in reader):
            yield f"{at}: no branch takes {kind(writer)}"
    elif kind(reader) != kind(writer):
        if kind(reader) not in PROMOTIONS.get(kind(writer), ()):
            yield f"{at}: {kind(writer)} became {kind(reader)}"
    else:
        yield from _same_kind(reader, writer, at)


def kind(schema: Schema) -> str:
    return kind(schema["type"]) if isinstance(schema, Mapping) else str(schema)


def _same_kind(reader: Schema, writer: Schema, at: str) -> Iterator[str]:
    if kind(reader) == "record":
        yield from _fields(reader["fields"], writer["fields"], f"{at}/{reader['name']}")
    elif kind(reader) == "array":
        yield from gaps(reader["items"], writer["items"], f"{at}[]")
    elif kind(reader) == "map":
        yield from gaps(reader["values"], writer["values"], f"{at}{{}}")


def _fields(reader: Sequence[Schema], writer: Sequence[Schema], at: str) -> Iterator[str]:
    written = {field["name"]: field["type"] for field in writer}
    for field in reader:
        names = [name for name in (field["name"], *field.get("aliases", ())) if name in written]
        if names:
            yield from gaps(field["type"], written[names[0]], f"{at}.{field['name']}")
        elif "default" not in field:
            yield f"{at}.{field['name']}: not written, and without a default"
