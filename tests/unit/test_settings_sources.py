"""Where a setting comes from, and which source wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import SettingsError
from pipeline.settings import load
from tests.fixtures.variables import Setter


def toml(folder: Path, text: str) -> Path:
    path = folder / "cxpulse.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_flags_win_over_variables_and_those_over_the_file(tmp_path: Path, setting: Setter) -> None:
    text = "[score]\nmetrics_port = 1\nbehind_records = 1001\ncheckpoint_records = 1002\n"
    setting(CONFIG=toml(tmp_path, text), SCORE_METRICS_PORT=2, SCORE_BEHIND_RECORDS=2001)
    score = load(score={"metrics_port": 3}).score
    assert (score.metrics_port, score.behind_records, score.checkpoint_records) == (3, 2001, 1002)
    assert score.checkpoint_seconds == 2.0


def test_every_kind_of_value_can_be_written_in_a_variable(setting: Setter) -> None:
    setting(
        KAFKA_CONFLUENT_IDS='{"7": "survey_response/v1.avsc"}',
        KAFKA_ALLOW_SASL_WITHOUT_TLS="true",
        CLICKHOUSE_CA_FILE="/etc/ca.pem",
        METRICS_HOST="0.0.0.0",
        KAFKA_BOOTSTRAP="",
    )
    settings = load()
    assert settings.kafka.confluent_ids == {7: "survey_response/v1.avsc"}
    assert settings.kafka.allow_sasl_without_tls
    assert settings.clickhouse.ca_file == Path("/etc/ca.pem")
    assert settings.metrics_host == "0.0.0.0"
    assert settings.kafka.bootstrap == "127.0.0.1:9092"


def test_a_secret_comes_from_a_file_without_its_line_end(tmp_path: Path, setting: Setter) -> None:
    path = tmp_path / "secret"
    path.write_text(" two words \n", encoding="utf-8")
    setting(CLICKHOUSE_PASSWORD_FILE=path)
    assert load().clickhouse.password.get_secret_value() == " two words "
    assert load().clickhouse.password.get_secret_value() == " two words "


def test_a_secret_that_is_given_twice_or_cannot_be_read_is_named(
    tmp_path: Path, setting: Setter
) -> None:
    setting(CLICKHOUSE_PASSWORD_FILE=tmp_path / "none")
    with pytest.raises(
        SettingsError, match=r"^CXPULSE_CLICKHOUSE_PASSWORD_FILE: cannot read .*none"
    ):
        load()
    setting(CLICKHOUSE_PASSWORD="hunter2")
    with pytest.raises(SettingsError, match="CXPULSE_CLICKHOUSE_PASSWORD is set too") as raised:
        load()
    assert "hunter2" not in str(raised.value)


def test_a_file_that_is_missing_or_not_toml_is_named(tmp_path: Path, setting: Setter) -> None:
    setting(CONFIG=tmp_path / "none.toml")
    with pytest.raises(SettingsError, match=r"^CXPULSE_CONFIG: cannot read .*none\.toml: No such"):
        load()
    setting(CONFIG=toml(tmp_path, "[kafka\n"))
    with pytest.raises(SettingsError, match=r"cxpulse\.toml: not TOML: .*line 1"):
        load()
