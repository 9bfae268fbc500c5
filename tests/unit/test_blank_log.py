"""The folder of a new broker: like the first one, which Kafka's own tool has made."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from pipeline.local.blank_log import FEATURES, IDENTITY, BlankLogs, kafka_uuid
from pipeline.local.kafka import LocalKafka

CLUSTER = kafka_uuid(uuid.UUID(int=1))


@pytest.fixture
def jars(tmp_path: Path) -> Path:
    folder = tmp_path / "jars"
    folder.mkdir()
    return folder


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """As the tool leaves it."""
    folder = tmp_path / "first"
    folder.mkdir()
    (folder / FEATURES).write_bytes(b"features")
    (folder / IDENTITY).write_text("version=1\nnode.id=1\n", encoding="utf-8")
    return folder


def test_the_first_is_for_the_tool_of_kafka(jars: Path, tmp_path: Path) -> None:
    assert not BlankLogs(jars).make(tmp_path / "data", CLUSTER, 1)
    assert not (tmp_path / "data").exists()


def test_the_next_has_the_same_features_and_another_identity(
    jars: Path, first: Path, tmp_path: Path
) -> None:
    BlankLogs(jars).keep(first)
    made = [tmp_path / "a", tmp_path / "b"]
    for node, data in enumerate(made, start=2):
        assert BlankLogs(jars).make(data, CLUSTER, node)
        assert sorted(path.name for path in data.iterdir()) == [FEATURES, IDENTITY]
        assert (data / FEATURES).read_bytes() == b"features"
    told = [dict(line.split("=", 1) for line in _lines(data / IDENTITY)) for data in made]
    assert [one["node.id"] for one in told] == ["2", "3"]
    assert {one["cluster.id"] for one in told} == {CLUSTER}
    assert {one["version"] for one in told} == {"1"}
    assert len({one["directory.id"] for one in told}) == len(told)
    assert {len(one["directory.id"]) for one in told} == {22}


def test_features_that_cannot_be_kept_only_leave_it_slow(
    jars: Path, first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(Path, "rename", full)
    BlankLogs(jars).keep(first)
    assert list(jars.iterdir()) == []


def test_features_that_a_power_cut_left_empty_are_made_again(
    jars: Path, first: Path, tmp_path: Path
) -> None:
    (jars / FEATURES).touch()
    assert not BlankLogs(jars).make(tmp_path / "data", CLUSTER, 1)
    BlankLogs(jars).keep(first)
    assert BlankLogs(jars).make(tmp_path / "data", CLUSTER, 1)


@pytest.mark.parametrize(("users", "runs"), [((), 0), (("SCRAM-SHA-512=[name=a,password=b]",), 1)])
def test_only_a_broker_with_users_still_needs_the_tool(
    users: tuple[str, ...],
    runs: int,
    jars: Path,
    first: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    BlankLogs(jars).keep(first)
    ran: list[object] = []
    monkeypatch.setattr(LocalKafka, "_run", lambda self, tool: ran.append(tool))
    broker = LocalKafka(tmp_path / "new", port=0, scram=users)
    broker.folder.mkdir(parents=True)
    broker._format([], broker.folder / "server.properties", BlankLogs(jars))
    assert len(ran) == runs
    assert (broker.folder / "data" / IDENTITY).exists() == (runs == 0)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()
