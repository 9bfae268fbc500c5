"""Where the statement of an INSERT ends and its inline data begin."""

from __future__ import annotations

import re

from pipeline.store.embedded.shapes import Shape, Statement, utf8
from pipeline.store.embedded.tokens import Kind, Token

_GAP = re.compile(rb"[ \t\f]*(?:\r?\n)?")
"""What the engine skips between the format's name and the data: blanks, and one line break."""

_NAMED_BY = frozenset({"into", "table", "."})
"""After these a word is the name of a table, even when it is `format` or `values`."""


class InsertScan:
    """Takes the tokens of one INSERT until FORMAT x or VALUES at the top level."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._depth = 0
        self._last = ""
        self._seen = 0
        self._cut: int | None = None
        self._format_token: Token | None = None
        self._selects = False

    def feed(self, token: Token) -> bool:
        """True when the rest does not matter: the data begin, or rows come from a query."""
        if self._last == "format" and self._cut is not None:
            self._format_token = token
            return True
        if self._depth == 0 and token.kind is Kind.WORD and self._seen > 1:
            self._keyword(token)
        elif token.text in ("select", "with") and self._last == "(":
            self._selects = True
        if token.kind is Kind.SIGN:
            self._depth += (token.text == "(") - (token.text == ")")
        self._last = token.text
        self._seen += 1
        return self._selects or self._format_token is not None

    def _keyword(self, token: Token) -> None:
        if self._last in _NAMED_BY:
            return
        if token.text in ("select", "with", "from"):
            self._selects = True
        elif token.text == "format":
            self._cut = token.start
        elif token.text == "values":
            self._cut = token.start
            self._format_token = token

    def result(self, whole: bool) -> Statement | None:
        """The statement without its FORMAT clause; None when there are no inline data (yet).

        An INSERT that ends without naming a format takes it from the request: format None.
        """
        token = self._format_token
        if self._selects or (token is None and not whole):
            return None
        if token is None:
            sql = utf8(self._text).rstrip(";")
            return Statement(Shape.INSERT, sql, "insert", None, len(self._text))
        gap = _GAP.match(self._text, token.end)
        data = gap.end() if gap else token.end
        if data == len(self._text) and not whole:
            return None
        name = self._text[token.start : token.end].decode("latin-1")
        name = "Values" if token.text == "values" else name
        return Statement(Shape.INSERT, utf8(self._text[: self._cut]), "insert", name, data)
