"""An adversary who knows ClickHouse: each way out, by every spelling, is refused by name."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import time
import urllib.error
import urllib.request
from urllib.parse import urlencode, urlsplit

import pytest

pytestmark = pytest.mark.engine

ADDRESS = "'http://127.0.0.1:1/bucket/key'"
TARGET = "'127.0.0.1:1', 'd', 't', 'u', 'p'"

TABLE_FUNCTIONS = [
    *(f"{name}({ADDRESS}, 'CSV', 'a Int8')" for name in ("url", "s3", "gcs", "oss", "cosn")),
    *(f"{name}('c', {ADDRESS}, 'CSV')" for name in ("urlCluster", "s3Cluster", "hdfsCluster")),
    *(f"{lake}({ADDRESS})" for lake in ("iceberg", "icebergS3", "deltaLake", "hudi", "paimon")),
    *(f"{lake}('/etc')" for lake in ("icebergLocal", "deltaLakeLocal", "paimonLocal")),
    *(f"{base}({TARGET})" for base in ("mysql", "postgresql", "mongodb")),
    *("remote('127.0.0.1:1', system.one)", "remoteSecure('127.0.0.1:1', system.one)"),
    *("cluster('default', system.one)", "clusterAllReplicas('default', system.one)"),
    *("sqlite('/tmp/x.db', 't')", "redis('127.0.0.1:1', 'k', 'k String')", "jdbc('j', 's', 't')"),
    *("odbc('DSN=x', 's', 't')", "executable('id', 'TSV', 'a String')", "python(os)"),
    *("azureBlobStorage('x', 'c', 'b')", "hdfs('hdfs://127.0.0.1:1/x', 'TSV', 'a Int8')"),
    *("file('/etc/passwd')", "fileCluster('default', '/etc/passwd', 'TSV')", "disk('x')"),
    *("loop(system.one)", "fuzzQuery('SELECT 1')", "arrowFlight('127.0.0.1:1', 'x')"),
]

ENGINES = [
    *(f"MySQL({TARGET})", f"PostgreSQL({TARGET})", f"MongoDB({TARGET})", "ODBC('x', 's', 't')"),
    *("Executable('id', 'TSV')", "ExecutablePool('id', 'TSV')", "File(CSV)", f"URL({ADDRESS})"),
    *(f"S3({ADDRESS})", f"S3Queue({ADDRESS}, 'CSV')", "SQLite('/tmp/x.db', 't')", "Log", "Set"),
    *("Kafka('127.0.0.1:1', 't', 'g', 'CSV')", "FileLog('/etc/passwd', 'TSV')", "Iceberg('x')"),
    *("Distributed('default', 'system', 'one')", "EmbeddedRocksDB(0, '/tmp/x') PRIMARY KEY a"),
    *("Redis('127.0.0.1:1') PRIMARY KEY a", "Join(ANY, LEFT, a)", "HDFS('x', 'TSV')", "TimeSeries"),
]

DATABASES = [
    *(f"MySQL({TARGET})", f"PostgreSQL({TARGET})", "SQLite('/tmp/x.db')", "Filesystem('/')"),
    *(f"S3({ADDRESS})", "HDFS('hdfs://127.0.0.1:1')", "Backup('d', File('/tmp/x'))", "Lazy(1)"),
    *(f"DataLakeCatalog({ADDRESS})", "Replicated('/x', 'a', 'b')", "Overlay('a', 'b')"),
]

SOURCES = [
    *("FILE(PATH '/etc/passwd' FORMAT 'TSV')", f"HTTP(URL {ADDRESS} FORMAT 'TSV')"),
    *("EXECUTABLE(COMMAND 'id' FORMAT 'TSV')", "CLICKHOUSE(QUERY 'SELECT 1')", "NULL()"),
    *("MYSQL(HOST '127.0.0.1' PORT 1 TABLE 't')", "REDIS(HOST '127.0.0.1' PORT 1)"),
]

COMMANDS = [
    *(
        "BACKUP DATABASE system TO File('/tmp/b')",
        "BACKUP TABLE system.one TO Disk('default', 'b')",
    ),
    *(f"BACKUP TABLE system.one TO S3({ADDRESS})", "RESTORE TABLE x FROM File('/tmp/b')"),
    *("CREATE NAMED COLLECTION n AS url = 'x'", "DROP NAMED COLLECTION n"),
    *("CREATE USER u IDENTIFIED BY 'x'", "ALTER USER default IDENTIFIED BY 'x'", "CREATE ROLE r"),
    *("GRANT ALL ON *.* TO default", "CREATE SETTINGS PROFILE p SETTINGS max_threads = 1"),
    *("CREATE FUNCTION f AS (x) -> file(x)", "CREATE WORKLOAD w", "SYSTEM SHUTDOWN", "SYSTEM KILL"),
    *("SYSTEM ENABLE FAILPOINT x", "SYSTEM RELOAD DICTIONARIES", "SYSTEM SYNC FILE CACHE"),
    "ALTER TABLE t FETCH PARTITION ALL FROM '/x'",
]

SPELLINGS = [
    *("SELECT 1 INTO OUTFILE '/tmp/x'", "SELECT 1 INTO/**/OUTFILE/**/'/tmp/x' TRUNCATE"),
    *("SELECT 1 into -- x\n outfile '/tmp/x'", "(SELECT 1) INTO OUTFILE '/tmp/x' AND STDOUT"),
    *("EXPLAIN SELECT 1 INTO OUTFILE '/tmp/x'", "SHOW TABLES INTO OUTFILE '/tmp/x'"),
    *("INSERT INTO t FROM/**/INFILE '/etc/passwd' FORMAT TSV", "SELECT (file)('/etc/passwd')"),
    *("SELECT FILE('/etc/passwd')", "SELECT file /* c */ ('/etc/passwd')", "DESCRIBE file('/x')"),
    *("WITH (x -> file(x)) AS f SELECT f('/x')", "SELECT * FROM format(TSV, file('/etc/passwd'))"),
    *("SELECT * FROM values('a String', (file('/x')))", "SELECT '/x' AS x, x IN (SELECT file(x))"),
    *("CREATE TABLE x AS url('http://127.0.0.1:1/')", "EXPLAIN SELECT * FROM `url`('http://x')"),
    *("CREATE TABLE x (a Int8) ENGINE ExecutablePool('id', 'TSV')", 'SELECT * FROM "UR\\x4c"(x)'),
    *("CREATE TABLE x (a Int8) ENGINE/**/=/**/`ExecutablePool`('id')", "INSTALL url('x')"),
    "CREATE MATERIALIZED VIEW x ENGINE = Log AS SELECT * FROM url('http://127.0.0.1:1/')",
    "INSERT INTO FUNCTION remote('127.0.0.1:1', system, one) VALUES (1)",
]

LIFTED = {
    "max_memory_usage": ("0", "100000000000"),
    "max_execution_time": ("0", "100000"),
    "max_query_size": ("0", "100000000"),
    "max_threads": ("10000",),
    "max_untracked_memory": ("1000000000000",),
    "max_parser_depth": ("0", "1000000"),
    "max_ast_depth": ("1000000",),
    "max_subquery_depth": ("1000000",),
    "format_schema": ("/etc/passwd:M",),
    "format_template_row": ("/etc/passwd",),
    "format_template_resultset": ("/etc/passwd",),
    "default_table_engine": ("Log",),
    "additional_result_filter": ("1",),
    "dialect": ("prql",),
}


def ask(url: str, sql: str | bytes, **headers: str) -> tuple[int, str]:
    data = sql.encode() if isinstance(sql, str) else sql
    request = urllib.request.Request(url, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def statements(kind: str) -> list[str]:
    keys = "(k UInt64) PRIMARY KEY k"
    return {
        "functions": [f"SELECT * FROM {each}" for each in TABLE_FUNCTIONS],
        "writes": [f"INSERT INTO FUNCTION {each} SELECT 1" for each in TABLE_FUNCTIONS],
        "engines": [f"CREATE TABLE x (a Int8) ENGINE = {each}" for each in ENGINES],
        "temporary": [f"CREATE TEMPORARY TABLE x (a Int8) ENGINE = {each}" for each in ENGINES],
        "databases": [f"CREATE DATABASE x ENGINE = {each}" for each in DATABASES],
        "dictionaries": [
            f"CREATE DICTIONARY x {keys} SOURCE({each}) LAYOUT(FLAT()) LIFETIME(0)"
            for each in SOURCES
        ],
        "commands": COMMANDS,
        "spellings": SPELLINGS,
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        *("functions", "writes", "engines", "temporary", "databases", "dictionaries"),
        *("commands", "spellings"),
    ],
)
def test_every_statement_of_a_kind_is_refused(clickhouse: str, database: str, kind: str) -> None:
    url = f"{clickhouse}/?database={database}"
    said = {sql: ask(url, sql)[1] for sql in statements(kind)}
    through = {sql: text for sql, text in said.items() if not text.startswith("Code: 497.")}
    syntax = {sql for sql, text in through.items() if text.startswith("Code: 62.")}
    assert set(through) == syntax, through
    assert len(syntax) <= 1, through


@pytest.mark.parametrize("name", LIFTED)
def test_no_setting_lifts_a_limit_by_any_way(clickhouse: str, name: str) -> None:
    for value in LIFTED[name]:
        for status, text in (
            ask(f"{clickhouse}/?{urlencode({name: value})}", "SELECT 1"),
            ask(clickhouse, f"SET {name} = '{value}'"),
            ask(clickhouse, f"SELECT 1 SETTINGS {name} = '{value}'"),
        ):
            assert status >= 400, name
            assert "Code: 452." in text, text


def test_what_our_views_and_tools_need_is_not_taken_for_an_attack(
    clickhouse: str, database: str
) -> None:
    url = f"{clickhouse}/?database={database}"
    for sql in (
        "CREATE VIEW v AS SELECT engine AS e, engine FROM system.tables WHERE engine = 'Log'",
        "CREATE TABLE t (a Int8) ENGINE MergeTree ORDER BY a",
        'CREATE TABLE m (a Int8) ENGINE = "Memory"',
        "SELECT 'url(1)', engine FROM system.tables LIMIT 0",
    ):
        assert ask(url, sql)[0] == 200, sql


def test_deeply_nested_statements_end_soon_and_harm_nobody(clickhouse: str) -> None:
    deep = 100_000
    for sql in (
        f"SELECT {'(' * deep}1{')' * deep}",
        f"SELECT {'if(1,' * 30_000}1{',2)' * 30_000}",
        f"SELECT {'-' * 3 * deep}1",
        f"SELECT {'[' * deep}",
    ):
        started = time.monotonic()
        assert ask(clickhouse, sql)[0] >= 400
        assert time.monotonic() - started < 20
    assert ask(clickhouse, "SELECT 1") == (200, "1\n")


def test_a_body_that_unpacks_to_more_than_a_statement_may_be_is_refused(clickhouse: str) -> None:
    bomb = gzip.compress(b" " * (64 << 20) + b"SELECT 1")
    assert len(bomb) < 70_000
    status, text = ask(clickhouse, bomb, **{"Content-Encoding": "gzip"})
    assert (status, "Code: 307." in text) == (413, True)
    window = b"\x28\xb5\x2f\xfd" + bytes([0x00, (31 - 10) << 3]) + b"\x01\x00\x00"  # asks for 2 GiB
    status, text = ask(clickhouse, window, **{"Content-Encoding": "zstd"})
    assert (status, "Code: 271." in text) == (400, True)


@pytest.mark.parametrize("lines", [["X: " + "a" * 300_000], [f"X{i}: a" for i in range(40_000)]])
def test_a_giant_head_is_refused_before_it_is_kept(clickhouse: str, lines: list[str]) -> None:
    where = urlsplit(clickhouse)
    connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=20)
    with contextlib.closing(connection):
        head = "\r\n".join(["GET /ping HTTP/1.1", f"Host: 127.0.0.1:{where.port}", *lines, "", ""])
        connection.connect()
        with contextlib.suppress(ConnectionError):
            connection.sock.sendall(head.encode())
        with contextlib.suppress(ConnectionError):
            answer = connection.sock.recv(100)
            assert answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 4"))
    assert ask(clickhouse, "SELECT 1") == (200, "1\n")
