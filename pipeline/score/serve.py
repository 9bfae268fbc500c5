"""Runs one score worker in this process: signals, logs, the metrics endpoint."""

from __future__ import annotations

import gc
import logging
import os

from pipeline.errors import KafkaError
from pipeline.logs import get, hear_libraries
from pipeline.observe import serve_metrics
from pipeline.score.memory import give_back_large
from pipeline.score.worker import ScoreWorker
from pipeline.settings import Settings
from pipeline.signals import on_signals
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.kafka import consumer, read_errors, started
from pipeline.wire.topics import Topics

GC_THRESHOLDS = (50_000, 20, 100)
"""A fold allocates without making cycles; Python's defaults spend a tenth of its time looking for
some (measured: 9 µs a record, 2 µs with these)."""

FAUST_SERVICES = ("pipeline.score.app", "pipeline.score.transport")
"""Faust logs each start and stop of a service under the module that subclasses it."""

log = get(__name__)


async def serve(settings: Settings, *, rebuild: bool = False) -> None:
    """Score until SIGTERM or SIGINT.

    Raises:
        CxpulseError: settings, catalogue, checkpoints or Kafka do not allow it; one line each.
    """
    for name in FAUST_SERVICES:
        logging.getLogger(name).setLevel(logging.WARNING)
    await _look_for_topics(settings)  # what fails here is told in one line: libraries keep still
    hear_libraries()
    give_back_large()
    worker = ScoreWorker(settings, load_catalogue(settings.catalog), rebuild=rebuild)
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    with on_signals(worker.stop):
        endpoint = serve_metrics(settings.metrics_host, settings.score.metrics_port, worker.health)
        log.info("started", metrics=f"http://{settings.metrics_host}:{endpoint.port}/metrics")
        try:
            await worker.run()
        finally:
            if worker.stuck:
                _abandon(worker.failure)
            endpoint.close()
    log.info("stopped")


async def _look_for_topics(settings: Settings) -> None:
    """Faust would wait for a missing topic for ever, and tell of a missing broker at length."""
    topics = Topics(settings.kafka.topic_prefix)
    async with started(consumer(settings.kafka), settings.kafka) as client:
        with read_errors(topics.responses):
            present = await client.topics()  # type: ignore[no-untyped-call]  # aiokafka
    missing = [name for name in topics.all if name not in present]
    if missing:
        raise KafkaError(f"no topic {missing[0]} on the broker: `cxpulse topics` creates it")


def _abandon(failure: Exception | None) -> None:
    """End the process though threads hang, as they do when the broker is away."""
    if failure is not None:
        log.error(str(failure))
    logging.shutdown()
    os._exit(1 if failure else 0)
