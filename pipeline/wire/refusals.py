"""Why there is no connection to Kafka, for one line: aiokafka tells that only to its log."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from typing import Any, Final

from aiokafka import errors
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.protocol.metadata import MetadataRequest

from pipeline.settings import KafkaSettings
from pipeline.wire.security import client_options
from pipeline.wire.tokens import TokenError, token_places

LOOK_SECONDS: Final = 3.0
"""A broker says no within milliseconds; this is for one far away."""

_WANTS_CERTIFICATE: Final = ("CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE")
_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNEXPECTED_EOF")
"""OpenSSL's words for how a broker ends the talk with a client whose certificate it lacks or does
not trust, and for bytes that are no TLS."""


async def why(kafka: KafkaSettings) -> str | None:
    """Connects once more, as a client does, and says what goes wrong; None when nothing does.

    The words name the settings to look at, and hold neither secrets nor what the broker wrote.
    """
    options = {k: v for k, v in client_options(kafka).items() if k != "bootstrap_servers"}
    hosts = collect_hosts(kafka.bootstrap, randomize=False)  # type: ignore[no-untyped-call]  # aiokafka
    for host, port, _ in hosts:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await _connect(host, port, options)
        except Exception as error:  # whatever it is, it is the reason
            return _words(error, kafka)
    return None


async def _connect(host: str, port: int, options: dict[str, Any]) -> None:
    connection = await create_conn(host, port, **options)  # type: ignore[no-untyped-call]  # aiokafka
    try:
        await connection.send(MetadataRequest([]))
    finally:
        connection.close()


def _words(error: BaseException, kafka: KafkaSettings) -> str:
    for cause in _causes(error):
        text = _tls(cause) or _sasl(cause, kafka) or _network(cause)
        if text:
            return text
    return type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what led to it, the first cause first: the later ones say "closed" only."""
    chain: list[BaseException] = []
    while error is not None:
        chain.append(error)
        hidden = error.__suppress_context__
        error = error.__cause__ or (None if hidden else error.__context__)
    return reversed(chain)


def _tls(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {error.verify_message.rstrip('.')} (kafka.ssl_cafile)"
    if not isinstance(error, ssl.SSLError):
        return ""
    reason = error.reason or ""
    if "ALERT" in reason and any(word in reason for word in _WANTS_CERTIFICATE):
        return "it wants a certificate that it trusts (kafka.ssl_certfile)"
    if any(word in reason for word in _NO_TLS):
        return "it does not speak TLS there (kafka.security_protocol)"
    return f"TLS fails: {reason}"


def _sasl(error: BaseException, kafka: KafkaSettings) -> str:
    if isinstance(error, TokenError):
        return str(error.args[0])
    if isinstance(error, errors.SaslAuthenticationFailed):
        return _refused(kafka)
    if isinstance(error, errors.UnsupportedSaslMechanismError):
        return f"it does not take {kafka.sasl_mechanism} (kafka.sasl_mechanism)"
    if isinstance(error, errors.IllegalSaslStateError):
        return "it asks for no user there (kafka.security_protocol)"
    if isinstance(error, ValueError):  # aiokafka's SCRAM
        return "it cannot prove that it knows the password (kafka.bootstrap, kafka.sasl_password)"
    return ""


def _refused(kafka: KafkaSettings) -> str:
    if kafka.sasl_mechanism == "OAUTHBEARER":
        return f"it refuses the token ({', '.join(token_places(kafka))})"
    return "it refuses user or password (kafka.sasl_username, kafka.sasl_password)"


def _network(error: BaseException) -> str:
    if isinstance(error, socket.gaierror):
        return "there is no such host"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(error, asyncio.IncompleteReadError | ConnectionResetError):
        return "it closes the connection; is kafka.security_protocol what it expects there?"
    return "no answer" if isinstance(error, TimeoutError) else ""
