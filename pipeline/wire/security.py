"""How a Kafka client proves who it is, and who the broker must prove to be: TLS and SASL."""

from __future__ import annotations

import ssl
from typing import TypedDict

from aiokafka.abc import AbstractTokenProvider

from pipeline.errors import SettingsError
from pipeline.settings import KafkaSettings
from pipeline.wire import bearer
from pipeline.wire.tokens import token_provider


class ClientOptions(TypedDict, total=False):
    """Keyword arguments that every aiokafka client understands."""

    bootstrap_servers: str
    security_protocol: str
    ssl_context: ssl.SSLContext | None
    sasl_mechanism: str
    sasl_plain_username: str
    sasl_plain_password: str
    sasl_oauth_token_provider: AbstractTokenProvider


def client_options(kafka: KafkaSettings) -> ClientOptions:
    """How to connect, as keyword arguments of any aiokafka client.

    Raises:
        SettingsError: SASL without TLS, user or token, or a certificate that cannot be read.
    """
    options = ClientOptions(
        bootstrap_servers=kafka.bootstrap, security_protocol=kafka.security_protocol
    )
    if kafka.security_protocol.startswith("SASL_"):
        options.update(_sasl(kafka))
    if kafka.security_protocol.endswith("SSL"):
        options["ssl_context"] = _ssl_context(kafka)
    return options


def _sasl(kafka: KafkaSettings) -> ClientOptions:
    if kafka.security_protocol == "SASL_PLAINTEXT" and not kafka.allow_sasl_without_tls:
        raise SettingsError(
            "kafka.security_protocol: SASL_PLAINTEXT sends passwords and tokens in the clear; "
            "use SASL_SSL, or set kafka.allow_sasl_without_tls"
        )
    if kafka.sasl_mechanism == "OAUTHBEARER":
        bearer.install()
        return ClientOptions(
            sasl_mechanism=kafka.sasl_mechanism, sasl_oauth_token_provider=token_provider(kafka)
        )
    if not kafka.sasl_username:
        raise SettingsError(
            f"kafka.sasl_username: {kafka.security_protocol} needs a user and a password"
        )
    return ClientOptions(
        sasl_mechanism=kafka.sasl_mechanism,
        sasl_plain_username=kafka.sasl_username,
        sasl_plain_password=kafka.sasl_password.get_secret_value(),
    )


def _ssl_context(kafka: KafkaSettings) -> ssl.SSLContext:
    """Certificate and host name of the broker are checked, always."""
    try:
        context = ssl.create_default_context(cafile=kafka.ssl_cafile)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"kafka.ssl_cafile: cannot load {kafka.ssl_cafile}: {error}") from error
    if kafka.ssl_certfile is not None:
        try:
            context.load_cert_chain(
                kafka.ssl_certfile, kafka.ssl_keyfile, lambda: _key_password(kafka)
            )
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"kafka.ssl_certfile: cannot load {kafka.ssl_certfile}: {error}; "
                "do kafka.ssl_keyfile and kafka.ssl_key_password belong to it?"
            ) from error
    return context


def _key_password(kafka: KafkaSettings) -> str:
    """Asked for by an encrypted key only; without this OpenSSL would ask on the terminal."""
    password = kafka.ssl_key_password.get_secret_value()
    if not password:
        raise SettingsError("kafka.ssl_key_password: the key of kafka.ssl_certfile needs one")
    return password
