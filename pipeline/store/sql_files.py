"""The numbered SQL files of `deploy/clickhouse`: read, filled in, cut into statements."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import MigrationError

_NAME: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")

_MACRO: Final = re.compile(r"\$\{(\w+)\}")

_TOKEN: Final = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/)
    |(?P<text>'(?:[^'\\]|\\.|'')*+'|"(?:[^"\\]|\\.|"")*+"|`(?:[^`\\]|\\.|``)*+`)
    |(?P<open>/\*|['"`])
    |(?P<end>;)
    |(?P<code>[^-/'"`;]+|.)""",
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class SqlFile:
    """One migration. `checksum` is the SHA-256 of the bytes as shipped, before macros."""

    name: str
    text: str
    checksum: str

    def statements(self, macros: Mapping[str, str]) -> list[str]:
        """Its statements without comments. Raises MigrationError naming the file."""
        try:
            return list(split(fill(self.text, macros)))
        except ValueError as error:
            raise MigrationError(f"{self.name}: {error}") from None


def read_sql_files(folder: Path) -> list[SqlFile]:
    """The files in their order. Raises MigrationError unless they are numbered 0001, 0002, ..."""
    files = []
    for number, path in enumerate(sorted(folder.glob("*.sql")), start=1):
        match = _NAME.fullmatch(path.name)
        if match is None or int(match[1]) != number:
            raise MigrationError(f"{path}: expected the next file to be {number:04}_name.sql")
        data = path.read_bytes()
        files.append(SqlFile(path.name, data.decode("utf-8"), hashlib.sha256(data).hexdigest()))
    if not files:
        raise MigrationError(f"{folder}: holds no migrations")
    return files


def fill(text: str, macros: Mapping[str, str]) -> str:
    """Replaces every `${name}`. Raises ValueError for a name that is not in `macros`."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in macros:
            raise ValueError(f"unknown macro {match[0]}")
        return macros[match[1]]

    return _MACRO.sub(value, text)


def split(text: str) -> Iterator[str]:
    """Cuts at the semicolons that are neither quoted nor in a comment; comments are left out.

    Raises ValueError for a quote or a comment that is not closed.
    """
    statement = ""
    for token in _TOKEN.finditer(text):
        match token.lastgroup:
            case "open":
                line = text.count("\n", 0, token.start()) + 1
                raise ValueError(f"line {line}: {token[0]} is not closed")
            case "comment":
                statement += " "
            case "end":
                if statement.strip():
                    yield statement.strip()
                statement = ""
            case _:
                statement += token[0]
    if statement.strip():
        yield statement.strip()
