"""One preflight of all that the pipeline stands on. Each check runs, whatever the others find."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final

from aiokafka.errors import KafkaError as ClientError

from pipeline.core.catalogue import Catalogue
from pipeline.errors import CxpulseError, KafkaError
from pipeline.operate.pauses import find_pauses
from pipeline.operate.topics import TopicReport, check_topics, refuse_producer_times
from pipeline.settings import Settings
from pipeline.store.client import Client, connect, store_errors
from pipeline.store.migrate import check_migrations
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.kafka import admin, started

PATIENCE_SECONDS: Final = 5.0
"""A healthy broker or ClickHouse answers in milliseconds, one in trouble within seconds."""

CLOCK_SECONDS: Final = 30.0
"""`rolling_now` leaves out what a clock a minute ahead tells; clocks that are kept differ by less
than a second."""


class State(StrEnum):
    """Whether the pipeline can run: `warn` needs a look, `FAIL` an act."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and what to do about it."""

    check: str
    state: State
    text: str


async def check(settings: Settings, today: date | None = None) -> list[Finding]:
    """Look at broker, topics, ClickHouse, migrations and catalogue; raises nothing expected.

    Takes a few seconds at most, twice `PATIENCE_SECONDS` when a host swallows connections. `today`
    (default: the day in UTC) decides which clearances have expired.
    """
    catalogue, told = _catalogue(settings, today or datetime.now(UTC).date())
    kafka, store = await asyncio.gather(
        _kafka(settings), asyncio.to_thread(lambda: list(_store(settings, catalogue)))
    )
    return [*kafka, *store, *told]


async def _kafka(settings: Settings) -> list[Finding]:
    where = settings.kafka.bootstrap
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            async with started(admin(settings.kafka), settings.kafka) as client:
                cluster = await client.describe_cluster()
            report = await check_topics(settings)
        pauses = [] if report.missing else await _pauses(settings)
    except TimeoutError:
        return _no_broker(f"no answer from Kafka at {where} within {PATIENCE_SECONDS:g} s")
    except ClientError as error:
        return _no_broker(f"Kafka at {where} refuses: {type(error).__name__}")
    except CxpulseError as error:
        return _no_broker(str(error))
    brokers = cluster["brokers"]
    noun = "broker" if len(brokers) == 1 else "brokers"
    found = Finding("broker", State.OK, f"Kafka at {where}: {len(brokers)} {noun}")
    return [found, *_topics(settings, report), *pauses]


def _no_broker(why: str) -> list[Finding]:
    return [
        Finding("broker", State.FAIL, why),
        Finding("topics", State.WARN, "not looked at: the broker comes first"),
    ]


def _topics(settings: Settings, report: TopicReport) -> Iterator[Finding]:
    if report.missing:
        names = ", ".join(report.missing)
        yield Finding("topics", State.FAIL, f"missing: {names}; run `cxpulse topics`")
    for drift in report.drift:
        differs = f"{drift.topic}: {drift.setting} is {drift.found}, must be {drift.wanted}"
        advice = "alter it with Kafka's own tools"
        if drift.setting == "partitions":
            advice = "`cxpulse topics --grow` adds them in the right order"
        yield Finding("topics", State.FAIL, f"{differs}; {advice}")
    if report.good:
        yield Finding("topics", State.OK, f"{len(report.present)} topics as they must be")
    try:
        refuse_producer_times(settings, report)
    except KafkaError as error:
        yield Finding("append times", State.FAIL, str(error))


async def _pauses(settings: Settings) -> list[Finding]:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            pauses = await find_pauses(settings.kafka)
    except TimeoutError:
        return [Finding("pauses", State.WARN, "not known: the checkpoints are too large to read")]
    if not pauses:
        return [Finding("pauses", State.OK, "no partition is paused")]
    names = ", ".join(f"{pause.partition} at offset {pause.offset}" for pause in pauses)
    what = "too many dead letters; mend the cause, then run `cxpulse resume`"
    return [Finding("pauses", State.FAIL, f"paused: partition {names}: {what}")]


def _catalogue(settings: Settings, today: date) -> tuple[Catalogue | None, list[Finding]]:
    """The catalogue of the files, if it holds, and what there is to say of it."""
    try:
        catalogue = load_catalogue(settings.catalog)
    except CxpulseError as error:
        return None, [Finding("catalogue", State.FAIL, str(error))]
    text = (
        f"{len(catalogue.agencies)} agencies, {len(catalogue.services)} services, "
        f"{len(catalogue.surveys)} surveys ({catalogue.digest})"
    )
    expired = [
        f"{survey.id} ({survey.omb_number}, {survey.omb_expires})"
        for survey in catalogue.surveys.values()
        if survey.omb_expires < today
    ]
    if expired:
        what = f"OMB clearance expired: {', '.join(expired)}; renew it or stop asking"
        clearance = Finding("clearances", State.WARN, what)
    else:
        clearance = Finding("clearances", State.OK, "no OMB clearance has expired")
    return catalogue, [Finding("catalogue", State.OK, text), clearance]


def compare_clocks(client: Client, now: float) -> Finding:
    """How far `now`, the time here (s since 1970), is from ClickHouse's. Raises StoreError."""
    with store_errors("ask ClickHouse for its time"):
        theirs = int(str(client.command("SELECT toUnixTimestamp64Milli(now64(3))"))) / 1000
    ahead = now - theirs
    if abs(ahead) <= CLOCK_SECONDS:
        return Finding("clock", State.OK, "this machine and ClickHouse have the same time")
    which = "ahead of" if ahead > 0 else "behind"
    text = (
        f"this machine is {abs(ahead):,.0f} s {which} ClickHouse: rolling_now leaves out what "
        "a clock ahead of ClickHouse's tells; set the clocks"
    )
    return Finding("clock", State.FAIL, text)


def _store(settings: Settings, catalogue: Catalogue | None) -> Iterator[Finding]:
    """Blocking: the driver bounds each step."""
    quick = {"timeout_seconds": min(PATIENCE_SECONDS, settings.clickhouse.timeout_seconds)}
    store = settings.clickhouse.model_copy(update=quick)
    settings = settings.model_copy(update={"clickhouse": store})
    try:
        with contextlib.closing(connect(store, "default")) as client:
            version = client.server_version
            clock = compare_clocks(client, datetime.now(UTC).timestamp())
    except CxpulseError as error:
        yield Finding("clickhouse", State.FAIL, f"{error}; see clickhouse.url, .user, .password")
        yield Finding("migrations", State.WARN, "not looked at: ClickHouse comes first")
        return
    yield Finding("clickhouse", State.OK, f"ClickHouse {version} at {store.url}")
    yield clock
    try:
        problems = check_migrations(settings)
        loaded = [] if problems or catalogue is None else check_migrations(settings, catalogue)
    except CxpulseError as error:
        yield Finding("migrations", State.FAIL, str(error))
        return
    yield from (Finding("migrations", State.FAIL, problem) for problem in problems)
    if problems:
        return
    yield Finding("migrations", State.OK, f"database {store.database}: every SQL file applied")
    yield from (Finding("catalogue loaded", State.FAIL, problem) for problem in loaded)
    if catalogue is not None and not loaded:
        yield Finding("catalogue loaded", State.OK, "ClickHouse has the catalogue of the files")
