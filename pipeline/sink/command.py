"""`cxpulse sink`: responses, scores, ledger and dead letters from Kafka into ClickHouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline.settings import Settings


def sink(
    metrics_port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            help="Where /metrics and /healthz answer; 0 takes a free one.",
            min=0,
            max=65535,
            show_default="sink.metrics_port",
        ),
    ] = None,
) -> None:
    """Move the topics into ClickHouse as they grow. Start more sinks to share the work.

    Stops cleanly on SIGTERM or Ctrl-C: what was read is stored and committed.
    """
    import asyncio

    from pipeline.settings import load

    flags = {} if metrics_port is None else {"sink": {"metrics_port": metrics_port}}
    asyncio.run(serve(load(**flags)))


async def serve(settings: Settings) -> None:
    """The sink with its endpoint, until a signal; raises CxpulseError when it cannot go on."""
    import asyncio
    import signal

    from pipeline import logs
    from pipeline.observe import serve_metrics
    from pipeline.sink.service import Sink

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
