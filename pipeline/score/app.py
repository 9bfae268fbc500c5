"""The Faust application: service tree, group membership, and one agent for the chunks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import faust
from faust.types import AppT, StreamT
from faust.types.models import ModelArg
from mode import CrashingSupervisor

from pipeline.score.transport import REBALANCE_MS, Chunk, Host, Transport

QUEUED_CHUNKS: Final = 4
"""Chunks between reader and fold: neither waits for long, and 8,000 records are bounded."""

RESTORE_SECONDS: Final = 300.0
"""Faust bounds a restore by its request timeout; a large state takes seconds, not minutes."""

NEVER_SECONDS: Final = 86_400.0
"""Faust's own commits have nothing to commit here."""


class ScoreApp(faust.App):
    """Keeps nothing on disk, and lets the transport find the worker."""

    host: Host

    def _create_directories(self) -> None:
        """No tables, so no directories."""


class RawSchema(faust.Schema[Any, Any]):
    """Hands a message's value to the agent as it is: decoding belongs to the fold."""

    def compile(self, app: AppT, **_: object) -> Callable[..., Awaitable[Any]]:
        """The coroutine function that turns a message into an event."""

        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return app.create_event(None, message.value, {}, message)

        return decode


def make_app(
    host: Host,
    fold: Callable[[Chunk], Awaitable[None]],
    let_go: Callable[[], Awaitable[None]],
) -> ScoreApp:
    """An app that calls `fold` with each chunk, in order, and `let_go` before partitions move."""
    app = ScoreApp(
        host.group_id,
        broker=f"kafka://{host.kafka.bootstrap.split(',')[0]}",  # our own clients connect
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        stream_buffer_maxsize=QUEUED_CHUNKS,
        stream_wait_empty=False,  # state and offset are one: nothing to wait for
        broker_commit_interval=NEVER_SECONDS,
        broker_request_timeout=RESTORE_SECONDS,
        broker_session_timeout=host.kafka.session_timeout_seconds,
        broker_rebalance_timeout=REBALANCE_MS / 1000,
    )
    app.host = host
    app.transport = app.producer_transport = Transport(app.conf.broker, app, loop=None)
    source = app.topic(host.source, schema=RawSchema(), acks=False)

    async def score(stream: StreamT[ModelArg]) -> None:
        async for event in stream.events():
            await fold(event.value)

    app.agent(source, name="score", concurrency=1, supervisor_strategy=CrashingSupervisor)(score)

    async def revoked(*_: object, **__: object) -> None:
        await let_go()

    app.on_partitions_revoked.connect(revoked, weak=False)
    return app
