"""Connection options: what is refused, and where a key goes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pipeline.errors import SettingsError
from pipeline.settings import KafkaSettings
from pipeline.wire.kafka import client_options, partition_for

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


@pytest.mark.parametrize(("key", "hashed"), [(b"21", -973932308), (b"foobar", -790332482)])
def test_keys_go_where_javas_clients_put_them(key: bytes, hashed: int) -> None:
    # The hashes are those in Apache Kafka's own test of its murmur2.
    assert partition_for(key, 97) == (hashed & 0x7FFFFFFF) % 97


@given(st.binary(max_size=40), st.integers(1, 1024))
def test_every_key_has_a_partition(key: bytes, partitions: int) -> None:
    assert 0 <= partition_for(key, partitions) < partitions
