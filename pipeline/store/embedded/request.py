"""What a client asks for: URL, headers and form fields of one HTTP request, as one value."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import BodyPartReader, web

from pipeline.store.embedded.failures import (
    BAD_ARGUMENTS,
    NOT_IMPLEMENTED,
    TOO_LARGE,
    UNKNOWN_SETTING,
    QueryError,
)

INTERFACE = frozenset(
    {
        *("query", "database", "default_format", "user", "password", "role", "quota_key"),
        *("session_id", "session_timeout", "session_check", "query_id", "stacktrace"),
        *("compress", "decompress", "enable_http_compression", "client_protocol_version"),
        *("buffer_size", "wait_end_of_query", "send_progress_in_http_headers"),
        *("add_http_cors_header", "cancel_http_readonly_queries_on_client_close"),
    }
)
"""Parameters of the HTTP interface itself; with those in `http_...`, the rest are settings."""

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_PARAM = "param_"
FORMAT = "TabSeparated"


@dataclass(frozen=True, slots=True)
class Call:
    """One request without its body."""

    fields: Mapping[str, str]
    query: bytes
    database: str
    format: str
    accepted: str
    readonly: str
    query_id: str
    params: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def waits(self) -> bool:
        """Should the whole result be there before the first byte is sent?"""
        return self.fields.get("wait_end_of_query", "0") not in ("", "0", "false")

    @property
    def session(self) -> str:
        """The session's name; empty without one."""
        return self.fields.get("session_id", "")


def read_call(request: web.Request, form: Mapping[str, str]) -> Call:
    """Puts URL parameters, form fields and headers together; a form field wins.

    Raises:
        QueryError: 115 for a parameter that cannot be a setting, 48 for block compression.
    """
    fields: dict[str, str] = {**request.query, **form}
    if fields.get("compress", "0") != "0" or fields.get("decompress", "0") != "0":
        raise QueryError(
            NOT_IMPLEMENTED, "compress=1 is not supported: use gzip, or no compression"
        )
    headers = request.headers
    compressed = fields.get("enable_http_compression", "0") not in ("", "0", "false")
    settings = _settings(fields)
    asked = settings.pop("readonly", "")
    return Call(
        fields=fields,
        query=fields.get("query", "").encode("utf-8", errors="surrogateescape"),
        database=fields.get("database", "") or headers.get("X-ClickHouse-Database", ""),
        format=_format(
            fields.get("default_format", "") or headers.get("X-ClickHouse-Format", FORMAT)
        ),
        accepted=headers.get("Accept-Encoding", "") if compressed else "",
        readonly=asked or ("2" if request.method in ("GET", "HEAD") else ""),
        query_id=fields.get("query_id") or str(uuid.uuid4()),
        params={name[len(_PARAM) :]: fields[name] for name in fields if name.startswith(_PARAM)},
        settings=settings,
    )


def _settings(fields: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in fields.items():
        if name in INTERFACE or name.startswith((_PARAM, "http_")):
            continue
        if not _NAME.fullmatch(name):
            raise QueryError(UNKNOWN_SETTING, f"Unknown setting {name[:100]!r}")
        found[name] = value
    return found


def _format(name: str) -> str:
    if not _NAME.fullmatch(name) or name.lower() in ("dataframe", "datastore", "arrowtable"):
        raise QueryError(BAD_ARGUMENTS, f"Unknown format {name[:100]!r}")
    return name


async def read_form(request: web.Request, limit: int) -> dict[str, str]:
    """The fields of a multipart form: a statement and parameters too long for a URL.

    Raises:
        QueryError: 48 for external tables (file parts), 307 when it is too large.
    """
    if request.content_type != "multipart/form-data":
        return {}
    form: dict[str, str] = {}
    size = 0
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader) or part.filename or not part.name:
            raise QueryError(NOT_IMPLEMENTED, "External tables are not supported")
        value = bytearray()
        while chunk := await part.read_chunk():
            value += chunk
            size += len(chunk)
            if size > limit:
                raise QueryError(TOO_LARGE, f"The form is over {limit} bytes")
        form[part.name] = value.decode("utf-8", errors="surrogateescape")
    return form
