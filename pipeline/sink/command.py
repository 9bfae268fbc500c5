"""`cxpulse sink`: responses, scores, ledger and dead letters from Kafka into ClickHouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.settings import Settings


def sink() -> None:
    """Move the topics into ClickHouse until Ctrl-C or SIGTERM; run several to share the work."""
    import asyncio

    from pipeline.settings import load

    asyncio.run(serve(load()))


async def serve(settings: Settings) -> None:
    """The sink with its endpoint, until a signal; raises CxpulseError when it cannot go on."""
    import asyncio
    import signal

    from pipeline import logs
    from pipeline.observe import serve_metrics
    from pipeline.sink.service import Sink

    logs.hear_libraries()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    service = Sink(settings)
    endpoint = serve_metrics(settings.metrics_host, settings.sink.metrics_port, service.health)
    logs.get(__name__).info("metrics", host=settings.metrics_host, port=endpoint.port)
    try:
        await service.run(stop)
    finally:
        endpoint.close()
