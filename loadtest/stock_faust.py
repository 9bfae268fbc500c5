"""Stock Faust counting answers, as its documentation teaches: an agent, an event at a time, and a
table with a changelog. It forgets nothing, checks nothing and knows no repeats: only the counting.

    python -m loadtest.stock_faust EVENTS APP_ID DATA_FOLDER
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import time
from typing import Any

import fastavro
import faust

from pipeline.settings import Settings, load
from pipeline.wire.avro import HEADER
from pipeline.wire.kafka import BATCH_BYTES
from pipeline.wire.responses import response_codec
from pipeline.wire.topics import Topics

HOUR_MS = 60 * 60 * 1000
VALUES = 6
"""Counts of a measure: one for each value, 0 to 5."""


def run(settings: Settings, events: int, app_id: str, folder: str) -> None:
    """Count the first `events` records, print JSON, and end this process."""
    kafka = settings.kafka
    app = faust.App(
        app_id,
        broker=f"kafka://{kafka.bootstrap}",
        store="memory://",
        datadir=folder,
        web_enabled=False,
        topic_partitions=kafka.partitions,
        topic_replication_factor=1,
        table_standby_replicas=0,
        # By default each table write is a request of its own: what a user would tune first.
        producer_linger=0.02,
        producer_max_batch_size=BATCH_BYTES,
        producer_compression_type="lz4",
    )
    source = app.topic(Topics(kafka.topic_prefix).responses, value_serializer="raw")
    table = app.Table("counts", default=dict)
    schema = response_codec().schema
    began = 0.0
    seen = 0

    async def count(stream: faust.StreamT[bytes]) -> None:
        nonlocal began, seen
        async for value in stream:
            began = began or time.perf_counter()
            add(table, schema, value)
            seen += 1
            if seen == events:
                await app.producer.flush()
                seconds = time.perf_counter() - began
                os.write(1, json.dumps({"records": seen, "seconds": seconds}).encode() + b"\n")
                os._exit(0)  # leaving the group in good order takes seconds and measures nothing

    app.agent(source, name="count")(count)
    faust.Worker(app, loglevel=logging.WARNING, redirect_stdouts=False).execute_from_commandline()


def add(table: Any, schema: Any, value: bytes | None) -> None:
    """Count one response in the hour of its group; bad input is passed over."""
    if value is None:
        return
    stream = io.BytesIO(value)
    stream.seek(HEADER)
    try:
        record: dict[str, Any] = fastavro.schemaless_reader(stream, schema, None)  # type: ignore[assignment]
    except (EOFError, IndexError, ValueError):
        return
    group = "/".join(record[name] for name in ("agency", "service", "channel", "survey"))
    key = f"{group}/{record['occurred_at'] // HOUR_MS}"
    counts = table[key]
    for measure, answer in record["answers"].items():
        if 0 <= answer < VALUES:
            counts.setdefault(measure, [0] * VALUES)[answer] += 1
    table[key] = counts  # only an assignment goes to the changelog


if __name__ == "__main__":
    run(load(), int(sys.argv[1]), sys.argv[2], sys.argv[3])
