"""Puts what a release left behind into a fresh broker and a fresh database, as it was there."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import InvalidTimestampError
from aiokafka.structs import OffsetAndMetadata

from pipeline.resources import resource
from pipeline.settings import KafkaSettings, Settings
from pipeline.store.client import connect
from pipeline.store.migrate import apply_files
from pipeline.wire.kafka import admin, consumer, producer, started
from pipeline.wire.topics import Topics, topic_specs
from tests.fixtures.scoring import KEY, YEAR_MS, eventually, now_ms
from tests.releases.artefacts import Artefacts, Committed, Kept

FOREVER: Final = {"retention.ms": "-1"}
"""The records are as old as the release."""

PRODUCERS_TIMES: Final = FOREVER | {
    "message.timestamp.type": "CreateTime",
    "message.timestamp.after.max.ms": str(10 * YEAR_MS),  # this machine's clock may be behind
}
TOO_FAR: Final = 100 * YEAR_MS
"""Ahead of now: refused as a producer's time, and of no account when the broker gives its own."""


async def load_topics(settings: Settings, found: Artefacts) -> None:
    """Topics with the recorded append times. At the end each partition of the responses gets a
    tombstone, the first record with a time of this broker."""
    kafka = settings.kafka
    names = Topics(kafka.topic_prefix)
    # Without sequence numbers: they do not survive a refusal.
    sender = producer(kafka, enable_idempotence=False)
    async with started(admin(kafka), kafka) as client, started(sender, kafka):
        specs = topic_specs(kafka)
        new = [
            NewTopic(
                s.name, s.partitions, s.replication, topic_configs=dict(s.config) | PRODUCERS_TIMES
            )  # type: ignore[no-untyped-call]  # aiokafka
            for s in specs
        ]
        await client.create_topics(new)
        for name, records in found.topics.items():
            await _append(sender, getattr(names, name), records)
        changes = [
            ConfigResource(ConfigResourceType.TOPIC, s.name, dict(s.config) | FOREVER)  # type: ignore[no-untyped-call]  # aiokafka
            for s in specs
        ]
        await client.alter_configs(changes)
        for partition in range(kafka.partitions):
            await _until_brokers_times(sender, names.responses, partition)
    await _commit(kafka, found.groups)


async def _append(sender: AIOKafkaProducer, topic: str, records: Iterable[Kept]) -> None:
    waits = [
        (
            kept.offset,
            await sender.send(  # type: ignore[no-untyped-call]  # aiokafka
                *(topic, kept.value, kept.key, kept.partition, kept.appended_at, kept.headers)
            ),
        )
        for kept in records
    ]
    sent = await asyncio.gather(*(wait for _, wait in waits))
    assert [one.offset for one in sent] == [offset for offset, _ in waits], topic


async def _until_brokers_times(sender: AIOKafkaProducer, topic: str, partition: int) -> None:
    """The broker acknowledges the change before it follows it."""

    async def taken() -> bool | None:
        try:
            await sender.send_and_wait(topic, None, KEY, partition, now_ms() + TOO_FAR)  # type: ignore[no-untyped-call]  # aiokafka
        except InvalidTimestampError:
            return None
        return True

    await eventually(taken)


async def _commit(kafka: KafkaSettings, groups: Iterable[Committed]) -> None:
    names = Topics(kafka.topic_prefix)
    for group, topic, partition, offset in groups:
        place = TopicPartition(getattr(names, topic), partition)
        member = consumer(kafka, group_id=f"{kafka.group_prefix}-{group}")
        async with started(member, kafka):
            member.assign([place])  # type: ignore[no-untyped-call]  # aiokafka
            await member.commit({place: OffsetAndMetadata(offset, "")})  # type: ignore[no-untyped-call]  # aiokafka


def load_tables(settings: Settings, found: Artefacts) -> list[str]:
    """The database as the migrations of then have left it; returns their names."""
    files = sorted({str(row["name"]) for row in found.tables["schema_migrations"]})
    with tempfile.TemporaryDirectory() as folder:
        for name in files:
            shutil.copy(resource("deploy", "clickhouse") / name, folder)
        apply_files(settings, Path(folder))
    with closing(connect(settings.clickhouse)) as client:
        for table, rows in found.tables.items():
            client.command(f"TRUNCATE TABLE {table}")
            if rows:
                client.raw_insert(
                    table, insert_block="\n".join(map(json.dumps, rows)), fmt="JSONEachRow"
                )
    return files
