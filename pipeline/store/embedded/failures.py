"""Errors as ClickHouse numbers them, and the HTTP status that goes with each."""

from __future__ import annotations

import re

SYNTAX_ERROR = 62
UNKNOWN_SETTING = 115
READONLY = 164
TOO_MANY_QUERIES = 202
SOCKET_TIMEOUT = 209
TOO_LARGE = 307
UNKNOWN_INSERT = 319
SESSION_NOT_FOUND = 372
SESSION_IS_LOCKED = 373
NOT_IMPLEMENTED = 48
BAD_ARGUMENTS = 36
CANNOT_DECOMPRESS = 271
ACCESS_DENIED = 497
AUTHENTICATION_FAILED = 516
UNKNOWN_EXCEPTION = 1002

_NAMES = {
    SYNTAX_ERROR: "SYNTAX_ERROR",
    UNKNOWN_SETTING: "UNKNOWN_SETTING",
    READONLY: "READONLY",
    TOO_MANY_QUERIES: "TOO_MANY_SIMULTANEOUS_QUERIES",
    TOO_LARGE: "TOO_MANY_BYTES",
    UNKNOWN_INSERT: "UNKNOWN_STATUS_OF_INSERT",
    SOCKET_TIMEOUT: "SOCKET_TIMEOUT",
    SESSION_NOT_FOUND: "SESSION_NOT_FOUND",
    SESSION_IS_LOCKED: "SESSION_IS_LOCKED",
    NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    BAD_ARGUMENTS: "BAD_ARGUMENTS",
    CANNOT_DECOMPRESS: "CANNOT_DECOMPRESS",
    ACCESS_DENIED: "ACCESS_DENIED",
    AUTHENTICATION_FAILED: "AUTHENTICATION_FAILED",
    UNKNOWN_EXCEPTION: "UNKNOWN_EXCEPTION",
}

_STATUS = {
    401: (194,),
    403: (192, 193, ACCESS_DENIED, 512, AUTHENTICATION_FAILED),
    404: (5, 16, 46, 47, 50, 56, 60, 63, 73, 78, 81, UNKNOWN_SETTING, SESSION_NOT_FOUND),
    408: (159, SOCKET_TIMEOUT),
    413: (TOO_LARGE,),
    501: (NOT_IMPLEMENTED,),
    503: (TOO_MANY_QUERIES,),
    400: (
        *(6, 25, 26, 27, 33, 38, 41, 43, 53, 62, 69, 72, 117, 130, 131, 167, 168, 456, 457),
        *(BAD_ARGUMENTS, CANNOT_DECOMPRESS, SESSION_IS_LOCKED, READONLY),
    ),
}
_STATUS_OF = {code: status for status, codes in _STATUS.items() for code in codes}
"""Numbers: https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp. Clients
go by the number in the header; the status only has to be right in its class. 503 makes
clickhouse-connect retry a read."""

_CODE = re.compile(r"Code: (\d+)\. DB::\w*Exception: ")
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)")
_VERSION = re.compile(r" \(version [^()]*(?:\([^()]*\))?\)")


class QueryError(Exception):
    """One request fails: `code` is ClickHouse's number, the text is for the client."""

    def __init__(self, code: int, text: str, name: str | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.name = name or _NAMES.get(code, "UNKNOWN_EXCEPTION")

    @property
    def status(self) -> int:
        """The HTTP status; 500 for what has no better one, as ClickHouse does."""
        return _STATUS_OF.get(self.code, 500)

    def body(self) -> str:
        """The reply as ClickHouse words it; clients take code and name from this form."""
        return f"Code: {self.code}. DB::Exception: {self.text} ({self.name})\n"

    @classmethod
    def from_engine(cls, error: BaseException) -> QueryError:
        """What the engine raised, without its nested repetitions of prefix, name and version."""
        text = str(error)
        codes = list(_CODE.finditer(text))
        if not codes:
            return cls(UNKNOWN_EXCEPTION, text.strip() or type(error).__name__)
        names = _NAME.findall(text)
        plain = _VERSION.sub("", text[codes[-1].end() :])
        for name in dict.fromkeys(names[-2:]):
            plain = plain.replace(f" ({name})", "")
        return cls(int(codes[0].group(1)), plain.strip(" .:\n") + ".", names[-1] if names else None)
