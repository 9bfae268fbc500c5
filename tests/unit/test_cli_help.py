"""`cxpulse --help` teaches: every command says what it does, every option what it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.environment import variable
from pipeline.settings import Settings, leaves
from tests.fixtures.variables import Setter

pytestmark = pytest.mark.usefixtures("root_logger")

Command = TyperGroup | TyperCommand


def commands(
    command: object, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Command]]:
    assert isinstance(command, Command)
    yield path, command
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            yield from commands(inner, (*path, name))


ALL = dict(commands(get_command(app)))


def test_the_verbs_are_those_that_operators_know() -> None:
    verbs = {path[0] for path in ALL if path}
    assert verbs >= {"check", "topics", "migrate", "score", "sink", "emit", "trace", "config"}
    assert ("local", "clickhouse") in ALL


@pytest.mark.parametrize("path", ALL, ids="-".join)
def test_help_names_every_option_and_says_what_it_is(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0
    assert ALL[path].help
    for parameter in ALL[path].params:
        assert isinstance(parameter, TyperOption | TyperArgument)
        if parameter.hidden:
            continue
        assert parameter.name is not None
        shown = parameter.opts[0] if isinstance(parameter, TyperOption) else parameter.name
        assert shown in done.output
        assert parameter.help, shown
        assert parameter.help[0].isupper() or parameter.name == "log_level", parameter.help
        assert parameter.help.endswith("."), parameter.help


def test_config_shows_every_setting_and_no_secret(tmp_path: Path, setting: Setter) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    setting(
        CLICKHOUSE_PASSWORD_FILE=tmp_path / "secret",
        KAFKA_SASL_PASSWORD="hunter3",
        KAFKA_SASL_TOKEN="hunter5",
        KAFKA_SSL_KEY_PASSWORD="hunter6",
        CLICKHOUSE_URL="http://me:hunter4@hunter4@host",
    )
    done = CliRunner().invoke(app, ["config"])
    assert done.exit_code == 0
    shown = dict(line.split("=", 1) for line in done.output.splitlines())
    assert set(shown) == {variable(place) for place, _ in leaves(Settings)}
    assert shown["CXPULSE_CLICKHOUSE_PASSWORD"].startswith("**********")
    for name in ("SASL_PASSWORD", "SASL_TOKEN", "SSL_KEY_PASSWORD"):
        assert shown[f"CXPULSE_KAFKA_{name}"].startswith("**********")
    assert shown["CXPULSE_CLICKHOUSE_URL"].startswith("http://**********@host")
    assert "hunter" not in done.output


def test_what_config_prints_can_be_set_again(setting: Setter) -> None:
    setting(KAFKA_CONFLUENT_IDS='{"7": "survey_response/v1.avsc"}', KAFKA_BOOTSTRAP="b:1")
    first = CliRunner().invoke(app, ["config"]).output
    values = (line.split("  # ")[0].split("=", 1) for line in first.splitlines())
    setting(**{name.removeprefix("CXPULSE_"): value for name, value in values})
    assert CliRunner().invoke(app, ["config"]).output == first
