"""`cxpulse local ...`: parts of the local stack in the foreground, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer


class _Asked(BaseException):
    """Somebody asked this program to end. Not an Exception: nothing on the way may swallow it."""


@contextmanager
def until_asked() -> Iterator[None]:
    """Leaves the block without an error on SIGINT or SIGTERM, which may come at any point in it.

    The clean-up on the way out runs undisturbed: while it does, more signals are not heard.
    """

    def ask(number: int, frame: FrameType | None) -> None:
        for other in before:
            signal.signal(other, signal.SIG_IGN)
        raise _Asked

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            signal.signal(number, ask)
        yield
    except _Asked:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def kafka(
    data: Annotated[
        Path,
        typer.Option(help="Folder for what it keeps; with a log in it, it goes on from there."),
    ] = Path(".data"),
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="TCP port on 127.0.0.1; 0 takes a free one.")
    ] = 9092,
    node: Annotated[int, typer.Option(min=1, hidden=True, help="Which one of several.")] = 1,
    controllers: Annotated[
        str, typer.Option(hidden=True, help="Ports of the controllers of all nodes: 1,2,3.")
    ] = "",
) -> None:
    """Run Apache Kafka on this machine: one node, for trying things out, not for production."""
    from pipeline.local.broker_properties import JVM_OF_SEVERAL, JVM_QUICK
    from pipeline.local.kafka import LocalKafka

    def say(line: str) -> None:
        typer.echo(line, err=True)

    ports = [int(each) for each in controllers.split(",") if each]
    jvm = JVM_OF_SEVERAL if ports else JVM_QUICK
    with until_asked(), LocalKafka(data, port, say, jvm, node=node, controllers=ports) as broker:
        typer.echo(f"Kafka is ready at {broker.bootstrap} (data in {broker.folder})")
        broker.wait()
