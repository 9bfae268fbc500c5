"""The real broker with TLS and SASL on: who gets in, and what everybody else is told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from pipeline.errors import CxpulseError, KafkaError, SettingsError
from pipeline.local.probe import free_port
from pipeline.settings import KafkaSettings
from pipeline.wire.kafka import admin, consumer, producer, started
from tests.fixtures.certificates import KEY_PASSWORD, Papers
from tests.fixtures.command_line import cxpulse
from tests.fixtures.guarded import PASSWORD, USER, Guarded, bearer
from tests.fixtures.tokens import CLIENT_SECRET, SCOPE, TokenEndpoint

pytestmark = pytest.mark.broker

WRONG = SecretStr("wrong-pass")
OAUTH: dict[str, Any] = {"sasl_mechanism": "OAUTHBEARER"}
MUTUAL: dict[str, Any] = {"security_protocol": "SSL"}


async def enter(kafka: KafkaSettings) -> None:
    """Log in and ask something."""
    async with started(admin(kafka), kafka) as client:
        await client.describe_cluster()


async def refused(kafka: KafkaSettings) -> str:
    """What the operator reads: one line, without secrets, in reasonable time."""
    async with asyncio.timeout(10):
        with pytest.raises(KafkaError, match=r"^no Kafka at .* \(kafka\.bootstrap\): ") as raised:
            await enter(kafka)
    text = str(raised.value)
    assert "\n" not in text
    for secret in (PASSWORD, "wrong-pass", KEY_PASSWORD, CLIENT_SECRET, "eyJ"):
        assert secret not in text
    return text.split("(kafka.bootstrap): ", 1)[1]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"])
async def test_a_user_gets_in_with_the_right_password_only(
    guarded: Guarded, mechanism: str
) -> None:
    await enter(guarded.settings(guarded.users, sasl_mechanism=mechanism))
    for wrong in ({"sasl_password": WRONG}, {"sasl_username": "nobody"}):
        told = await refused(guarded.settings(guarded.users, sasl_mechanism=mechanism, **wrong))
        assert told == "it refuses user or password (kafka.sasl_username, kafka.sasl_password)"


@pytest.mark.parametrize("make", [producer, consumer, admin])
async def test_every_kind_of_client_logs_in_by_a_token(guarded: Guarded, make: type) -> None:
    kafka = guarded.settings(guarded.users, **OAUTH, sasl_token=SecretStr(bearer()))
    async with started(make(kafka), kafka):
        pass


async def test_a_token_that_is_over_or_none_is_refused_by_the_setting(guarded: Guarded) -> None:
    over, junk = (SecretStr(text) for text in (bearer(life_seconds=-60), "a b\x01c"))
    told = await refused(guarded.settings(guarded.users, **OAUTH, sasl_token=over))
    assert told == "it refuses the token (kafka.sasl_token)"
    told = await refused(guarded.settings(guarded.users, **OAUTH, sasl_token=junk))
    assert told == "kafka.sasl_token holds no bearer token"


async def test_a_token_in_a_file_can_be_replaced_while_a_client_lives(
    guarded: Guarded, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    kafka = guarded.settings(guarded.users, **OAUTH, sasl_token_file=path)
    assert "kafka.sasl_token_file: cannot read" in await refused(kafka)
    path.write_text(bearer(life_seconds=-60))
    client = admin(kafka)
    assert await refused(kafka) == "it refuses the token (kafka.sasl_token_file)"
    path.write_text(bearer() + "\n")
    async with started(client, kafka):
        assert await client.describe_cluster()


async def test_an_endpoint_gives_one_token_for_as_long_as_it_holds(guarded: Guarded) -> None:
    async with TokenEndpoint(guarded.papers) as endpoint:
        kafka = guarded.settings(guarded.users, **endpoint.settings(guarded.papers.ca))
        client = producer(kafka)
        async with started(client, kafka):
            pass
        assert endpoint.asked == [{"grant_type": "client_credentials", "scope": SCOPE}]
        wrong = kafka.model_copy(update={"sasl_password": WRONG})
        assert await refused(wrong) == (
            "kafka.sasl_token_url: no token, HTTP 401 invalid_client "
            "(kafka.sasl_username, kafka.sasl_password)"
        )
        strange = kafka.model_copy(update={"sasl_token_cafile": guarded.papers.other_ca})
        assert "kafka.sasl_token_url: its certificate is refused" in await refused(strange)
        endpoint.body = b"x" * 1_000_000
        assert "answers with over 65536 bytes" in await refused(kafka)
        endpoint.body = b'{"access_token": ["no"]}'
        assert "the answer holds no bearer token" in await refused(kafka)
    assert await refused(kafka) == "kafka.sasl_token_url: no answer (ClientConnectorError)"


async def test_a_certificate_of_ours_is_the_login_and_its_key_may_be_encrypted(
    guarded: Guarded,
) -> None:
    papers = guarded.papers
    await enter(guarded.settings(guarded.mutual, **MUTUAL, ssl_certfile=papers.client))
    locked = MUTUAL | {"ssl_certfile": papers.client_chain, "ssl_keyfile": papers.client_locked_key}
    right = {"ssl_key_password": SecretStr(KEY_PASSWORD)}
    await enter(guarded.settings(guarded.mutual, **locked, **right))
    for change, told in (({}, "ssl_key_password: the key"), ({"ssl_key_password": WRONG}, "loa")):
        with pytest.raises(SettingsError, match=told) as raised:
            admin(guarded.settings(guarded.mutual, **locked, **change))
        assert "wrong-pass" not in str(raised.value)


async def test_without_a_certificate_or_with_a_strangers_nobody_gets_in(
    guarded: Guarded, tmp_path: Path
) -> None:
    stranger = Papers(tmp_path).client
    for change in ({}, {"ssl_certfile": stranger}):
        told = await refused(guarded.settings(guarded.mutual, **MUTUAL, **change))
        assert told == "it wants a certificate that it trusts (kafka.ssl_certfile)"


async def test_a_broker_that_cannot_prove_who_it_is_gets_no_password(guarded: Guarded) -> None:
    other = guarded.settings(guarded.users, ssl_cafile=guarded.papers.other_ca)
    assert "unable to get local issuer certificate (kafka.ssl_cafile)" in await refused(other)
    assert "unable to get local" in await refused(guarded.settings(guarded.users, ssl_cafile=None))
    told = await refused(guarded.settings(guarded.expired, **MUTUAL))
    assert told == "its certificate is refused: certificate has expired (kafka.ssl_cafile)"
    named = guarded.settings(guarded.users, bootstrap=f"localhost:{guarded.users}")
    assert "Hostname mismatch, certificate is not valid for 'localhost'" in await refused(named)


async def test_another_protocol_than_the_ports_is_told_apart_from_a_broker_that_is_away(
    guarded: Guarded,
) -> None:
    clear = {"security_protocol": "SASL_PLAINTEXT", "allow_sasl_without_tls": True}
    await enter(guarded.settings(guarded.clear, **clear))
    for port, protocol in ((guarded.users, "PLAINTEXT"), (guarded.clear, "SSL")):
        told = await refused(guarded.settings(port, security_protocol=protocol))
        assert "kafka.security_protocol" in told
    papers = {"ssl_certfile": guarded.papers.client}
    told = await refused(guarded.settings(guarded.mutual, **papers))
    assert told == "it asks for no user there (kafka.security_protocol)"
    away = guarded.settings(0, bootstrap=f"127.0.0.1:{free_port()}")
    assert await refused(away) == "nobody listens there"


@pytest.mark.parametrize("command", [["topics"], ["emit", "--simulate"], ["score"]])
def test_commands_take_secrets_from_files_and_tell_a_wrong_one_in_a_line(
    guarded: Guarded, tmp_path: Path, command: list[str]
) -> None:
    secret = tmp_path / "password"
    secret.write_text("wrong-pass\n")
    ended = cxpulse(
        *command,
        KAFKA_BOOTSTRAP=f"127.0.0.1:{guarded.users}",
        KAFKA_SECURITY_PROTOCOL="SASL_SSL",
        KAFKA_SSL_CAFILE=guarded.papers.ca,
        KAFKA_SASL_USERNAME=USER,
        KAFKA_SASL_PASSWORD_FILE=secret,
    )
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert "it refuses user or password (kafka.sasl_username, kafka.sasl_pass" in ended.stderr
    assert "wrong-pass" not in ended.stdout + ended.stderr


def test_a_client_that_cannot_be_made_is_no_traceback() -> None:
    with pytest.raises(CxpulseError, match=r"OAUTHBEARER needs one of kafka\.sasl_token, "):
        admin(KafkaSettings(security_protocol="SASL_SSL", **OAUTH))
