"""Errors a user can act on. Each prints as one line: what, where, what to do.

CxpulseError
├── SettingsError      a setting is wrong or missing            (names the setting)
├── CatalogueError     a catalogue file does not hold           (file, entry)
├── SchemaError        a schema or an id → schema map is unusable
├── KafkaError         broker away, topic missing or drifted    (topic, partition)
│   └── CheckpointError    a checkpoint cannot be read          (topic, partition, offset)
├── StoreError         ClickHouse refuses or is away            (code)
│   ├── TransientStoreError   waiting helps
│   ├── BadRowError           the rows are at fault
│   └── MigrationError        an applied file changed, or DDL failed   (file)
├── LocalError         the local stack cannot start             (program, port, folder)
└── InputError         a file given to a command does not hold  (file, line)
"""

from __future__ import annotations


class CxpulseError(Exception):
    """The root: shown as one line, exit code 2 for a usage fault and 1 for the rest."""

    exit_code = 1


class SettingsError(CxpulseError):
    """A setting is wrong or missing; the message names it."""

    exit_code = 2


class CatalogueError(CxpulseError):
    """A catalogue file does not hold; the message names file and entry."""

    exit_code = 2


class SchemaError(CxpulseError):
    """A schema, or the static id → schema map, cannot be used."""


class KafkaError(CxpulseError):
    """The broker is away or a topic is not as it must be; the message names it."""


class CheckpointError(KafkaError):
    """Checkpoints exist but none can be read, or one contradicts the log."""


class StoreError(CxpulseError):
    """ClickHouse answered with an error; `code` is its number, 0 when it never answered."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class TransientStoreError(StoreError):
    """Waiting helps: network, memory, disk space, too many queries."""


class BadRowError(StoreError):
    """The rows of this insert are at fault: bisect them."""


class MigrationError(StoreError):
    """A migration file was edited after it was applied, or its DDL failed."""


class LocalError(CxpulseError):
    """A part of the local stack cannot start; the message says what is missing or in the way."""


class InputError(CxpulseError):
    """A file given to a command does not hold; the message names file and line."""

    exit_code = 2
