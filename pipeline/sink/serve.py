"""The sink as a process: its endpoint, its signals."""

from __future__ import annotations

import asyncio

from pipeline import logs
from pipeline.observe import serve_metrics
from pipeline.settings import Settings
from pipeline.signals import on_signals
from pipeline.sink.service import Sink


async def serve(settings: Settings) -> None:
    """The sink with its endpoint, until a signal; raises CxpulseError when it cannot go on."""
    stop = asyncio.Event()
    with on_signals(stop.set):
        service = Sink(settings)
        endpoint = serve_metrics(settings.metrics_host, settings.sink.metrics_port, service.health)
        logs.get(__name__).info("metrics", host=settings.metrics_host, port=endpoint.port)
        try:
            await service.run(stop)
        finally:
            endpoint.close()
