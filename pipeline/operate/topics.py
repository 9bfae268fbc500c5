"""Creates the topics that are missing, and says where the others differ; it never changes one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError as ClientError
from aiokafka.errors import for_code

from pipeline.errors import KafkaError, SettingsError
from pipeline.settings import KafkaSettings, Settings
from pipeline.wire.kafka import admin, started
from pipeline.wire.topics import Topics, TopicSpec, topic_specs

READY_SECONDS = 20.0
"""New partitions get a leader in far less than a second, on a large cluster in a few."""

POLL_SECONDS = 0.05

EXISTS = 36
"""Kafka's error code for a topic that somebody else created in the same moment."""

UNKNOWN = 3
"""Kafka's error code for a topic that is not there, or that this broker has not heard of yet."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One setting of one topic that is not as it must be."""

    topic: str
    setting: str
    wanted: str
    found: str


@dataclass(frozen=True, slots=True)
class TopicReport:
    """What was created now, what was there, what is (still) missing, and what differs."""

    created: tuple[str, ...]
    present: tuple[str, ...]
    missing: tuple[str, ...]
    drift: tuple[Drift, ...]

    @property
    def good(self) -> bool:
        """Everything is there, as it must be."""
        return not self.missing and not self.drift


@dataclass(frozen=True, slots=True)
class _Found:
    partitions: int
    replication: int
    config: dict[str, str]


async def check_topics(settings: Settings) -> TopicReport:
    """Compares the topics with what they must be; changes nothing.

    Raises:
        KafkaError: the broker is away or refuses.
    """
    async with _connected(settings.kafka) as client:
        specs = topic_specs(settings.kafka)
        found = await _describe(client, specs)
        return _report(settings, specs, found, created=())


async def ensure_topics(settings: Settings) -> TopicReport:
    """Creates what is missing and compares the rest; an existing topic is never changed.

    Raises:
        SettingsError: topics of these settings could not be written to.
        KafkaError: the broker is away or refuses, or the responses' timestamps are not the broker's
            (then nothing downstream would be reproducible, so no program may go on).
    """
    refuse_unwritable(settings.kafka)
    async with _connected(settings.kafka) as client:
        specs = topic_specs(settings.kafka)
        found = await _describe(client, specs)
        missing = [spec for spec in specs if spec.name not in found]
        if missing:
            await _create(client, missing)
            found |= await _await_leaders(client, missing)
        report = _report(settings, specs, found, tuple(spec.name for spec in missing))
    refuse_producer_times(settings, report)
    return report


def refuse_unwritable(kafka: KafkaSettings) -> None:
    """Raises SettingsError when the topics could be created, and then take no record."""
    if kafka.min_isr > kafka.replication:
        raise SettingsError(
            f"setting kafka.min_isr: {kafka.min_isr} copies must take each record, but "
            f"kafka.replication makes {kafka.replication}: nothing could be written"
        )


def refuse_producer_times(settings: Settings, report: TopicReport) -> None:
    """Raises KafkaError when the responses' timestamps are not the broker's."""
    name = Topics(settings.kafka.topic_prefix).responses
    for drift in report.drift:
        if drift.topic == name and drift.setting == "message.timestamp.type":
            raise KafkaError(
                f"topic {name}: message.timestamp.type is {drift.found}, not {drift.wanted}: "
                "alter it with Kafka's own tool, before the first response is sent"
            )


def _report(
    settings: Settings,
    specs: tuple[TopicSpec, ...],
    found: dict[str, _Found],
    created: tuple[str, ...],
) -> TopicReport:
    responses = found.get(Topics(settings.kafka.topic_prefix).responses)
    least = max(settings.kafka.partitions, responses.partitions if responses else 0)
    drift: list[Drift] = []
    for spec in specs:
        if spec.name in found:
            drift += compare(replace(spec, partitions=least), found[spec.name])
    return TopicReport(
        created=created,
        present=tuple(s.name for s in specs if s.name in found and s.name not in created),
        missing=tuple(s.name for s in specs if s.name not in found),
        drift=tuple(drift),
    )


