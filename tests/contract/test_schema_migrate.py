"""`cxpulse migrate` on a real engine: repeatable, resumable, and firm about edited files."""

from __future__ import annotations

import contextlib
import dataclasses
from datetime import date
from pathlib import Path

import pytest

from pipeline.core.catalogue import Catalogue
from pipeline.core.vocabulary import Scale
from pipeline.errors import CatalogueError, MigrationError
from pipeline.resources import resource
from pipeline.settings import ClickHouseSettings, Settings, load
from pipeline.store.client import connect
from pipeline.store.migrate import check_migrations, migrate
from pipeline.store.migrate_command import migrate as command
from pipeline.store.sql_files import read_sql_files
from pipeline.wire.catalogue import load_catalogue

pytestmark = pytest.mark.engine

TODAY = date(2026, 11, 22)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(resource("deploy", "catalog"))


@pytest.fixture
def settings(clickhouse: str, database: str) -> Settings:
    return load(clickhouse=ClickHouseSettings(url=clickhouse, database=database))


def rows(settings: Settings, query: str) -> list[tuple[object, ...]]:
    with contextlib.closing(connect(settings.clickhouse)) as client:
        return [tuple(row) for row in client.query(query).result_rows]


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text)
    return folder


def test_a_second_run_changes_nothing(settings: Settings, catalogue: Catalogue) -> None:
    state = (
        "SELECT name, uuid, metadata_modification_time, comment FROM system.tables "
        "WHERE database = currentDatabase() ORDER BY name"
    )
    assert check_migrations(settings)[0].endswith("was never migrated; run `cxpulse migrate`")
    first = migrate(settings, catalogue, today=TODAY)
    before = rows(settings, state)
    second = migrate(settings, catalogue, today=TODAY)
    assert first.applied == second.already == tuple(sorted(first.applied))
    assert first.loaded == ("agencies", "services", "surveys", "survey_quarters")
    assert second.applied == second.loaded == ()
    assert rows(settings, state) == before
    assert check_migrations(settings, catalogue) == []


def test_the_catalogue_is_replaced_and_what_left_it_is_gone(
    settings: Settings, catalogue: Catalogue
) -> None:
    migrate(settings, catalogue, today=TODAY)
    smaller = dict(list(catalogue.surveys.items())[1:])
    changed = dataclasses.replace(catalogue, surveys=smaller)
    assert check_migrations(settings, changed) == [
        "table surveys: differs from the catalogue files; run `cxpulse migrate`"
    ]
    assert migrate(settings, changed, today=TODAY).loaded == ("surveys", "survey_quarters")
    assert rows(settings, "SELECT survey FROM surveys") == [(survey,) for survey in sorted(smaller)]
    assert rows(settings, "SELECT uniqExact(survey) FROM survey_quarters") == [(len(smaller),)]
    asked = "SELECT uniqExact(survey), count() = uniqExact(survey, measure) FROM asked"
    assert rows(settings, asked) == [(len(catalogue.surveys), True)]


def test_what_was_asked_before_is_known_by_its_panes(
    settings: Settings, catalogue: Catalogue
) -> None:
    migrate(settings, catalogue, today=TODAY)
    pane = "('va', 'was-{}', 'web', '{}', 'thumbs', '{}', '2026-01-0{} 00:00:00')"
    panes = (
        pane.format("once", "gone", "ease", 1),
        pane.format("later", "gone", "ease", 2),
        pane.format("there", "va-vha-trust", "employee", 1),
        pane.format("there", "va-vha-trust", "response", 1),
    )
    columns = "agency, service, channel, survey, scale, measure, hour"
    file = next(f for f in read_sql_files(resource("deploy", "clickhouse")) if "asked" in f.name)
    with contextlib.closing(connect(settings.clickhouse)) as client:
        client.command(f"INSERT INTO score_panes ({columns}) VALUES {', '.join(panes)}")
        for _ in "12":
            for statement in file.statements({"replicated": ""}):
                client.command(statement)
    found = "SELECT survey, measure, scale, service FROM asked FINAL WHERE scale = 'thumbs' AND {}"
    assert rows(settings, found.format("survey = 'gone'")) == [
        ("gone", "ease", "thumbs", "was-later")
    ]
    assert rows(settings, found.format("measure = 'employee' AND survey = 'va-vha-trust'")) == [
        ("va-vha-trust", "employee", "thumbs", "va-vha")
    ]
    assert rows(settings, "SELECT count() FROM asked WHERE measure = 'response'") == [(0,)]
    migrate(settings, catalogue, today=TODAY)


