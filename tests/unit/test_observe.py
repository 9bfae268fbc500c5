"""The endpoint for metrics and health."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from pipeline.errors import SettingsError
from pipeline.observe import Endpoint, Health, serve_metrics

HEALTH: list[Health] = [Health()]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    served = serve_metrics("127.0.0.1", 0, lambda: HEALTH[0])
    yield served
    served.close()


def fetch(endpoint: Endpoint, path: str) -> tuple[int, str]:
    """Status and body."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{endpoint.port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_health_is_200_with_facts_or_503_with_reasons(endpoint: Endpoint) -> None:
    HEALTH[0] = Health(facts={"lag": 3})
    status, body = fetch(endpoint, "/healthz")
    assert (status, json.loads(body)) == (200, {"healthy": True, "reasons": [], "lag": 3})
    HEALTH[0] = Health(reasons=("nothing folded for 40 s",))
    status, body = fetch(endpoint, "/healthz")
    assert (status, json.loads(body)["reasons"]) == (503, ["nothing folded for 40 s"])


def test_metrics_are_in_prometheus_format(endpoint: Endpoint) -> None:
    status, body = fetch(endpoint, "/metrics")
    assert status == 200
    assert "# HELP cxpulse_records_total Records of the responses topic by outcome." in body


def test_any_other_path_says_where_to_look(endpoint: Endpoint) -> None:
    status, body = fetch(endpoint, "/")
    assert (status, json.loads(body)) == (404, {"try": ["/metrics", "/healthz"]})


def test_a_taken_port_is_one_clear_line(endpoint: Endpoint) -> None:
    with pytest.raises(SettingsError, match=rf"127.0.0.1:{endpoint.port}.*metrics_port"):
        serve_metrics("127.0.0.1", endpoint.port, Health)
