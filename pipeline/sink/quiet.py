"""aiokafka repeats itself many times a second while the broker is away; seldom is enough."""

from __future__ import annotations

import logging
import time
from typing import Final

EVERY_SECONDS: Final = 30.0
"""Often enough to see that it still goes on."""


class Seldom(logging.Filter):
    """Lets each kind of message of aiokafka through once in `EVERY_SECONDS`, and all of others."""

    def __init__(self) -> None:
        super().__init__()
        self._next: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log `record`; a kind is a message without its values."""
        if not record.name.startswith("aiokafka"):
            return True
        kind = (record.name, str(record.msg))
        now = time.monotonic()
        if now < self._next.get(kind, 0.0):
            return False
        self._next[kind] = now + EVERY_SECONDS
        return True


def calm_kafka() -> None:
    """Put the filter on every handler there is."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(Seldom())
