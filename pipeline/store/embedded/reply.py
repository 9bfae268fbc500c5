"""Replies: headers, bodies, streams, and errors before and inside of a stream."""

from __future__ import annotations

import secrets

from aiohttp import web

from pipeline.store.embedded.coding import Encoder, choose
from pipeline.store.embedded.failures import QueryError
from pipeline.store.embedded.limits import MIB
from pipeline.store.embedded.reading import Reading
from pipeline.store.embedded.request import Call
from pipeline.store.embedded.workers import Workers
from pipeline.store.embedded.writing import Written, summary

NAME = "cxpulse"

SMALL = 1024
"""A reply below this fits one packet: not worth compressing."""

_TYPES = {
    "json": "application/json; charset=UTF-8",
    "jsoncompact": "application/json; charset=UTF-8",
    "jsoneachrow": "application/x-ndjson; charset=UTF-8",
    "csv": "text/csv; charset=UTF-8; header=absent",
    "csvwithnames": "text/csv; charset=UTF-8; header=present",
    "tabseparated": "text/tab-separated-values; charset=UTF-8",
    "tsv": "text/tab-separated-values; charset=UTF-8",
    "pretty": "text/plain; charset=UTF-8",
    "prettycompact": "text/plain; charset=UTF-8",
}


def headers(call: Call, form: str | None) -> dict[str, str]:
    """What every reply carries; without `form` there is no result set."""
    found = {
        "X-ClickHouse-Query-Id": call.query_id,
        "X-ClickHouse-Server-Display-Name": NAME,
        "X-ClickHouse-Timezone": "UTC",
        "Content-Type": "text/plain; charset=UTF-8",
    }
    if form is not None:
        found["X-ClickHouse-Format"] = form
        found["Content-Type"] = _TYPES.get(form.lower(), "application/octet-stream")
    return found


def failed(failure: QueryError, query_id: str = "") -> web.Response:
    """An error instead of a result."""
    found = {
        "X-ClickHouse-Exception-Code": str(failure.code),
        "X-ClickHouse-Server-Display-Name": NAME,
    }
    if query_id:
        found["X-ClickHouse-Query-Id"] = query_id
    return web.Response(text=failure.body(), status=failure.status, headers=found)


async def whole(
    call: Call, workers: Workers, body: bytes, form: str | None, rows: int, written: Written
) -> web.Response:
    """A result, or a summary, that is all there."""
    found = headers(call, form)
    found["X-ClickHouse-Summary"] = summary(written, rows, len(body))
    encoding = choose(call.accepted) if len(body) >= SMALL else ""
    if encoding:
        body = await workers.run(_encode, encoding, body)
        found["Content-Encoding"] = encoding
    return web.Response(body=body, headers=found)


def _encode(encoding: str, body: bytes) -> bytes:
    encoder = Encoder(encoding)
    return encoder.encode(body) + encoder.finish()


async def stream(
    request: web.Request, call: Call, workers: Workers, reading: Reading, first: bytes
) -> web.StreamResponse:
    """A result while it is computed. A failure on the way is written in ClickHouse's form for that,
    and the connection is closed without the end mark, so that no client takes it for whole."""
    encoder = Encoder(choose(call.accepted))
    tag = secrets.token_hex(8)
    found = headers(call, reading.form) | {"X-ClickHouse-Exception-Tag": tag}
    if encoder.encoding:
        found["Content-Encoding"] = encoder.encoding
    response = web.StreamResponse(headers=found)
    response.enable_chunked_encoding()
    await response.prepare(request)
    try:
        await response.write(await workers.run(encoder.encode, first))
        while not reading.done:
            await response.write(await workers.run(_next, reading, encoder))
        await response.write(encoder.finish())
    except QueryError as failure:
        await response.write(encoder.encode(_exception(failure, tag)) + encoder.finish())
        if request.transport is not None:
            request.transport.close()
    return response


def _next(reading: Reading, encoder: Encoder) -> bytes:
    return encoder.encode(reading.more(MIB))


def _exception(failure: QueryError, tag: str) -> bytes:
    text = failure.body().encode()
    mark, name = b"__exception__\r\n", tag.encode()
    head = b"\r\n" + mark + name + b"\r\n" + text
    return head + f"{len(text)} {tag}\r\n".encode() + mark
