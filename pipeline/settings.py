"""Every setting, declared once: flags win over `CXPULSE_*` variables, those over a TOML file."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from pipeline.environment import CONFIG_VARIABLE, Place, read_environment, unknown
from pipeline.errors import SettingsError
from pipeline.resources import resource

__all__ = ["CONFIG_VARIABLE", "Settings", "leaves", "load"]


def _from_json(value: object) -> object:
    """A variable holds text; flags and TOML give the mapping itself."""
    if not isinstance(value, str):
        return value
    try:
        parsed: object = json.loads(value)
    except ValueError:
        raise ValueError("not JSON, such as {...}") from None
    return parsed


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_SERVER = r"([^\s,:\[\]]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}"
_SERVERS: Final = rf"^{_SERVER}(,{_SERVER})*$"
"""host:port, or [IPv6]:port, with commas between."""


class KafkaSettings(_Section):
    """How to reach Kafka, and how its topics are laid out."""

    bootstrap: str = Field("127.0.0.1:9092", pattern=_SERVERS, description="host:port[,host:port]")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="PLAINTEXT, SSL, SASL_SSL or SASL_PLAINTEXT"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = Field(
        "SCRAM-SHA-512", description="PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"
    )
    sasl_username: str = Field("", description="needed with SASL; client id for sasl_token_url")
    sasl_password: SecretStr = Field(
        SecretStr(""), description="secret; needed with SASL; of the client for sasl_token_url"
    )
    sasl_token: SecretStr = Field(
        SecretStr(""), description="secret; for OAUTHBEARER, one that does not change"
    )
    sasl_token_file: Path | None = Field(
        None, description="for OAUTHBEARER: holds the token, read again at each login"
    )
    sasl_token_url: str = Field(
        "",
        pattern=r"^(https://[^\s@]+)?$",
        description="for OAUTHBEARER: https://... gives tokens (OIDC client credentials)",
    )
    sasl_token_scope: str = Field("", description="asked for at sasl_token_url, if it needs one")
    sasl_token_cafile: Path | None = Field(
        None, description="PEM of who signed for sasl_token_url; else the system's"
    )
    allow_sasl_without_tls: bool = Field(
        False, description="accept passwords and tokens in the clear"
    )
    ssl_cafile: Path | None = Field(None, description="PEM of who signed; else the system's")
    ssl_certfile: Path | None = Field(None, description="PEM of our certificate, for mutual TLS")
    ssl_keyfile: Path | None = Field(None, description="PEM of its key, unless in the same file")
    ssl_key_password: SecretStr = Field(
        SecretStr(""), description="secret; if that key is encrypted"
    )
    partitions: int = Field(8, ge=1, le=1024, description="of every topic, when created")
    replication: int = Field(1, ge=1, le=9, description="3 in production")
    min_isr: int = Field(1, ge=1, le=9, description="2 in production")
    topic_prefix: str = Field(
        "cx", pattern=r"^[a-zA-Z0-9._-]{1,100}$", description="cx makes cx.responses and so on"
    )
    group_prefix: str = Field(
        "cxpulse", pattern=r"^[a-zA-Z0-9._-]{1,100}$", description="of every consumer group"
    )
    session_timeout_seconds: float = Field(
        6.0, ge=6.0, le=60.0, description="a killed worker's partitions move after this"
    )
    confluent_ids: Annotated[dict[int, str], BeforeValidator(_from_json)] = Field(
        default_factory=dict,
        description='registry id → schema file, e.g. {"7": "survey_response/v1.avsc"}',
    )


class ClickHouseSettings(_Section):
    """How to reach ClickHouse over HTTP."""

    url: str = Field(
        "http://127.0.0.1:8123", pattern=r"^https?://[^/\s]+$", description="http(s)://host:port"
    )
    user: str = Field("default", description="may create tables when it runs migrate")
    password: SecretStr = Field(SecretStr(""), description="secret")
    database: str = Field(
        "cx", pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,62}$", description="created by migrate"
    )
    timeout_seconds: float = Field(30.0, gt=0, description="for one query or insert")
    ca_file: Path | None = Field(None, description="PEM of who signed; else the system's")
    cert_file: Path | None = Field(
        None, description="PEM of our certificate; without a password it is the login too"
    )
    key_file: Path | None = Field(None, description="PEM of its key, unless in the same file")
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
    checkpoint_seconds: float = Field(
        2.0, ge=1.0, le=5.0, description="a partition with news is saved this often"
    )
    checkpoint_records: int = Field(
        50_000, ge=1_000, le=1_000_000, description="or after so many records"
    )
    behind_records: int = Field(50_000, ge=1_000, description="beyond this lag: panes only")
    breaker_records: int = Field(
        10_000, ge=0, description="pause a partition when so many records, 0: never"
    )
    breaker_share: float = Field(
        0.5, gt=0, le=1, description="of which at least this share are dead letters"
    )
    breaker_seconds: float = Field(
        300.0, ge=1, le=86_400, description="were appended within this time"
    )
    metrics_port: int = Field(9108, ge=0, le=65535, description="of /metrics; 0 picks a free one")


class SinkSettings(_Section):
    """The sink's pace."""

    flush_rows: int = Field(
        10_000, ge=1, le=1_000_000, description="an insert has about this many rows at most"
    )
    flush_seconds: float = Field(
        0.1, gt=0, le=10, description="or what came in this time; tenfold save for live windows"
    )
    metrics_port: int = Field(9109, ge=0, le=65535, description="of /metrics; 0 picks a free one")


class Settings(BaseSettings):
    """The whole tree. `CXPULSE_KAFKA_BOOTSTRAP` sets `kafka.bootstrap`, and so on for each leaf.

    A variable that ends in `_FILE` names a file that holds the value (for secrets).
    """

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    kafka: KafkaSettings = KafkaSettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    score: ScoreSettings = ScoreSettings()
    sink: SinkSettings = SinkSettings()
    catalog: Path = Field(
        default_factory=lambda: resource("deploy", "catalog"),
        description="folder of agencies.yaml, services.yaml, wordings.yaml, surveys.yaml",
    )
    metrics_host: str = Field("127.0.0.1", description="where /metrics and /healthz listen")

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
        variables = read_environment((place for place, _ in leaves(cls)), os.environ)
        path = os.environ.get(CONFIG_VARIABLE)
        file = _read_toml(Path(path)) if path else {}
        return (
            init_settings,
            InitSettingsSource(settings_cls, variables),
            InitSettingsSource(settings_cls, file),
        )


def leaves(section: type[BaseModel], path: Place = ()) -> Iterator[tuple[Place, FieldInfo]]:
    """Where each setting is in the tree, in the order of declaration."""
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from leaves(kind, (*path, name))
        else:
            yield (*path, name), field


def load(**overrides: object) -> Settings:
    """Read flags (`overrides`, nested dicts), environment and the TOML file of `CXPULSE_CONFIG`.

    Raises SettingsError with one line that names the setting.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        known = {".".join(place): field.description for place, field in leaves(Settings)}
        what = _plain(first["msg"])
        if first["type"] == "extra_forbidden":
            what = unknown(name, known)
        elif first["type"] == "string_pattern_mismatch":
            what = f"{what}: {known[name]}"  # a pattern alone is a riddle
        raise SettingsError(f"setting {name}: {what}") from None


def _plain(message: str) -> str:
    """Pydantic's words as the end of a line of ours."""
    text = message.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]


def _read_toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{CONFIG_VARIABLE}: cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not TOML: {error}") from None
