"""The endpoint of a long-running part: `/metrics` for Prometheus, `/healthz` for a supervisor.

It runs in a thread of its own: when the part hangs, `/healthz` still answers, and says so.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the part makes progress; `reasons` say why not, `facts` help an operator."""

    reasons: tuple[str, ...] = ()
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Nothing stands in the way."""
        return not self.reasons


class Endpoint:
    """A running endpoint; `port` is the real one when 0 was asked for."""

    def __init__(self, server: WSGIServer) -> None:
        self._server = server
        self.port: int = server.server_port
        self._thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Quiet(WSGIRequestHandler):
    """A scrape every few seconds is no news."""

    timeout = 5  # seconds: a client that sends nothing must not hold the only thread

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base names it so
        """Say nothing."""


def serve_metrics(host: str, port: int, health: Callable[[], Health]) -> Endpoint:
    """Serve `/metrics` and `/healthz`; 200 when `health()` is good, else 503, both with JSON.

    Raises:
        SettingsError: the port is taken or the host is not ours.
    """
    try:
        server = make_server(host, port, _application(health), handler_class=_Quiet)
    except OSError as error:
        raise SettingsError(
            f"metrics endpoint: cannot listen on {host}:{port}: {error.strerror}; "
            "choose another metrics_port, or 0 for any"
        ) from error
    return Endpoint(server)


def _application(health: Callable[[], Health]) -> WSGIApplication:
    metrics = make_wsgi_app()

    def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if path == "/metrics":
            body: Iterable[bytes] = metrics(environ, start)
            return body
        if path == "/healthz":
            state = health()
            status = "200 OK" if state.good else "503 Service Unavailable"
            answer = {"healthy": state.good, "reasons": state.reasons, **state.facts}
        else:
            status, answer = "404 Not Found", {"try": ["/metrics", "/healthz"]}
        start(status, [("Content-Type", "application/json")])
        return [json.dumps(answer).encode() + b"\n"]

    return application