def compare(spec: TopicSpec, found: _Found) -> list[Drift]:
    """Each difference. More partitions, copies or days than wanted are fine."""
    drift = [
        Drift(spec.name, setting, f"at least {wanted}", str(has))
        for setting, wanted, has in (
            ("partitions", spec.partitions, found.partitions),
            ("replication", spec.replication, found.replication),
        )
        if has < wanted
    ]
    for setting, wanted in spec.config:
        has = found.config.get(setting, "unset")
        if has != wanted and not (setting == "retention.ms" and _keeps_longer(has, wanted)):
            drift.append(Drift(spec.name, setting, wanted, has))
    return drift


def _keeps_longer(has: str, wanted: str) -> bool:
    """Whether a retention in ms is for ever (-1), or more than asked for."""
    return has == "-1" or (has.isdecimal() and int(has) > int(wanted))


@asynccontextmanager
async def _connected(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """For one block. Raises KafkaError, also for what the client fails at inside."""
    try:
        async with started(admin(kafka), kafka) as client:
            yield client
    except ClientError as error:
        raise KafkaError(f"Kafka at {kafka.bootstrap} refuses: {type(error).__name__}") from error


async def _describe(
    client: AIOKafkaAdminClient, specs: tuple[TopicSpec, ...] | list[TopicSpec]
) -> dict[str, _Found]:
    """What exists of `specs`. All topics are listed, since asking for a missing one logs errors."""
    wanted = {spec.name for spec in specs}
    listed = {
        topic["topic"]: topic["partitions"]
        for topic in await client.describe_topics()
        if topic["topic"] in wanted and topic["error_code"] == 0
    }
    if not listed:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in listed]  # type: ignore[no-untyped-call]  # aiokafka
    configs: dict[str, dict[str, str]] = {}
    for answer in await client.describe_configs(resources):
        for code, message, _kind, name, entries, *_ in answer.resources:  # type: ignore[attr-defined]  # aiokafka builds it
            if code == UNKNOWN:
                continue
            if code:
                raise KafkaError(f"topic {name}: cannot read its settings: {_error(code, message)}")
            configs[name] = {entry[0]: entry[1] for entry in entries}
    return {
        name: _Found(len(parts), min((len(p["replicas"]) for p in parts), default=0), configs[name])
        for name, parts in listed.items()
        if name in configs
    }


async def _create(client: AIOKafkaAdminClient, specs: list[TopicSpec]) -> None:
    new = [
        NewTopic(s.name, s.partitions, s.replication, topic_configs=dict(s.config))  # type: ignore[no-untyped-call]  # aiokafka
        for s in specs
    ]
    answer = await client.create_topics(new)
    for name, code, *rest in answer.topic_errors:  # type: ignore[attr-defined]  # aiokafka builds it
        if code not in (0, EXISTS):
            raise KafkaError(f"topic {name}: cannot be created: {_error(code, *rest)}")


async def _await_leaders(client: AIOKafkaAdminClient, specs: list[TopicSpec]) -> dict[str, _Found]:
    """Waits until each new partition has a leader, so that nobody's first record meets an error.
    Of several brokers each may answer, and each hears of a topic in its own time."""
    names = [spec.name for spec in specs]
    try:
        async with asyncio.timeout(READY_SECONDS):
            while True:
                topics = await client.describe_topics(names)
                if all(t["error_code"] == 0 and _led(t["partitions"]) for t in topics):
                    found = await _describe(client, specs)
                    if len(found) == len(specs):
                        return found
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        raise KafkaError(
            f"topics {', '.join(names)}: created, but without leaders after {READY_SECONDS:.0f} s: "
            "are enough brokers alive?"
        ) from error


def _led(partitions: list[dict[str, int]]) -> bool:
    return bool(partitions) and all(p["error_code"] == 0 and p["leader"] >= 0 for p in partitions)


def _error(code: int, message: str | None = None) -> str:
    return message or for_code(code).__name__
