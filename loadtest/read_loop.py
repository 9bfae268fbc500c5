"""The least that any consumer must do: read every record and decode it with fastavro."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import time

import fastavro
from aiokafka import TopicPartition

from pipeline.settings import Settings, load
from pipeline.wire.avro import HEADER
from pipeline.wire.kafka import consumer, started
from pipeline.wire.responses import response_codec
from pipeline.wire.topics import Topics

POLL_MS = 500
BATCH_RECORDS = 4_000
"""A poll; as many as a score worker takes at once."""


async def read_all(settings: Settings) -> dict[str, float]:
    """Records, and the seconds from the first one at hand to the last one decoded."""
    kafka = settings.kafka
    topic = Topics(kafka.topic_prefix).responses
    client = consumer(kafka, max_poll_records=BATCH_RECORDS)
    async with started(client, kafka):
        tps = [TopicPartition(topic, number) for number in range(kafka.partitions)]
        client.assign(tps)  # type: ignore[no-untyped-call]  # aiokafka
        ends = await client.end_offsets(tps)  # type: ignore[no-untyped-call]  # aiokafka
        left = {tp for tp in tps if ends[tp]}
        decoded = bad = 0
        began = 0.0
        while left:
            found = await client.getmany(timeout_ms=POLL_MS)
            began = began or (time.perf_counter() if found else 0.0)
            for tp, records in found.items():
                for record in records:
                    good = decode(record.value)
                    decoded += good
                    bad += not good
                if records and records[-1].offset + 1 >= ends[tp]:
                    left.discard(tp)
        seconds = time.perf_counter() - began
    processor = time.process_time()
    return {"records": decoded + bad, "bad": bad, "seconds": seconds, "processor": processor}


def decode(value: bytes | None) -> bool:
    """Decode as fastavro's documentation shows; false when that fails."""
    if value is None:
        return False
    stream = io.BytesIO(value)
    stream.seek(HEADER)
    try:
        fastavro.schemaless_reader(stream, SCHEMA, None)
    except (EOFError, IndexError, ValueError):
        return False
    return True


SCHEMA = response_codec().schema

if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(read_all(load()))) + "\n")
