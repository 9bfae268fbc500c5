"""Tokens for OAUTHBEARER: a fixed one, one in a file that is replaced, or one asked for by OIDC.

A token is looked for at each login, so that a new one is used without a restart. aiokafka logs
what fails here and tries again, so errors are its own kind and hold no token and no secret.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import AuthenticationFailedError

from pipeline.errors import SettingsError
from pipeline.settings import KafkaSettings

LARGEST_BYTES: Final = 64 * 1024
"""Of a token, or of an answer with one: tokens have some 2 KiB, and a broker takes 16 KiB."""

ANSWER_SECONDS: Final = 10
"""An endpoint that has not answered by then is away; the next login asks again."""

USED_SHARE: Final = 0.8
"""Of a token's life after which a new one is asked for, as Kafka's own clients do."""

LIFE_SECONDS: Final = 60.0
"""Of a token whose answer does not say how long it holds."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""RFC 6750, section 2.1: nothing that could end the field it is sent in."""

_REASONS: Final = frozenset(
    {
        *("invalid_request", "invalid_client", "invalid_grant", "unauthorized_client"),
        *("unsupported_grant_type", "invalid_scope"),
    }
)
"""RFC 6749, section 5.2: the only words of an answer that are repeated."""


class TokenError(AuthenticationFailedError):
    """There is no token to log in with; the message names the setting."""


def token_places(kafka: KafkaSettings) -> list[str]:
    """The settings that say where tokens come from; one of them must."""
    names = ("sasl_token", "sasl_token_file", "sasl_token_url")
    return [f"kafka.{name}" for name in names if getattr(kafka, name)]


def token_provider(kafka: KafkaSettings) -> AbstractTokenProvider:
    """Where the settings say that tokens come from.

    Raises:
        SettingsError: they name no place, or more than one.
    """
    if len(token_places(kafka)) != 1:
        raise SettingsError(
            "kafka.sasl_mechanism: OAUTHBEARER needs one of kafka.sasl_token, "
            "kafka.sasl_token_file and kafka.sasl_token_url"
        )
    if kafka.sasl_token_url:
        return ClientCredentials(kafka)
    if kafka.sasl_token_file is not None:
        path = kafka.sasl_token_file
        return Kept(f"kafka.sasl_token_file: {path}", lambda: _read(path))
    return Kept("kafka.sasl_token", kafka.sasl_token.get_secret_value)


class Kept(AbstractTokenProvider):
    """A token that somebody else puts in place; `read` is asked at each login."""

    def __init__(self, where: str, read: Callable[[], str]) -> None:
        self._where = where
        self._read = read

    async def token(self) -> str:
        """The token as it is now. Raises TokenError."""
        return _checked(await asyncio.to_thread(self._read), self._where)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_BYTES).decode("ascii", "replace").strip()
    except OSError as error:
        raise TokenError(f"kafka.sasl_token_file: cannot read {path}: {error.strerror}") from None


def _checked(token: object, where: str) -> str:
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise TokenError(f"{where} holds no bearer token")
    return token


class ClientCredentials(AbstractTokenProvider):
    """Asks an OAuth 2 endpoint, by RFC 6749 section 4.4, and keeps a token while it holds."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Raises SettingsError: no client id, or a CA file that cannot be read."""
        if not kafka.sasl_username:
            raise SettingsError("kafka.sasl_username: kafka.sasl_token_url needs the client's id")
        self._kafka = kafka
        try:
            self._tls = ssl.create_default_context(cafile=kafka.sasl_token_cafile)
        except (OSError, ssl.SSLError) as error:
            path = kafka.sasl_token_cafile
            raise SettingsError(f"kafka.sasl_token_cafile: cannot load {path}: {error}") from error
        self._lock = asyncio.Lock()
        self._token = ""
        self._until = 0.0

    async def token(self) -> str:
        """A token that still holds for a while. Raises TokenError."""
        async with self._lock:
            now = time.monotonic()
            if now >= self._until:
                self._token, life = _granted(await self._ask())
                self._until = now + life * USED_SHARE
            return self._token

    async def _ask(self) -> bytes:
        import aiohttp  # half a second that only this way to log in should cost

        kafka = self._kafka
        form = {"grant_type": "client_credentials"}
        if kafka.sasl_token_scope:
            form["scope"] = kafka.sasl_token_scope
        auth = aiohttp.encode_basic_auth(
            kafka.sasl_username, kafka.sasl_password.get_secret_value(), "utf-8"
        )
        limits = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=limits, headers={"Authorization": auth}) as session,
                session.post(
                    kafka.sasl_token_url, data=form, ssl=self._tls, allow_redirects=False
                ) as answer,
            ):
                body = await _bounded(answer)
                if answer.status != 200:
                    raise _refused(answer.status, body)
                return body
        except aiohttp.ClientConnectorCertificateError as error:
            why = getattr(error.certificate_error, "verify_message", "")
            raise TokenError(
                f"kafka.sasl_token_url: its certificate is refused: {why} (kafka.sasl_token_cafile)"
            ) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TokenError(f"kafka.sasl_token_url: no answer ({type(error).__name__})") from None


async def _bounded(answer: object) -> bytes:
    """The body, which is not read on beyond what a token can need."""
    import aiohttp

    assert isinstance(answer, aiohttp.ClientResponse)
    body = b""
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > LARGEST_BYTES:
            raise TokenError(f"kafka.sasl_token_url: answers with over {LARGEST_BYTES} bytes")
    return body


def _refused(status: int, body: bytes) -> TokenError:
    reason = _fields(body).get("error")
    told = reason if isinstance(reason, str) and reason in _REASONS else ""
    return TokenError(
        f"kafka.sasl_token_url: no token, HTTP {status} {told}".rstrip()
        + " (kafka.sasl_username, kafka.sasl_password)"
    )


def _granted(body: bytes) -> tuple[str, float]:
    """Token and life in seconds of a good answer (RFC 6749, section 5.1)."""
    fields = _fields(body)
    token = _checked(fields.get("access_token"), "kafka.sasl_token_url: the answer")
    life = fields.get("expires_in")
    return token, float(life) if isinstance(life, int | float) and life > 0 else LIFE_SECONDS


def _fields(body: bytes) -> dict[str, object]:
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
