"""The classes a broker leaves for later ones: kept for one Java and one set of jars."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.local.class_archive import ClassArchive


@pytest.fixture
def jars(tmp_path: Path) -> Path:
    folder = tmp_path / "jars"
    folder.mkdir()
    (folder / "kafka.jar").write_bytes(b"1")
    return folder


def kept(jars: Path) -> ClassArchive:
    """After a broker that has ended well."""
    scratch = jars.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    archive = ClassArchive(jars / "kafka.jar", jars, scratch)
    if archive.left():
        (scratch / "classes.jsa").write_bytes(b"classes")
    archive.keep()
    return archive


def test_the_second_broker_maps_what_the_first_has_left(jars: Path) -> None:
    first = kept(jars)
    second = kept(jars)
    assert second.mapped()[0] == f"-XX:SharedArchiveFile={first.path}"
    assert second.left() == ()
    assert first.path.read_bytes() == b"classes"


def test_other_jars_need_another_archive_and_the_one_before_goes(jars: Path) -> None:
    before = kept(jars)
    (jars / "more.jar").write_bytes(b"2")
    now = kept(jars)
    assert now.path != before.path
    assert sorted(jars.glob("classes-*")) == [now.path]


def test_an_archive_that_cannot_be_kept_only_leaves_it_slow(jars: Path) -> None:
    archive = kept(jars)
    archive.path.unlink()
    archive.path.mkdir()  # nothing can be renamed to it
    (jars.parent / "scratch" / "classes.jsa").write_bytes(b"classes")
    archive.keep()
    assert sorted(jars.glob("classes-*")) == [archive.path]
