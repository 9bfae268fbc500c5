"""The lines of a byte stream: bounded, UTF-8, with a pause shown wherever reading may block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from pipeline.emit.refusal import Refusal

LONGEST: Final = 1024 * 1024
"""A comment of 10,000 characters takes 60 kB of JSON at worst; beyond 1 MiB a line is not ours."""
CHUNK: Final = 64 * 1024
"""Bytes asked for in one read: a pipe gives what it has, so a slow one is not held up."""
_BOM: Final = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """A line, without its end: the number of its first line in the file, from 1, and its text."""

    number: int
    content: str | Refusal


def read_lines(stream: BinaryIO, quoted: bool = False) -> Iterator[Line | None]:
    """Every line that is not blank; None before each read, so that what came so far can be sent.

    With `quoted`, a line break inside double quotes belongs to the line (CSV).
    """
    splitter = _Splitter(quoted)
    read = getattr(stream, "read1", stream.read)
    while True:
        yield None
        chunk: bytes = read(CHUNK)
        if not chunk:
            yield from splitter.end()
            return
        yield from splitter.feed(chunk)


class _Splitter:
    """Cuts chunks into lines; holds at most one line of `LONGEST` bytes."""

    def __init__(self, quoted: bool) -> None:
        self._quoted = quoted
        self._physical = 0
        self._first = 1
        self._tail = b""  # of a line whose end has not come yet
        self._held: list[bytes] = []  # whole lines inside an open quote
        self._size = 0
        self._skipping = False

    def feed(self, chunk: bytes) -> Iterator[Line]:
        *whole, tail = chunk.split(b"\n")
        for piece in whole:
            line = self._tail + piece
            self._tail = b""
            self._physical += 1
            if self._skipping:
                self._skipping = False
            else:
                yield from self._take(line)
        self._tail += tail
        if len(self._tail) + self._size > LONGEST:
            if not self._skipping:
                yield self._too_long(self._physical + 1)
            self._skipping = True
            self._tail = b""

    def end(self) -> Iterator[Line]:
        if self._tail and not self._skipping:
            self._physical += 1
            yield from self._take(self._tail)
        if self._held:
            first, self._held = self._first, []
            yield Line(first, Refusal("", "unclosed_quote"))

    def _take(self, line: bytes) -> Iterator[Line]:
        if not self._held:
            self._first = self._physical
        line = line.removesuffix(b"\r")
        if self._physical == 1:
            line = line.removeprefix(_BOM)
        if self._size + len(line) > LONGEST:
            yield self._too_long(self._first)
            return
        if self._quoted and (line.count(b'"') % 2 == 1) != bool(self._held):
            self._held.append(line)
            self._size += len(line) + 1
            return
        whole = b"\n".join([*self._held, line])
        self._drop()
        if whole.strip():
            yield Line(self._first, _text(whole))

    def _too_long(self, number: int) -> Line:
        first = self._first if self._held else number
        refusal = Refusal("", "unclosed_quote" if self._held else "line_too_long")
        self._drop()
        return Line(first, refusal)

    def _drop(self) -> None:
        self._held = []
        self._size = 0


def _text(line: bytes) -> str | Refusal:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return Refusal("", "invalid_utf8")
