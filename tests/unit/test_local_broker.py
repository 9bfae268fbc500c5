"""What the local broker is told, and how a Java is judged."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipeline.errors import LocalError
from pipeline.local.broker_properties import Listener, render, server_properties, with_listeners
from pipeline.local.jars import find_java, java_major, kafka_jars


def test_the_broker_listens_on_loopback_only() -> None:
    properties = server_properties(Path("d"), 9092, [9093])
    for name in ("listeners", "advertised.listeners"):
        hosts = {part.split("//")[1].split(":")[0] for part in properties[name].split(",")}
        assert hosts == {"127.0.0.1"}


def test_topics_are_never_created_by_accident_and_internal_ones_need_one_node() -> None:
    properties = server_properties(Path("d"), 9092, [9093])
    assert properties["auto.create.topics.enable"] == "false"
    assert {v for k, v in properties.items() if k.endswith("replication.factor")} == {"1"}
    assert {v for k, v in properties.items() if k.endswith("min.isr")} == {"1"}


def test_more_listeners_are_on_loopback_too_and_keep_their_settings_apart() -> None:
    more = Listener("USERS", 9, "SASL_SSL", {"sasl.enabled.mechanisms": "PLAIN"})
    properties = with_listeners(server_properties(Path("d"), 9092, [9093]), [more])
    assert properties["listeners"].endswith(",USERS://127.0.0.1:9")
    assert properties["advertised.listeners"].endswith(",USERS://127.0.0.1:9")
    assert properties["listener.security.protocol.map"].endswith(",USERS:SASL_SSL")
    assert properties["listener.name.users.sasl.enabled.mechanisms"] == "PLAIN"


def test_three_nodes_know_each_other_and_keep_copies_that_survive_one() -> None:
    properties = server_properties(Path("d"), 9092, [9001, 9002, 9003], node=2)
    voters = "1@127.0.0.1:9001,2@127.0.0.1:9002,3@127.0.0.1:9003"
    assert properties["controller.quorum.voters"] == voters
    assert properties["listeners"].endswith("CONTROLLER://127.0.0.1:9002")
    assert {v for k, v in properties.items() if k.endswith("replication.factor")} == {"3"}
    assert {v for k, v in properties.items() if k.endswith("min.isr")} == {"2"}


def test_properties_are_rendered_as_java_reads_them() -> None:
    assert render({"b": "2", "a": "c:\\x"}) == "a=c:\\\\x\nb=2\n"


@pytest.mark.parametrize(
    ("told", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "21" 2023-09-19', 21),
        ('java version "1.8.0_402"', 8),
        ("nothing of the kind", 0),
    ],
)
def test_a_java_version_is_read(told: str, major: int) -> None:
    assert java_major(told) == major


def test_no_java_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(LocalError, match="no Java on PATH: the local Kafka needs Java 17"):
        find_java()


def test_an_old_java_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f"#!{sys.executable}\nimport sys\nsys.stderr.write('version \"11.0.2\"')\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(LocalError, match=r"bin/java is Java 11.*needs 17"):
        find_java()


def test_no_maven_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalError, match="no Maven"):
        kafka_jars(cache=tmp_path / "cache")


def test_a_failing_maven_is_quoted_and_leaves_no_half_filled_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maven = tmp_path / "mvn"
    maven.write_text(f"#!{sys.executable}\nprint('[ERROR] no network')\nraise SystemExit(1)\n")
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalError, match="could not fetch the jars of Kafka: no network"):
        kafka_jars(cache=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
