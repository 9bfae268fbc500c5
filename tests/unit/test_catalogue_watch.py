"""Catalogue files that change under a running process."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pipeline.errors import CatalogueError
from pipeline.resources import resource
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.catalogue_watch import CatalogueWatch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(resource("deploy", "catalog"), tmp_path / "catalog"))


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "agencies.yaml"
    path.write_text(path.read_text().replace(old, new))


def test_an_edit_is_taken_once_it_rests(folder: Path) -> None:
    before = load_catalogue(folder)
    watch = CatalogueWatch(folder, before)
    assert [watch.look() for _ in range(3)] == [None] * 3
    edit(folder, "aliases: [usdt]", "aliases: [usdt, treasury]")
    assert watch.look() is None
    found = watch.look()
    assert found is not None
    assert found == load_catalogue(folder) != before
    assert watch.look() is None


def test_files_touched_without_another_meaning_are_no_change(folder: Path) -> None:
    watch = CatalogueWatch(folder, load_catalogue(folder))
    edit(folder, "agencies:", "# a remark\nagencies:")
    assert [watch.look() for _ in range(4)] == [None] * 4


def test_files_that_do_not_hold_are_told_once_and_change_nothing(folder: Path) -> None:
    watch = CatalogueWatch(folder, load_catalogue(folder))
    whole = (folder / "agencies.yaml").read_text()
    (folder / "agencies.yaml").write_text(whole[: len(whole) // 2])
    watch.look()
    with pytest.raises(CatalogueError):
        watch.look()
    assert watch.broken
    assert watch.look() is None
    (folder / "agencies.yaml").write_text(whole)
    assert [watch.look() for _ in range(2)] == [None, None]
    assert not watch.broken


def test_a_folder_that_went_away_is_an_error_until_it_is_back(folder: Path) -> None:
    watch = CatalogueWatch(folder, load_catalogue(folder))
    away = folder.rename(folder.with_name("away"))
    watch.look()
    with pytest.raises(CatalogueError, match=r"agencies\.yaml"):
        watch.look()
    away.rename(folder)
    os.utime(folder / "agencies.yaml")
    assert [watch.look() for _ in range(2)] == [None, None]
    assert not watch.broken
