"""Connections to ClickHouse over HTTP: one way for the embedded engine, a server and a cluster."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Final, TypedDict
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client

from pipeline.errors import SettingsError
from pipeline.settings import ClickHouseSettings
from pipeline.store.failures import store_errors

__all__ = ["AsyncClient", "Client", "connect", "connect_async", "store_errors"]

_CONNECT_SECONDS: Final = 5
"""A server that does not accept within this is away, whatever time its queries may take."""

_SETTINGS: Final = {
    # An insert must be on disk when it is acknowledged: offsets are committed on that word.
    "async_insert": 0,
}


class _Options(TypedDict):
    interface: str
    host: str
    port: int
    username: str
    password: str
    database: str
    settings: dict[str, object]
    connect_timeout: int
    send_receive_timeout: int
    ca_cert: str | None
    client_cert: str | None
    client_cert_key: str | None
    tls_mode: str | None
    autogenerate_session_id: bool
    show_clickhouse_errors: str
    tz_mode: str
    client_name: str


def connect(settings: ClickHouseSettings, database: str | None = None) -> Client:
    """A client of `database` (default: the one of the settings); times come back aware, in UTC.

    Raises SettingsError for an unusable URL or CA file, StoreError or TransientStoreError if it
    cannot connect. Wrap what is done with it in `store_errors`.
    """
    options = _options(settings, database)
    with store_errors(_what(options)):
        return clickhouse_connect.get_client(**options)


async def connect_async(settings: ClickHouseSettings, database: str | None = None) -> AsyncClient:
    """As `connect`, for an event loop; one client may run queries concurrently."""
    options = _options(settings, database)
    with store_errors(_what(options)):
        return await clickhouse_connect.get_async_client(**options)


def _what(options: _Options) -> str:
    where = f"{options['interface']}://{options['host']}:{options['port']}"
    return f"connect to ClickHouse database {options['database']!r} at {where}"


def _options(settings: ClickHouseSettings, database: str | None) -> _Options:
    # The driver logs tracebacks that quote values, and every error it also raises.
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)
    interface, host, port = _address(settings.url)
    for name in ("ca_file", "cert_file", "key_file"):
        path = getattr(settings, name)
        if path is not None and not path.is_file():
            raise SettingsError(f"clickhouse.{name}: {path} is not a file")
    return {
        "interface": interface,
        "host": host,
        "port": port,
        "username": settings.user,
        "password": settings.password.get_secret_value(),
        "database": settings.database if database is None else database,
        "settings": dict(_SETTINGS),
        "connect_timeout": _CONNECT_SECONDS,
        "send_receive_timeout": math.ceil(settings.timeout_seconds),
        "ca_cert": _text(settings.ca_file),
        "client_cert": _text(settings.cert_file),
        "client_cert_key": _text(settings.key_file),
        # The driver would take the certificate for the login, and leave the password out.
        "tls_mode": "strict" if settings.password else None,
        # Sessions run one query at a time; nothing here needs one.
        "autogenerate_session_id": False,
        "show_clickhouse_errors": "scrub",
        "tz_mode": "aware",
        "client_name": "cxpulse",
    }


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _address(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        raise SettingsError(f"clickhouse.url: {parts.scheme}://... has no valid port") from None
    if parts.username is not None:
        raise SettingsError(
            "clickhouse.url: put user and password in clickhouse.user and .password"
        )
    if not parts.hostname:
        raise SettingsError("clickhouse.url: names no host")
    return parts.scheme, parts.hostname, port or (8443 if parts.scheme == "https" else 8123)
