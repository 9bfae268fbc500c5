"""`cxpulse check` on the real broker and engine: every fault is found, and none hides another."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from datetime import date
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from pipeline.operate import check as preflight
from pipeline.operate.check import check, compare_clocks
from pipeline.operate.topics import ensure_topics
from pipeline.resources import resource
from pipeline.settings import ClickHouseSettings, KafkaSettings, Settings
from pipeline.store.client import connect
from pipeline.store.migrate import migrate
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.topics import Topics

pytestmark = [pytest.mark.broker, pytest.mark.engine]

TODAY = date(2026, 11, 22)


@pytest.fixture
def place(kafka_settings: KafkaSettings, clickhouse: str, database: str) -> Settings:
    """A broker and a database of the test's own, with nothing in them."""
    store = ClickHouseSettings(url=clickhouse, database=database)
    return Settings(kafka=kafka_settings, clickhouse=store)


async def states(settings: Settings) -> dict[str, str]:
    return {finding.check: finding.state for finding in await check(settings, TODAY)}


async def test_a_fresh_place_says_what_to_run_and_then_all_is_well(place: Settings) -> None:
    fresh = {f.check: f.text for f in await check(place, TODAY) if f.state == "FAIL"}
    assert fresh.keys() == {"topics", "migrations"}
    assert "run `cxpulse topics`" in fresh["topics"]
    assert "run `cxpulse migrate`" in fresh["migrations"]
    await ensure_topics(place)
    await asyncio.to_thread(migrate, place, load_catalogue(place.catalog), today=TODAY)
    found = await states(place)
    assert set(found.values()) == {"ok"}
    assert "catalogue loaded" in found


async def test_times_of_producers_an_edited_file_and_another_catalogue_fail(
    place: Settings, kafka_admin: AIOKafkaAdminClient, tmp_path: Path
) -> None:
    responses = Topics(place.kafka.topic_prefix).responses
    await kafka_admin.create_topics([NewTopic(responses, 2, 1)])  # type: ignore[no-untyped-call]  # aiokafka
    catalogue = load_catalogue(place.catalog)
    await asyncio.to_thread(migrate, place, catalogue, today=TODAY)
    for path in resource("deploy", "catalog").glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        (tmp_path / path.name).write_text(text.replace("2028-12-31", "2026-11-21"))
    changed = place.model_copy(update={"catalog": tmp_path})
    found = {f.check: f for f in await check(changed, TODAY)}
    assert "CreateTime, not LogAppendTime" in found["append times"].text
    assert found["catalogue loaded"].state == "FAIL"
    assert found["clearances"].state == "warn"
    assert "va-vha-post-visit (2900-0000, 2026-11-21)" in found["clearances"].text
    with contextlib.closing(connect(place.clickhouse)) as client:
        client.command(
            "ALTER TABLE schema_migrations UPDATE checksum = 'x' WHERE name LIKE '0001%' "
            "SETTINGS mutations_sync = 1"
        )
    edited = [f.text for f in await check(place, TODAY) if f.check == "migrations"]
    assert [text.split(";")[0] for text in edited] == [
        "0001_tables.sql: was edited after it was applied"
    ]


async def test_what_is_away_hides_nothing_and_takes_bounded_time(
    place: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(preflight, "PATIENCE_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        kafka = place.kafka.model_copy(update={"bootstrap": address})
        found = {f.check: f for f in await check(place.model_copy(update={"kafka": kafka}), TODAY)}
    assert found["broker"].text == f"no answer from Kafka at {address} within 0.5 s"
    assert found["migrations"].state == "FAIL"
    assert found["catalogue"].state == "ok"
    nowhere = ClickHouseSettings(url="http://127.0.0.1:1")
    found = {
        f.check: f
        for f in await check(
            place.model_copy(update={"clickhouse": nowhere, "catalog": tmp_path}), TODAY
        )
    }
    assert [name for name, f in found.items() if f.state == "FAIL"] == [
        "topics",
        "clickhouse",
        "catalogue",
    ]
    assert found["broker"].state == "ok"


@pytest.mark.parametrize(("off", "said"), [(90, "90 s ahead of"), (-3600, "3,600 s behind")])
def test_a_clock_that_is_wrong_is_told_with_its_direction(
    place: Settings, off: float, said: str
) -> None:
    with contextlib.closing(connect(place.clickhouse, "default")) as client:
        found = compare_clocks(client, time.time() + off)
    assert found.state == "FAIL"
    assert f"this machine is {said} ClickHouse" in found.text
