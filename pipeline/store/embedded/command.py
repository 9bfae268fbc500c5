"""`cxpulse local clickhouse`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path, typer.Option(help="Folder for what it keeps; created if missing.")]
Host = Annotated[
    str, typer.Option(help="Address to listen on; others than loopback need a password.")
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 takes a free one.")]
TlsCert = Annotated[
    Path | None, typer.Option(help="PEM of a certificate: serve HTTPS instead of HTTP.")
]
TlsKey = Annotated[Path | None, typer.Option(help="PEM of its key, unless in the same file.")]
TlsClientCa = Annotated[
    Path | None, typer.Option(help="PEM of who must have signed the clients' certificates.")
]


def clickhouse(
    data: Data = Path(".data/clickhouse"),
    host: Host = "127.0.0.1",
    port: Port = 8123,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    tls_client_ca: TlsClientCa = None,
) -> None:
    """Serve ClickHouse from this process, over HTTP or HTTPS, until Ctrl-C.

    Name and password come from CXPULSE_CLICKHOUSE_USER and CXPULSE_CLICKHOUSE_PASSWORD.
    """
    import asyncio
    import os

    from pipeline.settings import load
    from pipeline.store.embedded import sandbox
    from pipeline.store.embedded.access import Access
    from pipeline.store.embedded.lock import FolderLock
    from pipeline.store.embedded.tls import server_context

    settings = load().clickhouse
    access = Access(host, settings.user, settings.password.get_secret_value())

    tls = server_context(tls_cert, tls_key, tls_client_ca)  # read before the wall

    def ready(url: str, version: str) -> None:
        typer.echo(f"ClickHouse {version} is ready at {url} (data in {data})")

    with FolderLock(data):
        sandbox.enter(data)
        os.environ["TZ"] = "UTC"  # the engine's zone, read when it is loaded
        from pipeline.store.embedded.server import run  # chDB starts threads: after the wall

        asyncio.run(run(data, access, port, ready, tls))
