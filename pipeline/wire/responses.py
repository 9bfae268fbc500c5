"""Survey responses: bytes ⇄ records. Input is hostile: every fault is a reason, none an error."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Final, cast

import fastavro
from fastavro.types import Schema

from pipeline.core.reasons import Reason
from pipeline.errors import SettingsError
from pipeline.wire.avro import HEADER, MARKER, Codec, codec
from pipeline.wire.diagnosis import diagnose

_CONFLUENT_MAGIC: Final = b"\x00"
_CONFLUENT_HEADER: Final = 5
"""Confluent wire format: a zero byte, then a 4-byte big-endian schema id."""


def response_codec() -> Codec:
    """The codec of `schemas/survey_response.avsc`."""
    return codec("survey_response")


def encode_response(record: Mapping[str, object]) -> bytes:
    """Single-object bytes. Raises ValueError or TypeError when a field does not fit."""
    return response_codec().encode(record)


class ResponseDecoder:
    """Decodes single-object and, through a static map of registry ids, Confluent wire format.

    `confluent_ids` maps a registry id to a file of the schema history, such as
    `survey_response/v1.avsc`. Raises SettingsError for an id or a file that cannot be.
    """

    def __init__(self, confluent_ids: Mapping[int, str] | None = None) -> None:
        own = response_codec()
        self._current = own.schema
        self._single: dict[bytes, tuple[Schema, Schema | None]] = {
            header: (writer, own.reader_for(writer)) for header, writer in own.writers.items()
        }
        self._confluent = {
            _confluent_header(number): (_version(own, file), own.schema)
            for number, file in (confluent_ids or {}).items()
        }

    def decode(self, value: bytes | None) -> dict[str, object] | Reason:
        """The record in one Kafka value, or why there is none. Never raises, whatever the bytes.

        Time and memory are bounded by the length of `value`: a declared length is never trusted.
        Map blocks with a negative count (Avro's way to say a block's size in bytes) are read.
        """
        if not value:
            return Reason.TOMBSTONE if value is None else Reason.EMPTY
        known = self._single.get(value[:HEADER])
        start = HEADER
        if known is None:
            known = self._confluent.get(value[:_CONFLUENT_HEADER])
            start = _CONFLUENT_HEADER
            if known is None:
                return _unknown(value)
        stream = io.BytesIO(value)
        stream.seek(start)
        try:
            record = fastavro.schemaless_reader(stream, known[0], known[1])
        except UnicodeDecodeError:
            return Reason.INVALID_UTF8
        except (EOFError, IndexError, ValueError, TypeError, OverflowError, MemoryError, KeyError):
            return diagnose(value, start, known[0])
        if stream.tell() != len(value):
            return Reason.TRAILING_BYTES
        return cast("dict[str, object]", record)


def _confluent_header(number: int) -> bytes:
    try:
        return _CONFLUENT_MAGIC + number.to_bytes(4, "big")
    except OverflowError:
        raise SettingsError(
            f"setting kafka.confluent_ids: {number} is no registry id; those are 0 to {2**32 - 1}"
        ) from None


def _version(own: Codec, file: str) -> Schema:
    known = {f"{own.name}/{name}.avsc": name for name in own.versions}
    if file not in known:
        raise SettingsError(
            f"setting kafka.confluent_ids: there is no schema {file!r}; use {', '.join(known)}"
        )
    return own.version(known[file])


def _unknown(value: bytes) -> Reason:
    """Say whether the bytes at least claim to be Avro."""
    if value[:2] == MARKER:
        return Reason.UNKNOWN_SCHEMA if len(value) >= HEADER else Reason.TRUNCATED
    if value[:1] == _CONFLUENT_MAGIC:
        long_enough = len(value) >= _CONFLUENT_HEADER
        return Reason.UNKNOWN_SCHEMA if long_enough else Reason.TRUNCATED
    return Reason.NOT_AVRO
