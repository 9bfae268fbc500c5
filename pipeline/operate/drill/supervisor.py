"""Starts again what ends by itself, as systemd or Kubernetes would: the pipeline counts on one."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final

from pipeline.errors import LocalError
from pipeline.local.part import POLL_SECONDS
from pipeline.local.show import Show
from pipeline.local.stack import LocalStack

RESTART_SECONDS: Final = 1.0
"""Between two attempts, as supervisors do: what the part needs may be away for a while."""
MOST: Final = 20
"""Restarts of one part in one drill; one that ends more often than this is broken."""


class Supervisor:
    """Watches the parts of a stack; `restarts` counts, by part, what ended by itself."""

    def __init__(self, stack: LocalStack, show: Show) -> None:
        self._stack = stack
        self._show = show
        self.restarts: Counter[str] = Counter()

    async def keep(self) -> None:
        """Until cancelled. Raises LocalError when a part ends again and again."""
        async with asyncio.TaskGroup() as group:
            busy: dict[str, asyncio.Task[None]] = {}
            while True:
                for name, part in list(self._stack.parts.items()):
                    if part.ended_by_itself and (name not in busy or busy[name].done()):
                        busy[name] = group.create_task(self._again(name))
                await asyncio.sleep(POLL_SECONDS)

    async def _again(self, name: str) -> None:
        self.restarts[name] += 1
        part = self._stack.parts[name]
        if self.restarts[name] > MOST:
            raise LocalError(part.obituary())
        how = part.obituary().partition(";")[0]
        self._show.say(f"{how}: the supervisor starts it again")
        await asyncio.sleep(RESTART_SECONDS)
        try:
            await self._stack.start(name)
        except LocalError:
            self._show.say(f"{name} could not start")
