"""What a statement is: read, insert with data, command; and where its inline data begins."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from pipeline.store.embedded import guard
from pipeline.store.embedded.failures import SYNTAX_ERROR, QueryError
from pipeline.store.embedded.inserts import InsertScan
from pipeline.store.embedded.shapes import Shape, Statement, utf8
from pipeline.store.embedded.tokens import Kind, Token, tokens

_SELECT = frozenset({"select", "with", "from", "("})
_SHOW = frozenset({"show", "describe", "desc", "explain", "exists", "check"})
_NOT_A_FORMAT = frozenset({"asc", "desc"})
_AFTER_FORMAT = frozenset({";", "settings"})


_CACHED_BYTES = 16 * 1024
"""Longer statements are not kept: 512 of these are 8 MiB at most."""


def parse(text: bytes) -> Statement:
    """A statement that is all there: without inline data, or with VALUES.

    Raises:
        QueryError: 62 for several statements at once or an unclosed literal, 497 for what `guard`
            refuses.
    """
    return _parse_cached(text) if len(text) <= _CACHED_BYTES else _parse(text)


def parse_head(text: bytes, *, whole: bool) -> Statement | None:
    """The INSERT that begins a body; None when more of the body is needed to tell.

    With VALUES the data are expressions, so all of them are needed, and looked at.

    Raises:
        QueryError: as `parse`.
    """
    scan = InsertScan(text)
    found: list[Token] = []
    for token in tokens(text.decode("latin-1"), whole=False):
        found.append(token)
        if scan.feed(token):
            break
    statement = scan.result(whole)
    if statement is not None and statement.format not in (None, "Values"):
        guard.check(found)
        return statement
    return parse(text) if whole else None


def starts_insert(text: bytes) -> bool | None:
    """Does the text begin with INSERT? None when it is too short to tell."""
    for token in tokens(text.decode("latin-1"), whole=False):
        return None if token.end == len(text) else token.text == "insert"
    return None


def _parse(text: bytes) -> Statement:
    found = list(tokens(text.decode("latin-1")))
    guard.check(found)
    if found and found[0].text == "insert":
        scan = InsertScan(text)
        any(scan.feed(token) for token in found)
        insert = scan.result(whole=True)
        if insert is not None:
            return insert
    return _other(found, text)


_parse_cached = lru_cache(maxsize=512)(_parse)
"""Dashboards repeat themselves."""


def _other(found: list[Token], text: bytes) -> Statement:
    sql = utf8(text[: _only_end(found, len(text))])
    first = found[0].text if found else ""
    name = _format_of(found, text)
    if first in _SELECT and not _writes(found):
        return Statement(Shape.SELECT, sql, first, name)
    if first in _SHOW:
        return Statement(Shape.SHOW, sql, first, name)
    return Statement(Shape.COMMAND, sql, first, name)


def _only_end(found: list[Token], end: int) -> int:
    """Where the one statement ends."""
    for index, token in enumerate(found):
        if token.text == ";" and token.kind is Kind.SIGN:
            if any(later.text != ";" for later in found[index:]):
                raise QueryError(SYNTAX_ERROR, "Syntax error: multi-statements are not allowed")
            return token.start
    return end


def _writes(found: list[Token]) -> bool:
    """WITH ... INSERT INTO ... SELECT."""
    return any(a.text == "insert" and b.text == "into" for a, b in pairwise(found))


def _format_of(found: list[Token], text: bytes) -> str | None:
    """The name in a closing FORMAT clause, before or after SETTINGS."""
    for index in range(len(found) - 2, 0, -1):
        token, name = found[index], found[index + 1]
        if token.text == "format" and token.kind is Kind.WORD and name.kind is Kind.WORD:
            after = found[index + 2].text if index + 2 < len(found) else ";"
            if after in _AFTER_FORMAT and name.text not in _NOT_A_FORMAT:
                return text[name.start : name.end].decode("latin-1")
    return None
