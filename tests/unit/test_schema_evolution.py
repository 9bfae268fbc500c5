"""Old data stays readable: the rules of schemas/README.md, over every version ever released."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import fastavro
import pytest

from pipeline.core.response import Response, Validator
from pipeline.resources import resource
from pipeline.wire.avro import codec
from pipeline.wire.catalogue import load_catalogue

SCHEMAS = resource("schemas")
NAMES = ("survey_response", "score_update", "ledger_entry")
EXAMPLES = sorted((SCHEMAS / "examples").glob("*.json"))
Raw = dict[str, Any]


def load(path: Path) -> Raw:
    return cast(Raw, json.loads(path.read_text(encoding="utf-8")))


def versions(name: str) -> list[Raw]:
    paths = (SCHEMAS / "history" / name).glob("v*.avsc")
    return [load(path) for path in sorted(paths, key=lambda path: int(path.stem[1:]))]


def examples(name: str) -> list[Raw]:
    return [load(path) for path in EXAMPLES if path.stem.split(".")[0] == name]


def reads(reader: Raw, writer: Raw, record: Mapping[str, object]) -> None:
    """Write with one schema and read with another. Raises what fastavro raises."""
    known = {field["name"] for field in writer["fields"]}
    out = io.BytesIO()
    fastavro.schemaless_writer(out, writer, {k: v for k, v in record.items() if k in known})
    out.seek(0)
    fastavro.schemaless_reader(out, writer, reader)
    assert out.tell() == len(out.getvalue())


@pytest.mark.parametrize("name", NAMES)
def test_the_current_schema_reads_data_of_every_version(name: str) -> None:
    assert versions(name)
    for writer in versions(name):
        for record in examples(name):
            reads(load(SCHEMAS / f"{name}.avsc"), writer, record)


@pytest.mark.parametrize("name", ["score_update", "ledger_entry"])
def test_every_version_of_what_we_publish_reads_data_of_every_other(name: str) -> None:
    for reader in versions(name):
        for writer in (*versions(name), load(SCHEMAS / f"{name}.avsc")):
            for record in examples(name):
                reads(reader, writer, record)


@pytest.mark.parametrize("name", NAMES)
def test_the_newest_version_of_the_history_is_the_current_schema(name: str) -> None:
    assert versions(name)[-1] == load(SCHEMAS / f"{name}.avsc")


@pytest.mark.parametrize("change", ["new field without default", "retyped field"])
def test_an_incompatible_change_is_noticed(change: str) -> None:
    current = load(SCHEMAS / "survey_response.avsc")
    changed = copy.deepcopy(current)
    if change == "retyped field":
        changed["fields"][0]["type"] = "long"
    else:
        changed["fields"].append({"name": "mood", "type": "string"})
    with pytest.raises(fastavro.read.SchemaResolutionError):
        reads(changed, current, examples("survey_response")[0])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_survives_the_wire(path: Path) -> None:
    name = path.stem.split(".")[0]
    assert codec(name).decode(codec(name).encode(load(path))) == load(path)


def test_every_example_response_holds_and_every_instrument_has_one() -> None:
    catalogue = load_catalogue(resource("deploy", "catalog"))
    instruments = set()
    for record in examples("survey_response"):
        response = Validator(catalogue).check(record, record["occurred_at"])
        assert isinstance(response, Response)
        instruments.add(catalogue.surveys[response.group.survey].instrument)
    assert len(instruments) == 4
