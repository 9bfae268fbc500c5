"""Avro single-object encoding: `C3 01`, the schema's CRC-64-AVRO fingerprint, the body.

Avro 1.12 specification, "Single-object encoding" and "Schema Fingerprints".
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, cast

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form
from fastavro.types import Schema

from pipeline.errors import SchemaError
from pipeline.resources import resource

MARKER: Final = b"\xc3\x01"
HEADER: Final = len(MARKER) + 8


class Codec:
    """Reads and writes single objects of one schema, and reads every earlier version of it.

    Datetime conversion is switched off: times stay integers in milliseconds.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.schema = _parse(resource("schemas", f"{name}.avsc"))
        self.header = MARKER + _fingerprint(self.schema)
        history = resource("schemas", "history", name).glob("v*.avsc")
        self.versions = sorted((path.stem for path in history), key=lambda v: (len(v), v))
        self.writers: dict[bytes, Schema] = {
            MARKER + _fingerprint(s): s for s in (*map(self.version, self.versions), self.schema)
        }

    def encode(self, record: Mapping[str, object]) -> bytes:
        """Bytes of `record`. Raises ValueError or TypeError when it does not fit."""
        out = io.BytesIO()
        out.write(self.header)
        fastavro.schemaless_writer(out, self.schema, dict(record))
        return out.getvalue()

    def decode(self, value: bytes) -> dict[str, object]:
        """The record in `value`. Raises SchemaError unless the bytes are one of ours."""
        writer = self.writers.get(value[:HEADER])
        if writer is None:
            raise SchemaError(f"{self.name}: not a single object of a known version")
        stream = io.BytesIO(value)
        stream.seek(HEADER)
        try:
            record = fastavro.schemaless_reader(stream, writer, self.reader_for(writer))
        except (EOFError, IndexError, ValueError, TypeError, OverflowError, MemoryError) as error:
            raise SchemaError(f"{self.name}: {type(error).__name__} in body") from None
        if stream.tell() != len(value):
            raise SchemaError(f"{self.name}: bytes after the body")
        return cast("dict[str, object]", record)

    def version(self, name: str) -> Schema:
        """The schema of one version of the history, for example `v1`. Raises SchemaError."""
        return _parse(resource("schemas", "history", self.name, f"{name}.avsc"))

    def reader_for(self, writer: Schema) -> Schema | None:
        """The schema to resolve to; None when data is of the current version already (faster)."""
        return None if writer is self.writers[self.header] else self.schema


@cache
def codec(name: str) -> Codec:
    """The codec of `schemas/<name>.avsc`, made once."""
    return Codec(name)


def _parse(path: Path) -> Schema:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return fastavro.parse_schema(_without_logical_types(raw))
    except (OSError, ValueError, fastavro.schema.SchemaParseException) as error:
        raise SchemaError(f"{path.name}: {error}") from None


def _without_logical_types(node: Schema) -> Schema:
    """Times as integers. The fingerprint is unchanged: the canonical form drops logicalType."""
    if isinstance(node, dict):
        return {k: _without_logical_types(v) for k, v in node.items() if k != "logicalType"}
    if isinstance(node, list):
        return [_without_logical_types(item) for item in node]
    return node


def _fingerprint(schema: Schema) -> bytes:
    hexadecimal = fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")
    return bytes.fromhex(hexadecimal)
