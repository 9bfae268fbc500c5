"""Schemas change as `schemas/README.md` allows; the check is tried on what it forbids."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest

from pipeline.resources import resource
from pipeline.wire.avro import HEADER, codec
from tests.support.evolution import FULL, load, problems, versions

SCHEMAS = resource("schemas")
NAMES = ("survey_response", *FULL)
Change = Callable[[dict[str, Any]], object]

NEW = {"name": "language", "type": "string"}
WITH_DEFAULT = {**NEW, "default": "en"}
OPTIONAL = {"name": "language", "type": ["null", "string"], "default": None}


def field(schema: dict[str, Any], at: int) -> dict[str, Any]:
    found = schema["fields"][at]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_schemas_evolved_by_the_rules(name: str) -> None:
    assert problems(SCHEMAS, name) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("addition", [WITH_DEFAULT, OPTIONAL], ids=["default", "optional"])
def test_a_field_with_a_default_may_be_added_as_a_new_version(
    tmp_path: Path, name: str, addition: dict[str, Any]
) -> None:
    folder = changed(tmp_path, name, lambda schema: schema["fields"].append(addition))
    assert problems(folder, name) == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("survey_response", lambda s: s["fields"].append(NEW)),
        ("survey_response", lambda s: field(s, 0).update(name="id")),
        ("survey_response", lambda s: field(s, 1).update(type="int")),
        ("survey_response", lambda s: field(s, 6).update(type={"type": "map", "values": "string"})),
        ("survey_response", lambda s: field(s, 7).update(type="string", default="")),
        ("survey_response", lambda s: field(s, 7).update(type=["null", "int"])),
        ("score_update", lambda s: s["fields"].append(NEW)),
        ("score_update", lambda s: s["fields"].pop(3)),
        ("score_update", lambda s: field(s, 1).update(type="long")),
        ("ledger_entry", lambda s: s["fields"].pop(9)),
        ("ledger_entry", lambda s: field(s, 0).update(type=["null", "int"], default=None)),
        ("ledger_entry", lambda s: field(s, 8)["type"]["fields"].append(NEW)),
    ],
)
def test_a_change_that_breaks_a_reader_is_found(tmp_path: Path, name: str, change: Change) -> None:
    found = problems(changed(tmp_path, name, change), name)
    assert found
    assert all("cannot read" in problem for problem in found)


def test_responses_may_lose_a_field_or_widen_a_number_for_only_newer_programs_read_them(
    tmp_path: Path,
) -> None:
    def narrower(schema: dict[str, Any]) -> None:
        schema["fields"].pop(7)
        field(schema, 6)["type"]["values"] = "long"

    assert problems(changed(tmp_path, "survey_response", narrower), "survey_response") == []


def test_an_edit_without_a_new_version_is_found(tmp_path: Path) -> None:
    def document(schema: dict[str, Any]) -> None:
        schema["doc"] += " Edited."

    folder = changed(tmp_path, "survey_response", document, as_version=False)
    assert problems(folder, "survey_response") == [
        "the current schema is not the newest version of the history"
    ]


def test_a_gap_in_the_versions_is_found(tmp_path: Path) -> None:
    folder = changed(tmp_path, "score_update", lambda schema: None)
    (folder / "history" / "score_update" / "v2.avsc").rename(
        folder / "history" / "score_update" / "v3.avsc"
    )
    assert problems(folder, "score_update") == ["versions are not v1, v2, ... without a gap"]


@pytest.mark.parametrize("name", NAMES)
def test_examples_written_by_any_version_are_read_by_those_that_must(name: str) -> None:
    current = fastavro.parse_schema(load(SCHEMAS / f"{name}.avsc"))
    for example in sorted((SCHEMAS / "examples" / name).glob("*.json")):
        for path in versions(SCHEMAS, name):
            earlier = fastavro.parse_schema(load(path))
            pairs = [(earlier, current), *([(current, earlier)] if name in FULL else [])]
            for writer, reader in pairs:
                stream = BytesIO()
                fastavro.schemaless_writer(stream, writer, load(example))
                stream.seek(0)
                assert fastavro.schemaless_reader(stream, writer, reader)


def test_the_readme_lists_the_header_of_every_version() -> None:
    text = (SCHEMAS / "README.md").read_text(encoding="utf-8")
    for name in NAMES:
        own = codec(name)
        assert len(own.writers) == len(own.versions)
        for version, header in zip(own.versions, own.writers, strict=True):
            assert f"| `{name}` | {version} | `{header[:HEADER].hex(' ')}` |" in text


def changed(tmp_path: Path, name: str, change: Change, as_version: bool = True) -> Path:
    """A copy of the schemas where one was changed, and the change kept as the next version."""
    folder = tmp_path / "schemas"
    shutil.copytree(SCHEMAS, folder)
    path = folder / f"{name}.avsc"
    schema = load(path)
    change(schema)
    path.write_text(json.dumps(schema), encoding="utf-8")
    if as_version:
        number = len(versions(folder, name)) + 1
        shutil.copy(path, folder / "history" / name / f"v{number}.avsc")
    return folder
