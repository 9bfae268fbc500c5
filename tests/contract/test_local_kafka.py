"""The local broker as a process: it answers, it ends, and it never stays behind."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.errors import LocalError
from pipeline.local.blank_log import FEATURES
from pipeline.local.jars import kafka_jars
from pipeline.local.kafka import LocalKafka
from pipeline.local.probe import brokers_seen, free_port

pytestmark = pytest.mark.broker


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie that nobody reaped yet does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_gone(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(pid)


def foreground(data: Path, port: int) -> subprocess.Popen[str]:
    """The command in a process of its own; returns when it says that the broker is ready."""
    code = "import sys, typer; from pipeline.local.command import kafka; typer.run(kafka)"
    command = [sys.executable, "-c", code, "--data", str(data), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(f"Kafka is ready at 127.0.0.1:{port} ")
    return process


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that has the jars of Kafka, and no more: no broker ever ran from it."""
    own, jars = tmp_path / "cache", kafka_jars()
    left_out = shutil.ignore_patterns("*.jsa", FEATURES)
    shutil.copytree(jars, own / "cxpulse" / jars.name, ignore=left_out)
    monkeypatch.setenv("XDG_CACHE_HOME", str(own))
    return own


def java_of(process: subprocess.Popen[str]) -> int:
    tasks = Path(f"/proc/{process.pid}/task").glob("*/children")
    (child,) = [pid for task in tasks for pid in task.read_text(encoding="utf-8").split()]
    assert b"kafka.Kafka" in Path(f"/proc/{child}/cmdline").read_bytes()
    return int(child)


def test_neither_sigterm_nor_a_killed_parent_leaves_a_broker_and_the_folder_starts_again_faster(
    tmp_path: Path, cache: Path
) -> None:
    with foreground(tmp_path, free_port()) as asked:
        java = java_of(asked)
        with pytest.raises(LocalError, match=f"in use by another local Kafka.*process {asked.pid}"):
            LocalKafka(tmp_path, port=0).start()
        asked.send_signal(signal.SIGTERM)
        assert asked.wait(30) == 0
        assert not alive(java)
    (archive,) = cache.rglob("*.jsa")
    assert len([*cache.rglob(FEATURES)]) == 1

    port = free_port()
    with foreground(tmp_path, port) as lost:
        java = java_of(lost)
        assert brokers_seen("127.0.0.1", port) == 1
        assert str(archive) in Path(f"/proc/{java}/maps").read_text(encoding="utf-8")
        lost.kill()
    assert wait_gone(java, 5)


def test_a_port_in_use_is_one_clear_line(kafka: str, tmp_path: Path) -> None:
    port = int(kafka.rsplit(":", 1)[1])
    with pytest.raises(LocalError, match=rf"^port {port} on 127\.0\.0\.1 is in use: .*--port$"):
        LocalKafka(tmp_path, port).start()


def test_a_broker_that_cannot_start_says_where_to_read_why(tmp_path: Path) -> None:
    data = tmp_path / "kafka" / "data"
    data.mkdir(parents=True)
    (data / "meta.properties").write_text("version=1\nnode.id=77\ncluster.id=x\n")
    broker = LocalKafka(tmp_path, port=0)
    with pytest.raises(LocalError, match=r"ended while starting; last error: .*see .*broker\.log$"):
        broker.start()
    assert broker.pid is None


def test_nobody_there_is_no_broker() -> None:
    assert brokers_seen("127.0.0.1", free_port()) == 0
