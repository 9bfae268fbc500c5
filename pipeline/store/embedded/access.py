"""Who may ask: one name and password, and no web page of a stranger."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from dataclasses import dataclass

from aiohttp import web

from pipeline.errors import LocalError
from pipeline.store.embedded.failures import ACCESS_DENIED, AUTHENTICATION_FAILED, QueryError


@dataclass(frozen=True, slots=True)
class Access:
    """The one user, and the address the server is bound to."""

    host: str
    user: str = "default"
    password: str = ""

    def __post_init__(self) -> None:
        """Raises LocalError for an open address without a password."""
        if not is_loopback(self.host) and not self.password:
            raise LocalError(
                f"--host {self.host} is reachable from outside: set CXPULSE_CLICKHOUSE_PASSWORD, "
                "or use 127.0.0.1"
            )

    def check(self, request: web.Request) -> None:
        """Raises QueryError 516 for a wrong name or password, 497 for a request made by a web page.

        A browser lets any page send a POST to a loopback port, and a name can be made to resolve to
        it (DNS rebinding); such requests carry an Origin, or a Host that is not this one.
        """
        headers = request.headers
        foreign = headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")
        if "Origin" in headers or foreign:
            raise QueryError(ACCESS_DENIED, "Requests from web pages are refused")
        if is_loopback(self.host) and not is_loopback(_name_of(request.host)):
            raise QueryError(ACCESS_DENIED, "The Host header must name this machine's loopback")
        user, password = _credentials(request)
        right = _same(user, self.user) & _same(password, self.password)
        if not right:
            raise QueryError(
                AUTHENTICATION_FAILED,
                "Authentication failed: password is incorrect, or there is no user with such name",
            )


def is_loopback(host: str) -> bool:
    """Is it a name or an address that only this machine reaches?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _name_of(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def _same(one: str, two: str) -> bool:
    return hmac.compare_digest(one.encode(), two.encode())


def _credentials(request: web.Request) -> tuple[str, str]:
    """From headers, basic authentication or the URL, in the order ClickHouse looks."""
    headers = request.headers
    if "X-ClickHouse-User" in headers or "X-ClickHouse-Key" in headers:
        return headers.get("X-ClickHouse-User", "default"), headers.get("X-ClickHouse-Key", "")
    scheme, _, value = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise QueryError(AUTHENTICATION_FAILED, "Invalid Authorization header") from error
        return user, password
    return request.query.get("user", "default"), request.query.get("password", "")
