"""One lasting program of the local stack: how to start it, when it is ready, its process of now."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from pipeline.errors import LocalError
from pipeline.local.broker_properties import HOST
from pipeline.local.probe import port_taken
from pipeline.local.processes import Child

POLL_SECONDS: Final = 0.1
"""Between two looks at a program: nobody notices more, and it costs nothing."""
HEALTH_SECONDS: Final = 2.0
"""For one answer of /healthz: a program that is busy starting may be slow to give it."""
PORT_POLLS: Final = 50
"""The kernel ends a killed process in well under a second; 5 s are for a busy machine. Then whoever
wants the port says that it is taken."""
TAIL_LINES: Final = 12
"""Of a log, when its program ended by itself: the end of a traceback fits."""
TAIL_BYTES: Final = 8_192


class Part:
    """`name`, its process if there is one, and the file that its output is appended to.

    With a `ready` pattern it is ready when its output has it, and the first group of the match is
    its `address`; else when /healthz on `metrics_port` says so.
    """

    def __init__(
        self,
        name: str,
        command: Callable[[str], Sequence[str]],
        log: Path,
        env: Mapping[str, str],
        *,
        ready: str = "",
        metrics_port: int = 0,
    ) -> None:
        """`command` gives the arguments, from the address of an earlier start ("" at the first):
        who restarts must listen where its clients look for it."""
        self.name = name
        self.log = log
        self.address = ""
        self.metrics_port = metrics_port
        self._command = command
        self._env = env
        self._ready = ready
        self._read = 0  # bytes of the log that were looked at
        self._child: Child | None = None
        self._wanted = False

    @property
    def pid(self) -> int | None:
        """None when it does not run."""
        return self._child.pid if self._child and self._child.exit_code is None else None

    @property
    def ended_by_itself(self) -> bool:
        """It should run, and does not."""
        return self._wanted and self.pid is None

    async def start(self, say: Callable[[str], None]) -> None:
        """Start it and wait until it is ready; what it says meanwhile is passed on to `say`.

        Raises LocalError with the end of its log when it ends instead.
        """
        if self.pid is not None:
            return
        self._read = self.log.stat().st_size if self.log.exists() else 0
        await self._port_let_go()
        self._child = Child(self._command(self.address), self.log, self._env)
        self._wanted = True
        while not await self._is_ready(say):
            if self.ended_by_itself:
                raise LocalError(self.obituary())
            await asyncio.sleep(POLL_SECONDS)

    def signal(self, number: signal.Signals) -> None:
        """Any signal, such as SIGSTOP; what it does is the sender's affair."""
        if self._child is not None:
            self._child.signal(number)

    def ask_to_end(self) -> None:
        """SIGTERM; `finish` waits for what it does."""
        self._wanted = False
        if self._child is not None:
            self._child.signal(signal.SIGTERM)

    def finish(self, grace_seconds: float) -> None:
        """Wait for the end, with SIGKILL after the grace. Blocks."""
        if self._child is not None and not self._child.wait(grace_seconds):
            self._child.kill()

    def kill(self) -> None:
        """SIGKILL: what a drill does. Blocks for a moment."""
        self._wanted = False
        if self._child is not None:
            self._child.kill()

    def health(self) -> dict[str, object]:
        """What its /healthz says; empty when it says nothing. Blocks for at most 2 s."""
        where = f"http://{HOST}:{self.metrics_port}/healthz"
        try:
            with urllib.request.urlopen(where, timeout=HEALTH_SECONDS) as answer:
                return dict(json.load(answer))
        except (OSError, ValueError):
            return {}

    def obituary(self) -> str:
        """How it ended, and the end of its log."""
        return obituary(self.name, self._child.exit_code if self._child else None, self.log)

    async def _port_let_go(self) -> None:
        """A broker is the child of a child: killed, it may hold its port a moment longer."""
        host, _, port = self.address.rpartition("//")[2].rpartition(":")
        for _ in range(PORT_POLLS if port else 0):
            if not port_taken(host, int(port)):
                return
            await asyncio.sleep(POLL_SECONDS)

    async def _is_ready(self, say: Callable[[str], None]) -> bool:
        if not self._ready:
            state = await asyncio.to_thread(self.health)
            # Up and, where it says so, with its share of the work assigned.
            return bool(state.get("healthy")) and state.get("assigned") is not False
        for line in self._new_lines():
            if match := re.search(self._ready, line):
                self.address = match[1]
                return True
            say(line)
        return False

    def _new_lines(self) -> list[str]:
        """Whole lines that came since the last look."""
        if not self.log.exists():
            return []
        with self.log.open("rb") as log:
            log.seek(self._read)
            news = log.read()
        whole = news[: news.rfind(b"\n") + 1]
        self._read += len(whole)
        return whole.decode("utf-8", "replace").splitlines()


def obituary(name: str, code: int | None, log: Path) -> str:
    """How a program ended, and the last lines of its log."""
    how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()[-TAIL_LINES:]
    except OSError:
        lines = []
    words = "".join(f"\n  {line}" for line in lines) or " (empty)"
    return f"{name} has ended by itself ({how}); the end of its log:{words}"
