"""Logs: one JSON line an event in production, readable on a terminal. Normal operation is quiet.

Never log answers, comments, keys or secrets: bind coordinates (topic, partition, offset) instead.
Libraries are silent in commands that end by themselves: what fails there is told once, in a line of
ours. Services that go on without a broker let them speak, seldom (`hear_libraries`).
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Final

import structlog

from pipeline.errors import SettingsError

LEVELS: Final = ("debug", "info", "warning", "error")

LIBRARIES: Final = (
    "aiokafka",
    "asyncio",
    "clickhouse_connect",
    "faust",
    "kafka",
    "mode",
    "urllib3",
)
"""They log each attempt, some with tracebacks that quote values, and raise all the same."""

EVERY_SECONDS: Final = 30.0
"""Often enough to see that it still goes on."""


def configure(level: str = "info") -> None:
    """Set up structlog and the standard library's logging, both to stderr.

    Raises SettingsError for a level that is none of `LEVELS`. Libraries speak at `debug` only, and
    from their own `info` on: below that aiokafka prints whole records.
    """
    if level.lower() not in LEVELS:
        raise SettingsError(f"--log-level: {level!r} is none of {', '.join(LEVELS)}")
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer()
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer()
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    handler.addFilter(_Silent(logging.INFO if level.lower() == "debug" else logging.CRITICAL))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def get(name: str) -> structlog.stdlib.BoundLogger:
    """A logger for one module."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def hear_libraries() -> None:
    """Let libraries warn, each thing once in a while: aiokafka repeats itself many times a second
    while a broker is away. At `debug` they go on telling all."""
    if logging.getLogger().level > logging.DEBUG:
        for handler in logging.getLogger().handlers:
            for silent in [f for f in handler.filters if isinstance(f, _Silent)]:
                handler.removeFilter(silent)
            handler.addFilter(Seldom())


def _of_library(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] in LIBRARIES


class _Silent(logging.Filter):
    """Keeps libraries below a level out. On the handler: some set the level of their loggers."""

    def __init__(self, below: int) -> None:
        super().__init__()
        self._below = below

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log `record`."""
        return record.levelno >= self._below or not _of_library(record)


class Seldom(logging.Filter):
    """Lets each kind of warning of a library through once in `EVERY_SECONDS`, and all of ours."""

    def __init__(self) -> None:
        super().__init__()
        self._next: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log `record`; a kind is a message without its values."""
        if not _of_library(record):
            return True
        kind = (record.name, str(record.msg))
        now = time.monotonic()
        if record.levelno < logging.WARNING or now < self._next.get(kind, 0.0):
            return False
        self._next[kind] = now + EVERY_SECONDS
        return True
