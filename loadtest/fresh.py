"""Throws away what score workers wrote, so that the next ones begin at the first response."""

from __future__ import annotations

import asyncio
from typing import Final

from pipeline.operate.topics import ensure_topics
from pipeline.settings import Settings
from pipeline.wire.kafka import admin, started
from pipeline.wire.topics import Topics

POLL_SECONDS: Final = 0.1
GONE_SECONDS: Final = 20.0
"""A topic disappears from a small cluster in well under a second."""


async def forget(settings: Settings) -> None:
    """Delete and create again every topic but the responses. Raises KafkaError or TimeoutError."""
    topics = Topics(settings.kafka.topic_prefix)
    outputs = [name for name in topics.all if name != topics.responses]
    async with started(admin(settings.kafka), settings.kafka) as client:
        there = await client.list_topics()
        await client.delete_topics([name for name in outputs if name in there])
        async with asyncio.timeout(GONE_SECONDS):
            while set(outputs) & set(await client.list_topics()):
                await asyncio.sleep(POLL_SECONDS)
    await ensure_topics(settings)
