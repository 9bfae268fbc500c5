"""Every bound of the embedded server in one place, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What one server allows. Sizes are bytes after decompression, times are seconds."""

    body: int = 1024 * MIB
    """One INSERT streams through in pieces; this stops a runaway client or a compression bomb."""
    sql: int = 16 * MIB
    """Statement text is held in memory and read as tokens (the engine's own default is 256 KiB)."""
    reply: int = 64 * MIB
    """With `wait_end_of_query=1` this much is held back so that a late error is a clean one."""
    first_reply: int = MIB
    """Otherwise this much is gathered before the headers: small results come in one piece."""
    piece_seconds: float = 60.0
    """A piece of a body must come in this time: 17 KB/s, so that slow uploads hold no place."""
    piece: int = MIB
    """Work goes to a thread in pieces of about this size: 1 MiB parses in a few ms."""
    workers: int = 16
    """Threads that wait inside the engine; the engine has its own pool for the computing."""
    queue: int = 256
    """Requests that may wait for a thread; more are told to come back (code 202)."""
    queue_seconds: float = 30.0
    """How long they wait: the usual client timeout."""
    sessions: int = 512
    """Open sessions; beyond, the one idle longest makes room. A session costs about 50 KiB."""
    session_seconds: float = 60.0
    """ClickHouse's own `default_session_timeout`."""
    longest_session_seconds: float = 3600.0
    """ClickHouse's own `max_session_timeout`."""
    idle_handles: int = 64
    """Prepared handles kept for reuse; opening one costs 0.5 ms."""
    drain_seconds: float = 10.0
    """On SIGTERM running requests get this long to finish."""


DEFAULT = Limits()
