"""Every setting, declared once: flags win over `CXPULSE_*` variables, those over a TOML file."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from pipeline.errors import SettingsError
from pipeline.resources import resource


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KafkaSettings(_Section):
    """How to reach Kafka, and how its topics are laid out."""

    bootstrap: str = Field("127.0.0.1:9092", description="host:port[,host:port]")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    sasl_username: str = ""
    sasl_password: SecretStr = SecretStr("")
    allow_sasl_without_tls: bool = Field(False, description="accept passwords in the clear")
    ssl_cafile: Path | None = None
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    partitions: int = Field(8, ge=1, le=1024, description="of every topic, when created")
    replication: int = Field(1, ge=1, le=9, description="3 in production")
    min_isr: int = Field(1, ge=1, le=9, description="2 in production")
    topic_prefix: str = Field("cx", pattern=r"^[a-zA-Z0-9._-]{1,100}$")
    group_prefix: str = Field("cxpulse", pattern=r"^[a-zA-Z0-9._-]{1,100}$")
    session_timeout_seconds: float = Field(
        6.0, ge=6.0, le=60.0, description="a killed worker's partitions move after this"
    )
    confluent_ids: dict[int, str] = Field(
        default_factory=dict, description="registry id → schema file, for Confluent wire format"
    )


class ClickHouseSettings(_Section):
    """How to reach ClickHouse over HTTP."""

    url: str = Field("http://127.0.0.1:8123", pattern=r"^https?://[^/\s]+$")
    user: str = "default"
    password: SecretStr = SecretStr("")
    database: str = Field("cx", pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,62}$")
    timeout_seconds: float = Field(30.0, gt=0)
    ca_file: Path | None = None
    cluster: str = Field(
        "",
        pattern=r"^[a-zA-Z0-9._-]{0,100}$",
        description="replicate the database over this cluster; empty: one server",
    )


class ScoreSettings(_Section):
    """The score worker's pace."""

    emit_seconds: float = Field(
        0.1, gt=0, le=0.25, description="live: changed rows go out this often"
    )
    checkpoint_seconds: float = Field(2.0, ge=1.0, le=5.0)
    checkpoint_records: int = Field(50_000, ge=1_000, le=1_000_000)
    behind_records: int = Field(50_000, ge=1_000, description="beyond this lag: panes only")
    metrics_port: int = Field(9108, ge=0, le=65535, description="0 picks a free one, -: see logs")


class SinkSettings(_Section):
    """The sink's pace."""

    flush_rows: int = Field(10_000, ge=1, le=1_000_000)
    flush_seconds: float = Field(0.2, gt=0, le=10)
    metrics_port: int = Field(9109, ge=0, le=65535)


class Settings(BaseSettings):
    """The whole tree. `CXPULSE_KAFKA_BOOTSTRAP` sets `kafka.bootstrap`, and so on for each leaf.

    A variable that ends in `_FILE` names a file that holds the value (for secrets).
    """

    model_config = SettingsConfigDict(
        env_prefix="CXPULSE_",
        env_nested_delimiter="_",
        env_nested_max_split=1,
        extra="forbid",
        frozen=True,
    )

    kafka: KafkaSettings = KafkaSettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    score: ScoreSettings = ScoreSettings()
    sink: SinkSettings = SinkSettings()
    catalog: Path = Field(default_factory=lambda: resource("deploy", "catalog"))
    metrics_host: str = "127.0.0.1"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then variables, then the TOML file; no .env file is ever read."""
        path = os.environ.get(CONFIG_VARIABLE)
        if not path:
            return init_settings, env_settings
        return init_settings, env_settings, InitSettingsSource(settings_cls, _read_toml(Path(path)))


CONFIG_VARIABLE = "CXPULSE_CONFIG"
"""Names the TOML file; `--config` sets it."""

_FILE_SUFFIX = "_FILE"


def load(**overrides: object) -> Settings:
    """Read flags (`overrides`, nested dicts), environment and the TOML file of `CXPULSE_CONFIG`.

    Raises SettingsError with one line that names the setting.
    """
    _read_secret_files()
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"setting {name}: {first['msg'].lower()}") from None


def _read_secret_files() -> None:
    """`CXPULSE_X_FILE=path` sets `CXPULSE_X` to the file's content, for secrets kept out of the environment."""
    for name in [n for n in os.environ if n.startswith("CXPULSE_") and n.endswith(_FILE_SUFFIX)]:
        path = Path(os.environ.pop(name))
        try:
            os.environ[name.removesuffix(_FILE_SUFFIX)] = path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"{name}: cannot read {path}: {error.strerror}") from None


def _read_toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{CONFIG_VARIABLE}: cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not TOML: {error}") from None
