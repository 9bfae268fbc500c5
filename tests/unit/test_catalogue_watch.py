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


def test_a_survey_that_moves_to_another_service_is_refused_though_it_was_away(folder: Path) -> None:
    watch = CatalogueWatch(folder, load_catalogue(folder))
    path = folder / "surveys.yaml"
    whole = path.read_text()
    head, *entries = whole.split("\n  - ")
    (entry,) = [one for one in entries if one.startswith("id: va-vha-trust\n")]
    kept = [one for one in entries if one != entry]
    path.write_text("\n  - ".join([head, *kept]))
    assert watch.look() is None
    assert watch.look() is not None
    moved = entry.replace("service: va-vha\n", "service: va-vba\n")
    path.write_text("\n  - ".join([head, moved, *kept]))
    watch.look()
    with pytest.raises(CatalogueError, match=r"va-vha-trust.* of va/va-vba now, was of va/va-vha:"):
        watch.look()
    assert watch.broken
    path.write_text(whole)
    watch.look()
    assert watch.look() is not None
    assert not watch.broken
