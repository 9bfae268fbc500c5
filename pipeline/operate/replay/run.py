"""Reads every dead letter once to choose, before any is replayed."""

from __future__ import annotations

from pipeline.operate.replay.choice import Choice, Chooser, Filters, Services
from pipeline.operate.topic_scan import Record, Told, scan
from pipeline.settings import Settings
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.topics import Topics


async def choose(settings: Settings, filters: Filters, tell: Told) -> Choice:
    """The letters that fit, from the beginning of the topic to its end now. Raises KafkaError."""
    topics = Topics(settings.kafka.topic_prefix)
    services = Services(load_catalogue(settings.catalog), settings.kafka.confluent_ids)
    chooser = Chooser(filters, topics, services)

    def see(record: Record) -> None:
        chooser.see((record.partition, record.offset), record.value, list(record.headers))

    await scan(settings, topics.dead_letters, see, tell)
    return chooser.chosen()
