"""The HTTP interface itself, as curl and other programs see it."""

from __future__ import annotations

import gzip
import http.client
import json
from collections.abc import Callable, Iterator
from urllib.parse import urlencode, urlsplit

import pytest

Ask = Callable[..., http.client.HTTPResponse]


@pytest.fixture
def ask(clickhouse: str) -> Iterator[Ask]:
    connection = http.client.HTTPConnection(urlsplit(clickhouse).netloc, timeout=30)

    def ask(
        body: bytes = b"",
        *,
        method: str = "POST",
        path: str = "/",
        headers: dict[str, str] | None = None,
        **fields: str,
    ) -> http.client.HTTPResponse:
        connection.close()
        connection.request(method, f"{path}?{urlencode(fields)}", body, headers or {})
        return connection.getresponse()

    yield ask
    connection.close()


def test_ping_and_the_bare_address_say_ok(ask: Ask) -> None:
    assert ask(method="GET", path="/ping").read() == b"Ok.\n"
    assert ask(method="GET").read() == b"Ok.\n"
    assert ask(method="GET", path="/nosuch").status == 404


def test_a_query_comes_in_the_url_the_body_or_both(ask: Ask) -> None:
    assert ask(method="GET", query="SELECT 1 + 1").read() == b"2\n"
    assert ask(b"SELECT 1 + 1").read() == b"2\n"
    assert ask(b"+ 1", query="SELECT 1").read() == b"2\n"


def test_get_may_only_read(ask: Ask, database: str) -> None:
    for session in ({}, {"session_id": database}):
        for sql in (f"CREATE TABLE {database}.t (n Int8) ENGINE = Memory", "DROP DATABASE nosuch"):
            reply = ask(method="GET", query=sql, **session)
            assert reply.headers["X-ClickHouse-Exception-Code"] == "164"
        assert ask(method="GET", query="SHOW DATABASES", **session).status == 200


def test_rows_are_inserted_from_the_body_in_text_formats(ask: Ask, database: str) -> None:
    ask(f"CREATE TABLE {database}.t (n Int32, s String) ENGINE = MergeTree ORDER BY n".encode())
    into = f"INSERT INTO {database}.t"
    reply = ask(f"{into} VALUES (1, 'a;b'), (2, upper('c'))".encode())
    assert json.loads(reply.headers["X-ClickHouse-Summary"])["written_rows"] == "2"
    ask(b'{"n": 3, "s": "d"}\n', query=f"{into} FORMAT JSONEachRow")
    ask(gzip.compress(b"4,e\n"), query=f"{into} FORMAT CSV", headers={"Content-Encoding": "gzip"})
    ask(f"{into} (s, n) SELECT 'f', 5".encode())
    found = ask(f"SELECT n, s FROM {database}.t ORDER BY n".encode(), default_format="CSV")
    assert found.read() == b'1,"a;b"\n2,"C"\n3,"d"\n4,"e"\n5,"f"\n'


def test_formats_with_a_head_and_a_foot_come_whole(ask: Ask) -> None:
    reply = ask(b"SELECT number AS n FROM numbers(100000) FORMAT JSON")
    assert json.loads(reply.read())["rows"] == 100_000
    assert reply.headers["X-ClickHouse-Format"] == "JSON"


@pytest.mark.parametrize("encoding", ["gzip", "lz4", "zstd", "deflate"])
def test_a_reply_is_compressed_only_when_asked_for(ask: Ask, encoding: str) -> None:
    sql, accept = b"SELECT number FROM numbers(100000)", {"Accept-Encoding": encoding}
    asked = ask(sql, headers=accept, enable_http_compression="1")
    assert asked.headers["Content-Encoding"] == encoding
    assert "Content-Encoding" not in ask(sql, headers=accept).headers


def test_a_body_that_is_not_what_its_header_says_is_refused(ask: Ask, database: str) -> None:
    ask(f"CREATE TABLE {database}.t (n Int32) ENGINE = Memory".encode())
    into = f"INSERT INTO {database}.t FORMAT CSV"
    whole = gzip.compress(b"1\n" * 1000)
    for body in (b"1\n", whole[:-9]):
        reply = ask(body, query=into, headers={"Content-Encoding": "gzip"})
        assert reply.headers["X-ClickHouse-Exception-Code"] == "271"
    assert ask(whole, query=into, headers={"Content-Encoding": "br"}).status == 501
    assert ask(f"SELECT count() FROM {database}.t".encode()).read() == b"0\n"


def test_a_web_page_cannot_query(ask: Ask) -> None:
    for header in (
        {"Origin": "https://example.org"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "example.org"},
    ):
        assert ask(b"SELECT 1", headers=header).status == 403