def test_a_survey_that_moved_to_another_service_is_refused_though_it_was_away(
    settings: Settings, catalogue: Catalogue
) -> None:
    migrate(settings, catalogue, today=TODAY)
    without = {id_: one for id_, one in catalogue.surveys.items() if id_ != "va-vha-trust"}
    migrate(settings, dataclasses.replace(catalogue, surveys=without), today=TODAY)
    moved = dataclasses.replace(catalogue.surveys["va-vha-trust"], service="va-vba")
    changed = dataclasses.replace(catalogue, surveys={**catalogue.surveys, moved.id: moved})
    with pytest.raises(
        CatalogueError, match=r"'va-vha-trust': is of va/va-vba now, was of va/va-vha"
    ):
        migrate(settings, changed, today=TODAY)
    migrate(settings, catalogue, today=TODAY)
    assert check_migrations(settings, catalogue) == []


def test_a_measure_that_changed_its_scale_is_refused(
    settings: Settings, catalogue: Catalogue
) -> None:
    migrate(settings, catalogue, today=TODAY)
    survey = catalogue.surveys["va-vha-trust"]
    asked = tuple(dataclasses.replace(one, scale=Scale.THUMBS) for one in survey.questions)
    other = dataclasses.replace(survey, questions=asked)
    changed = dataclasses.replace(catalogue, surveys={**catalogue.surveys, other.id: other})
    with pytest.raises(CatalogueError, match=r"'va-vha-trust': '\w+' is asked on scale thumbs now"):
        migrate(settings, changed, today=TODAY)
    assert check_migrations(settings, catalogue) == []


def test_quarters_are_cut_in_the_zone_of_the_survey(
    settings: Settings, catalogue: Catalogue
) -> None:
    migrate(settings, catalogue, today=TODAY)
    found = rows(
        settings,
        "SELECT toString(start_utc), toString(end_utc) FROM survey_quarters "
        "WHERE survey = 'va-vha-post-visit' AND fiscal_year = 2020 AND quarter = 2",
    )
    assert found == [("2020-01-01 05:00:00", "2020-04-01 04:00:00")]
    years = rows(settings, "SELECT min(fiscal_year), max(fiscal_year) FROM survey_quarters")
    assert years == [(2018, 2029)]


def test_an_edited_file_is_refused_by_name(
    settings: Settings, catalogue: Catalogue, tmp_path: Path
) -> None:
    for path in resource("deploy", "clickhouse").glob("*.sql"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    migrate(settings, catalogue, folder=tmp_path, today=TODAY)
    edited = tmp_path / "0001_tables.sql"
    edited.write_text(edited.read_text() + "\n")
    with pytest.raises(MigrationError, match=r"^0001_tables\.sql: was edited after it was applied"):
        migrate(settings, catalogue, folder=tmp_path, today=TODAY)


def test_a_file_that_failed_half_way_is_resumed(
    settings: Settings, catalogue: Catalogue, tmp_path: Path
) -> None:
    for path in resource("deploy", "clickhouse").glob("*.sql"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    number = len(list(tmp_path.iterdir())) + 1
    name, table = f"{number:04}_more", "CREATE TABLE IF NOT EXISTS more (a UInt8) ENGINE = Memory;"
    write(tmp_path, **{name: f"{table} SELECT no_such_column FROM more;"})
    with pytest.raises(MigrationError, match=rf"{name}\.sql, statement 2: ClickHouse error 47"):
        migrate(settings, catalogue, folder=tmp_path, today=TODAY)
    assert rows(settings, "SELECT count() FROM more") == [(0,)]
    write(tmp_path, **{name: table})
    assert migrate(settings, catalogue, folder=tmp_path, today=TODAY).applied == (f"{name}.sql",)
    newer = f"{name}.sql: was applied by a newer version of cxpulse; use that version"
    assert check_migrations(settings) == [newer]


def test_the_command_says_what_it_did(
    clickhouse: str,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CXPULSE_CLICKHOUSE_URL", clickhouse)
    monkeypatch.setenv("CXPULSE_CLICKHOUSE_DATABASE", database)
    command()
    command()
    first, second = capsys.readouterr().out.splitlines()
    tables = "agencies, services, surveys, survey_quarters"
    assert first.startswith(f"Database {database}: ")
    assert first.endswith(f"SQL files applied, 0 already there, catalogue loaded ({tables})")
    assert second.startswith(f"Database {database}: 0 SQL files applied, ")
    assert second.endswith(" already there, catalogue current")
