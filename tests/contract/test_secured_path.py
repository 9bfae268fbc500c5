"""One response from emitter to analysts' views with every connection secured: SASL_SSL with
SCRAM-SHA-512 or mutual TLS to Kafka, HTTPS with user and password to ClickHouse."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from pipeline.emit.blocking import BlockingEmitter
from pipeline.emit.client import Emitter
from pipeline.errors import StoreError
from pipeline.operate.check import check
from pipeline.settings import ClickHouseSettings
from pipeline.store.client import connect, connect_async
from tests.fixtures.certificates import HOST, Papers
from tests.fixtures.clickhouse import serving
from tests.fixtures.command_line import cxpulse
from tests.fixtures.guarded import Guarded
from tests.fixtures.scoring import VHA, now_ms, scoring
from tests.fixtures.sink import piping

pytestmark = [pytest.mark.broker, pytest.mark.engine]

PASSWORD = "pass-of-the-store"


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return Papers(tmp_path_factory.mktemp("papers"))


@pytest.fixture(scope="module")
def store(papers: Papers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseSettings]:
    """The embedded server behind TLS, as a client of it is set up."""
    flags = ("--tls-cert", str(papers.server))
    folder = tmp_path_factory.mktemp("https")
    with serving(folder, *flags, env={"CXPULSE_CLICKHOUSE_PASSWORD": PASSWORD}) as server:
        assert server.url.startswith("https://")
        yield ClickHouseSettings(
            url=server.url, password=SecretStr(PASSWORD), ca_file=papers.ca, timeout_seconds=10
        )


async def test_a_response_goes_from_emitter_to_view_with_every_connection_secured(
    store: ClickHouseSettings, guarded: Guarded
) -> None:
    first, second = (str(uuid.uuid4()) for _ in range(2))
    kafka = guarded.settings(guarded.users)
    mutual = guarded.settings(
        guarded.mutual,
        security_protocol="SSL",
        ssl_certfile=guarded.papers.client,
        topic_prefix=kafka.topic_prefix,
    )
    async with piping(kafka, store, "secured") as pipe, scoring(pipe.settings), pipe.sinking():
        async with Emitter(pipe.settings) as emitter:
            await emitter.send(response(first))
        by_certificate = pipe.settings.model_copy(update={"kafka": mutual})
        await asyncio.to_thread(send_blocking, BlockingEmitter(by_certificate), second)
        await pipe.wait_for(
            "SELECT n, mean FROM rolling_now WHERE measure = 'trust' AND window = '1h'", [(2, 4.0)]
        )
        found = {finding.check: finding.state for finding in await check(by_certificate)}
    assert {found[name] for name in ("broker", "topics", "clickhouse")} == {"ok"}
    rows = pipe.rows("SELECT toString(event_id) FROM responses_current")
    assert {row[0] for row in rows} == {first, second}


def response(event_id: str) -> dict[str, object]:
    """A plain response of now."""
    group = dict(zip(("agency", "service", "channel", "survey"), VHA, strict=True))
    return {"event_id": event_id, "occurred_at": now_ms(), "answers": {"trust": 4}, **group}


def send_blocking(emitter: BlockingEmitter, event_id: str) -> None:
    """As a program without an event loop does."""
    with emitter:
        emitter.send(response(event_id))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"password": SecretStr("wrong-pass")}, "ClickHouse error 516 AUTHENTICATION_FAILED"),
        ({"user": "nobody"}, "ClickHouse error 516 AUTHENTICATION_FAILED"),
        ({"ca_file": None}, "its certificate is refused: "),
        ({"url": "localhost"}, "Hostname mismatch, certificate is not valid for 'localhost'"),
        ({"url": "http"}, ""),
    ],
)
async def test_what_is_wrong_with_a_secured_store_is_one_line(
    store: ClickHouseSettings, change: dict[str, Any], told: str
) -> None:
    urls = {
        "localhost": store.url.replace(HOST, "localhost"),
        "http": store.url.replace("https", "http"),
    }
    if "url" in change:
        change = {"url": urls[change["url"]]}
    wrong = store.model_copy(update=change)
    for blocking in (False, True):
        with pytest.raises(StoreError) as raised:
            if blocking:
                await asyncio.to_thread(connect, wrong, "default")
            await connect_async(wrong, "default")
        text = str(raised.value)
        assert text.startswith("cannot connect to ClickHouse database 'default' at http")
        assert told in text
        assert "\n" not in text
        assert PASSWORD not in text
        assert "wrong-pass" not in text


async def test_an_expired_certificate_and_a_missing_one_of_ours_are_told(
    papers: Papers, tmp_path: Path
) -> None:
    flags = ("--tls-cert", str(papers.expired), "--tls-client-ca", str(papers.ca))
    with serving(tmp_path, *flags) as server:
        expired = ClickHouseSettings(url=server.url, ca_file=papers.ca)
        with pytest.raises(StoreError, match=r"certificate has expired \(clickhouse\.ca_file\)"):
            connect(expired, "default")


async def test_a_store_can_ask_for_a_certificate_of_ours(papers: Papers, tmp_path: Path) -> None:
    flags = ("--tls-cert", str(papers.server), "--tls-client-ca", str(papers.ca))
    with serving(tmp_path, *flags) as server:
        without = ClickHouseSettings(url=server.url, ca_file=papers.ca)
        with pytest.raises(StoreError, match="cannot connect"):
            connect(without, "default")
        shown = without.model_copy(update={"cert_file": papers.client})
        client = await connect_async(shown, "default")
        assert (await client.query("SELECT 1")).result_rows == [(1,)]
        await client.close()
        blocking = connect(shown, "default")
        assert blocking.query("SELECT 1").result_rows == [(1,)]
        blocking.close()


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--tls-key", "k.pem"], "--tls-key and --tls-client-ca need --tls-cert"),
        (["--tls-cert", "absent.pem"], "--tls-cert: cannot use absent.pem"),
        (["--host", "0.0.0.0"], "reachable from outside: set CXPULSE_CLICKHOUSE_PASSWORD"),
    ],
)
def test_the_embedded_server_does_not_start_less_secured_than_asked(
    flags: list[str], told: str, tmp_path: Path
) -> None:
    ended = cxpulse("local", "clickhouse", "--data", str(tmp_path), "--port", "0", *flags)
    assert ended.returncode == 1
    assert told in ended.stderr
    assert ended.stderr.count("\n") == 1
