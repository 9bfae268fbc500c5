"""Start, stop, and being killed: one folder, one process, nothing acknowledged is lost."""

from __future__ import annotations

import base64
import contextlib
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from tests.fixtures.clickhouse import Server, serving


def launch(*args: str) -> subprocess.CompletedProcess[str]:
    """A start that is expected to fail."""
    command = [sys.executable, "-m", "pipeline.store.embedded", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def query(url: str, sql: str) -> str:
    with urllib.request.urlopen(url, sql.encode(), timeout=30) as reply:
        return str(reply.read().decode())


def test_a_second_process_on_the_folder_and_a_taken_port_get_one_line(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        second = launch("--data", str(tmp_path / "data"), "--port", "0")
        assert second.returncode == 1
        assert second.stderr.count("\n") == 1
        assert str(tmp_path / "data") in second.stderr
        port = str(urlsplit(server.url).port)
        taken = launch("--data", str(tmp_path / "other"), "--port", port)
        assert taken.returncode == 1
        assert taken.stderr.count("\n") == 1
        assert f"port {port}" in taken.stderr
        assert query(server.url, "SELECT 1") == "1\n"


def test_an_open_address_needs_a_password(tmp_path: Path) -> None:
    refused = launch("--data", str(tmp_path), "--host", "0.0.0.0", "--port", "0")
    assert refused.returncode == 1
    assert "CXPULSE_CLICKHOUSE_PASSWORD" in refused.stderr


def test_sigterm_lets_a_running_query_end(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        answers: list[str] = []
        slow = threading.Thread(
            target=lambda: answers.append(query(server.url, "SELECT sleep(1.5) + 7"))
        )
        slow.start()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.process.wait(timeout=0.5)
        code, errors = server.stop(signal.SIGTERM)
        slow.join()
    assert (code, errors) == (0, "")
    assert answers == ["7\n"]


def test_a_password_is_asked_for_and_a_folder_reopens(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        query(server.url, "CREATE DATABASE d ENGINE = Atomic")
        assert server.stop(signal.SIGINT)[0] == 0
    with serving(tmp_path, env={"CXPULSE_CLICKHOUSE_PASSWORD": "s3cret"}) as server:
        with pytest.raises(urllib.error.HTTPError) as caught:
            query(server.url, "SELECT 1")
        assert caught.value.headers["X-ClickHouse-Exception-Code"] == "516"
        caught.value.close()
        token = base64.b64encode(b"default:s3cret").decode()
        basic = urllib.request.Request(
            server.url, b"EXISTS DATABASE d", {"Authorization": f"Basic {token}"}
        )
        with urllib.request.urlopen(basic, timeout=30) as reply:
            assert reply.read() == b"1\n"
        client = clickhouse_connect.get_client(dsn=server.url, password="s3cret")
        assert client.command("SELECT 1") == 1
        client.close()


def insert_until_killed(server: Server, acknowledged: list[int]) -> None:
    """Batches of 1,000 rows, each with its number, until the server is gone."""
    client = clickhouse_connect.get_client(dsn=server.url)
    with contextlib.closing(client), contextlib.suppress(ClickHouseError, OSError):
        for batch in range(10_000):
            client.insert("d.t", [[batch, n] for n in range(1_000)], column_names=["b", "n"])
            acknowledged.append(batch)


def test_kill_9_loses_no_acknowledged_batch_and_leaves_no_half_one(tmp_path: Path) -> None:
    acknowledged: list[int] = []
    with serving(tmp_path) as server:
        query(server.url, "CREATE DATABASE d ENGINE = Atomic")
        query(server.url, "CREATE TABLE d.t (b UInt32, n UInt32) ENGINE = MergeTree ORDER BY b")
        writer = threading.Thread(target=insert_until_killed, args=(server, acknowledged))
        writer.start()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.process.wait(timeout=1.5)
        server.stop(signal.SIGKILL)
        writer.join()
    with serving(tmp_path) as server:
        rows = query(server.url, "SELECT b, count() FROM d.t GROUP BY b ORDER BY b").splitlines()
    found = {int(row.split("\t")[0]): int(row.split("\t")[1]) for row in rows}
    assert len(acknowledged) > 3
    assert set(acknowledged) <= set(found)
    assert set(found.values()) == {1_000}
