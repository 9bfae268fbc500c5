"""What an act has at hand: the stack, its own traffic, and words for breaking and mending."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Final, Protocol

from pipeline.emit.run import Make, SimulationReport
from pipeline.errors import LocalError
from pipeline.local.expected import Expected
from pipeline.local.recipes import BROKER, STORE
from pipeline.local.show import Show
from pipeline.local.stack import LocalStack
from pipeline.local.verdict import Check
from pipeline.operate.drill.accounts import Accounts
from pipeline.operate.drill.marks import Mark, Marks
from pipeline.operate.drill.proxy import SlowProxy
from pipeline.operate.drill.watch import now_ms
from pipeline.wire.kafka import Partitioner, partition_for

USUAL_SECONDS: Final = 20.0
"""A drill that should last so long or longer takes its pauses as they are meant."""
PATIENCE_SECONDS: Final = 90.0
"""Twice what the slowest recovery takes (a sink that had backed off to 30 s, a busy machine)."""
LOOK_SECONDS: Final = 0.2
"""/healthz answers within milliseconds, and checkpoints are seconds apart."""


class Sender(Protocol):
    """Sends until `stop` is set: what `make` makes, or the drill's own traffic."""

    def __call__(
        self, stop: asyncio.Event, make: Make | None, partitioner: Partitioner
    ) -> Coroutine[None, None, SimulationReport]: ...


@dataclass(slots=True)
class Scene:
    """One drill while it runs; `expected` has the truth of all traffic that has ended."""

    stack: LocalStack
    show: Show
    random: Random
    seconds: float
    marks: Marks
    sender: Sender
    calm: Callable[[], Awaitable[Accounts]]
    """Waits until all traffic that has ended is counted."""
    proxy: SlowProxy | None = None
    every: float = 20.0
    progress: SimulationReport | None = None
    checks: list[Check] = field(default_factory=list)
    """What must hold besides."""
    expected: Expected = field(default_factory=Expected)
    began: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds until the traffic should end."""
        return self.began + self.seconds - time.monotonic()

    def rounds(self) -> Iterator[None]:
        """Once, and again as long as traffic should last."""
        yield
        while self.left > 0:
            yield

    def hear(self, report: SimulationReport) -> None:
        """What the sender tells of its progress."""
        self.progress = report

    @asynccontextmanager
    async def traffic(
        self,
        make: Make | None = None,
        partitioner: Partitioner = partition_for,
        *,
        lost: bool = False,
    ) -> AsyncIterator[None]:
        """Known traffic during the block; what was sent joins `expected` at its end: as missing
        when it will be `lost` before anybody reads it."""
        stop = asyncio.Event()
        self.began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(self.sender(stop, make, partitioner))
            try:
                yield
            finally:
                stop.set()
        truth = sending.result().truth
        if lost:
            self.expected.missing += truth.sent
        else:
            self.expected.add_traffic(truth)

    async def pause(self, least: float, most: float) -> None:
        """A random while, in a short drill a shorter one."""
        share = min(1.0, self.seconds / USUAL_SECONDS)
        await asyncio.sleep(share * self.random.uniform(least, most))

    def mark(self, what: str) -> Mark:
        """From this moment count the seconds until what is sent after it is told."""
        self.show.say(what)
        return self.marks.set(what, now_ms())

    async def passed(self, *marks: Mark) -> None:
        """Wait for it; a mark that never passes shows in the result."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                for mark in marks:
                    await mark.passed.wait()
        for mark in marks:
            told = "not in time" if mark.seconds is None else f"after {mark.seconds:.1f} s"
            self.show.say(f"scores are told again {told}")

    async def owner(self, partition: int) -> str:
        """The score worker that has it. Raises LocalError when none has."""
        for name, owned in (await self._owned()).items():
            if partition in owned:
                return name
        raise LocalError(f"no score worker owns partition {partition}")

    async def paused(self) -> dict[int, int]:
        """Where the circuit breaker paused partitions: partition → offset."""
        owned = (await self._owned()).values()
        facts = {partition: fact for each in owned for partition, fact in each.items()}
        return {
            p: int(fact["paused_at"]) for p, fact in sorted(facts.items()) if "paused_at" in fact
        }

    async def saved(self) -> None:
        """Wait until checkpoints hold all that was folded. Raises LocalError if they do not."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await self._unsaved():
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            raise LocalError("score workers make no checkpoint") from None

    async def _unsaved(self) -> bool:
        owned = (await self._owned()).values()
        return any(
            "unsaved_seconds" in fact or fact["lag"] for each in owned for fact in each.values()
        )

    async def _owned(self) -> dict[str, dict[int, dict[str, float]]]:
        """What each score worker says on /healthz of its partitions."""
        found: dict[str, dict[int, dict[str, float]]] = {}
        for name, part in self.stack.parts.items():
            said = (await asyncio.to_thread(part.health)).get("partitions", {})
            if isinstance(said, dict):
                found[name] = {int(partition): dict(fact) for partition, fact in said.items()}
        return found

    async def crash(self, name: str) -> Mark:
        """kill -9, and start it again at once. Nothing can work without a server: for those the
        seconds count from when it is back."""
        self.stack.kill(name)
        if name.startswith((BROKER, STORE)):
            await self.stack.start(name)
            return self.mark(f"{name} was killed and is back")
        mark = self.mark(f"{name} is killed")
        await self.stack.start(name)
        return mark
