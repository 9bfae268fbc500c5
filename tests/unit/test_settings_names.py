"""A slip in a name or a value is one line that names it: never a default, silently."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.environment import variable
from pipeline.errors import SettingsError
from pipeline.settings import Settings, leaves, load
from tests.fixtures.variables import Setter


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("KAFKA_BOOTSRTAP", "no such setting; did you mean CXPULSE_KAFKA_BOOTSTRAP?"),
        ("METRICS_HOTS", "no such setting; did you mean CXPULSE_METRICS_HOST?"),
        ("SOMETHING", "no such setting; `cxpulse config` lists them all"),
        ("KAFKA", "no such setting; `cxpulse config` lists them all"),
        ("SINK_TOKEN_FILE", "no such setting; `cxpulse config` lists them all"),
    ],
)
def test_a_variable_that_is_no_setting_is_refused_by_name(
    setting: Setter, name: str, told: str
) -> None:
    setting(**{name: "secret value"})
    with pytest.raises(SettingsError) as raised:
        load()
    assert str(raised.value) == f"CXPULSE_{name}: {told}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[kafka]\nbootsrap = 'x'", "kafka.bootsrap: no such setting; did you mean kafka.boot"),
        ("[kafak]\nbootstrap = 'x'", "kafak: no such setting; `cxpulse config` lists them all"),
        ("kafka = 3", "kafka: input should be a valid dictionary"),
        ("[kafka]\nconfluent_ids = 'x'", "kafka.confluent_ids: not JSON"),
        (
            "[clickhouse]\nurl = 'ftp://x'",
            r"clickhouse.url: string should match pattern '^https?://[^/\s]+$': http(s)://host:port",
        ),
    ],
)
def test_a_slip_in_the_file_is_refused_by_name(
    tmp_path: Path, setting: Setter, text: str, told: str
) -> None:
    (tmp_path / "c.toml").write_text(text)
    setting(CONFIG=tmp_path / "c.toml")
    with pytest.raises(SettingsError) as raised:
        load()
    assert str(raised.value).startswith(f"setting {told}")
    assert "\n" not in str(raised.value)


def test_a_wrong_value_is_not_repeated(setting: Setter) -> None:
    setting(KAFKA_PARTITIONS="hunter2")
    with pytest.raises(SettingsError, match=r"^setting kafka\.partitions: ") as raised:
        load()
    assert "hunter2" not in str(raised.value)


def test_every_setting_has_its_own_variable_and_says_what_it_is() -> None:
    places = [place for place, _ in leaves(Settings)]
    assert ("kafka", "bootstrap") in places
    assert ("metrics_host",) in places
    assert len({variable(place) for place in places}) == len(places)
    assert [place for place, field in leaves(Settings) if not field.description] == []
