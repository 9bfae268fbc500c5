"""Connection options: what is refused, and where a key goes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import NotLeaderForPartitionError
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pipeline.errors import KafkaError, SettingsError
from pipeline.settings import KafkaSettings, load
from pipeline.wire.kafka import partition_for, read_errors
from pipeline.wire.security import client_options

SASL = {"sasl_username": "u", "sasl_password": SecretStr("hidden"), "allow_sasl_without_tls": True}


def test_plain_connections_need_an_address_only() -> None:
    options = client_options(KafkaSettings(bootstrap="a:1,b:2"))
    assert options == {"bootstrap_servers": "a:1,b:2", "security_protocol": "PLAINTEXT"}


def test_a_password_in_the_clear_is_refused_unless_asked_for() -> None:
    clear = KafkaSettings(security_protocol="SASL_PLAINTEXT", sasl_username="u")
    with pytest.raises(SettingsError, match=r"kafka\.security_protocol.*allow_sasl_without_tls"):
        client_options(clear)
    asked = client_options(clear.model_copy(update=SASL))
    assert asked["sasl_plain_username"] == "u"
    assert asked["sasl_plain_password"] == "hidden"
    assert asked["sasl_mechanism"] == "SCRAM-SHA-512"


def test_sasl_without_a_user_names_the_setting() -> None:
    with pytest.raises(SettingsError, match=r"kafka\.sasl_username"):
        client_options(KafkaSettings(security_protocol="SASL_SSL"))


def test_tls_checks_the_certificate_and_the_host_name() -> None:
    context = client_options(KafkaSettings(security_protocol="SSL"))["ssl_context"]
    assert context is not None
    assert context.check_hostname


@pytest.mark.parametrize("name", ["ssl_cafile", "ssl_certfile"])
def test_a_certificate_that_cannot_be_read_names_setting_and_file(
    name: str, tmp_path: Path
) -> None:
    absent = tmp_path / "absent.pem"
    settings = KafkaSettings(security_protocol="SSL").model_copy(update={name: absent})
    with pytest.raises(SettingsError, match=rf"kafka\.{name}: cannot load .*absent\.pem"):
        client_options(settings)


@pytest.mark.parametrize("error", [NotLeaderForPartitionError(), TimeoutError()])
def test_what_a_client_fails_at_is_told_with_the_place(error: Exception) -> None:
    told = rf"^topic a\.b partition 3: cannot be read: {type(error).__name__}$"
    with pytest.raises(KafkaError, match=told), read_errors("a.b partition 3"):
        raise error


def test_every_kafka_client_of_the_project_is_made_in_one_place() -> None:
    made = re.compile(r"\bAIOKafka(Consumer|Producer|AdminClient)\(|KafkaClient\(|create_conn\(")
    root = Path(__file__).parents[2]
    found = {
        str(path.relative_to(root))
        for folder in ("pipeline", "loadtest")
        for path in (root / folder).rglob("*.py")
        if made.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"pipeline/wire/kafka.py", "pipeline/wire/refusals.py"}


@pytest.mark.parametrize(
    "given",
    [{}, {"sasl_token": SecretStr("t"), "sasl_token_url": "https://id.test/token"}],
)
def test_a_token_comes_from_one_place(given: dict[str, Any]) -> None:
    kafka = KafkaSettings(security_protocol="SASL_SSL", sasl_mechanism="OAUTHBEARER", **given)
    with pytest.raises(SettingsError, match=r"needs one of kafka\.sasl_token, .*_file and .*_url$"):
        client_options(kafka)


def test_a_token_endpoint_without_tls_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"kafka\.sasl_token_url: string should match"):
        load(kafka={"sasl_token_url": "http://id.test/token"})


@pytest.mark.parametrize(("key", "hashed"), [(b"21", -973932308), (b"foobar", -790332482)])
def test_keys_go_where_javas_clients_put_them(key: bytes, hashed: int) -> None:
    # The hashes are those in Apache Kafka's own test of its murmur2.
    assert partition_for(key, 97) == (hashed & 0x7FFFFFFF) % 97


@given(st.binary(max_size=40), st.integers(1, 1024))
def test_every_key_has_a_partition(key: bytes, partitions: int) -> None:
    assert 0 <= partition_for(key, partitions) < partitions
