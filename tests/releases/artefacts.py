"""What a release left behind, as files: records of topics, offsets of groups, rows of tables."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

FOLDER: Final = Path(__file__).parent
PARTITIONS: Final = 2

TOPICS: Final = "topics.json.gz"
GROUPS: Final = "groups.json"
TABLES: Final = "tables.json.gz"


def releases() -> list[str]:
    """Every release that is kept."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{TOPICS}"))


def prefix(release: str) -> str:
    """Of its topics and groups. Dead letters and tables name topics, so no test may choose it."""
    return f"release-{release}"


class Kept(NamedTuple):
    """One record; `appended_at` in ms."""

    partition: int
    offset: int
    appended_at: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


class Committed(NamedTuple):
    """Where a group stands, each name without its prefix."""

    group: str
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Artefacts:
    """`topics` are by their names in `Topics`; the rows of tables are as in JSONEachRow."""

    topics: dict[str, list[Kept]]
    groups: list[Committed]
    tables: dict[str, list[dict[str, Any]]]


def write(folder: Path, found: Artefacts) -> None:
    """Keep them in a new folder."""
    folder.mkdir()
    topics = {
        name: [
            [*kept[:3], _text(kept.key), _text(kept.value), [[k, _text(v)] for k, v in kept[5]]]
            for kept in records
        ]
        for name, records in found.topics.items()
    }
    (folder / TOPICS).write_bytes(_packed(topics))
    (folder / GROUPS).write_text(json.dumps(found.groups, indent=1) + "\n", encoding="utf-8")
    (folder / TABLES).write_bytes(_packed(found.tables))


def read(release: str) -> Artefacts:
    """Those of a release."""
    folder = FOLDER / release
    topics = json.loads(gzip.decompress((folder / TOPICS).read_bytes()))
    return Artefacts(
        {name: [_kept(*record) for record in records] for name, records in topics.items()},
        [Committed(*one) for one in json.loads((folder / GROUPS).read_text(encoding="utf-8"))],
        json.loads(gzip.decompress((folder / TABLES).read_bytes())),
    )


def _kept(
    partition: int,
    offset: int,
    appended_at: int,
    key: str | None,
    value: str | None,
    headers: list[tuple[str, str]],
) -> Kept:
    named = [(name, _bytes(text) or b"") for name, text in headers]
    return Kept(partition, offset, appended_at, _bytes(key), _bytes(value), named)


def _packed(content: object) -> bytes:
    # Without the time, so that the same content makes the same file.
    return gzip.compress(json.dumps(content, separators=(",", ":")).encode(), mtime=0)


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)
