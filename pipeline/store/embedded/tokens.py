"""ClickHouse's lexical rules, as far as they are needed to see what a statement is.

The rules must not be looser than the engine's: text taken for a comment or a literal here is not
looked at by the guard. What the engine may read in two ways is refused instead of guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from pipeline.store.embedded.failures import SYNTAX_ERROR, QueryError


class Kind(Enum):
    """What a token is."""

    WORD = "word"
    QUOTED = "quoted"
    LITERAL = "literal"
    NUMBER = "number"
    SIGN = "sign"


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `text` is lower case for words, unescaped and lower case for quoted names."""

    kind: Kind
    text: str
    start: int
    end: int

    @property
    def is_name(self) -> bool:
        """Can it name a function, a table, a setting?"""
        return self.kind in (Kind.WORD, Kind.QUOTED)


_TOKEN = re.compile(
    r"""(?P<skip>[\s\x00-\x20\x80-\xff]+|--[^\n]*|\#[ !][^\n]*|/\*.*?\*/)
    |(?P<heredoc>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    |(?P<word>[A-Za-z_$][\w$]*)
    |(?P<number>[0-9]\w*)
    |(?P<literal>'(?:[^'\\]|\\.|'')*+')
    |(?P<quoted>"(?:[^"\\]|\\.|"")*+"|`(?:[^`\\]|\\.|``)*+`)
    |(?P<sign>[^\w\s'"`])""",
    re.DOTALL | re.VERBOSE | re.ASCII,
)
"""Over bytes decoded as Latin-1, so that offsets are byte offsets. Outside of literals a byte above
127 can only be Unicode white space: skipped."""

_LOOKALIKE = re.compile(r"\xe2\x80[\x98\x99\x9c\x9d]|\xe2\x88\x92")
"""Curly quotes and the minus sign, which the engine may take for quotes and comments."""

_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(.))|``|\"\"", re.DOTALL)


def tokens(text: str, *, whole: bool = True) -> Iterator[Token]:
    """The tokens of a statement given as Latin-1 text; of a part of one, those that are finished.

    Raises:
        QueryError: 62 for text that the engine could read in another way, or an unclosed literal.
    """
    position = 0
    while match := _TOKEN.match(text, position):
        group, found = match.lastgroup, match.group()
        if found == "/" and text.startswith("/*", position):
            break
        position = match.end()
        if group == "skip":
            _plain(found)
        else:
            yield _token(group, found, match.start(), position)
    if whole and position < len(text):
        raise QueryError(SYNTAX_ERROR, "Syntax error: a literal or a comment is not closed")


def _token(group: str | None, found: str, start: int, end: int) -> Token:
    if group == "word":
        return Token(Kind.WORD, found.lower(), start, end)
    if group == "quoted":
        return Token(Kind.QUOTED, _unescape(found[1:-1]).lower(), start, end)
    if group == "number":
        return Token(Kind.NUMBER, found, start, end)
    if group == "sign":
        return Token(Kind.SIGN, found, start, end)
    return Token(Kind.LITERAL, "", start, end)


def _unescape(name: str) -> str:
    def plain(match: re.Match[str]) -> str:
        if match.group(1):
            return chr(int(match.group(1), 16))
        return match.group(2) or match.group()[0]

    return _ESCAPE.sub(plain, name)


def _plain(skipped: str) -> None:
    if skipped.startswith("/*") and "/*" in skipped[2:]:
        raise QueryError(SYNTAX_ERROR, "A comment inside a comment is not accepted")
    if _LOOKALIKE.search(skipped) and not skipped.startswith(("/*", "--", "#")):
        raise QueryError(SYNTAX_ERROR, "Use plain quotes and the plain minus sign")
