"""The kinds of statements the server tells apart."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

_SESSION = frozenset({"set", "use"})

_HEAD = 200
"""Enough characters to hold CREATE OR REPLACE TEMPORARY TABLE and a comment before it."""


class Shape(Enum):
    """How a statement is run and answered."""

    SELECT = "select"
    SHOW = "show"
    INSERT = "insert"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `sql` is what the engine gets; the data of an INSERT begin at byte `data`."""

    shape: Shape
    sql: str
    first: str
    format: str | None = None
    data: int = 0

    @property
    def is_read(self) -> bool:
        """May it run under `readonly=2`?"""
        return self.has_rows or self.first in _SESSION

    @property
    def has_rows(self) -> bool:
        """Does it answer with a result set, maybe an empty one?"""
        return self.shape in (Shape.SELECT, Shape.SHOW)

    @property
    def is_setting(self) -> bool:
        """SET and USE change the handle they run on."""
        return self.first in _SESSION

    @property
    def stays(self) -> bool:
        """Does it leave something on its handle, so that nobody else may get that one?"""
        return self.is_setting or "temporary" in self.sql[:_HEAD].lower()


def utf8(text: bytes) -> str:
    """Statement text for the engine: what is no UTF-8 goes through as it came."""
    return text.decode("utf-8", errors="surrogateescape").strip()
