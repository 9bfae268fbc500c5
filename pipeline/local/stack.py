"""The whole pipeline on this machine, as the processes that users run; gone when its owner is.

async with LocalStack(folder) as stack:
    await stack.guard(something(stack.settings))
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from pipeline.errors import LocalError
from pipeline.local.broker_properties import HOST
from pipeline.local.errand import run_command
from pipeline.local.part import POLL_SECONDS, Part
from pipeline.local.probe import brokers_seen
from pipeline.local.recipes import STORE, Recipes
from pipeline.local.tasks import all_of, cancelled
from pipeline.settings import Settings

T = TypeVar("T")

GRACE_SECONDS: Final = 30.0
"""Each part stops in a few seconds; the longest grace any of them gives itself is 20."""


class LocalStack:
    """Kafka, ClickHouse, score workers and a sink on free ports of loopback, data below `folder`.

    Parts are `kafka` (with several `brokers` `kafka-1` ...), `clickhouse`, `score-1` ..., `sink`;
    each logs to `folder/NAME.log`. `env` has more settings (`CXPULSE_...`) for all; those of the
    surrounding environment are not used. `say` gets a line for each step.
    """

    def __init__(
        self,
        folder: Path,
        *,
        workers: int = 1,
        sink: bool = True,
        brokers: int = 1,
        env: Mapping[str, str] | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.folder = folder.absolute()
        self.parts: dict[str, Part] = {}
        self._stages = [f"score-{n}" for n in range(1, workers + 1)] + ["sink"] * sink
        self._recipes = Recipes(self.folder, env or {}, brokers)
        self._say = say

    @property
    def bootstrap(self) -> str:
        """Of Kafka, `host:port`, with commas between several."""
        return ",".join(self.parts[name].address for name in self.brokers)

    @property
    def brokers(self) -> tuple[str, ...]:
        """The names of the brokers."""
        return self._recipes.brokers

    @property
    def clickhouse_url(self) -> str:
        """Of ClickHouse, `http://host:port`."""
        return self.parts[STORE].address

    @property
    def settings(self) -> Settings:
        """For what this process does with the stack."""
        return self._recipes.settings(self.bootstrap, self.clickhouse_url)

    async def __aenter__(self) -> Self:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LocalError(f"cannot use the folder {self.folder}: {error}") from error
        try:
            await all_of(self._set_up_kafka(), self._set_up_clickhouse())
            await all_of(*(self.start(name) for name in self._stages))
        except BaseException:
            await self._shut_down()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._shut_down()

    async def start(self, name: str) -> None:
        """Start a part (a new worker: `score-N`) and wait until it is ready. Raises LocalError."""
        part = self.parts.get(name) or self._recipes.part(name, self._env())
        self.parts[name] = part
        await part.start(lambda line: self._say(f"{name}: {line}"))
        at = f" at {part.address}" if part.address else ""
        self._say(f"{name} is ready{at} (process {part.pid})")

    async def stop(self, name: str) -> None:
        """SIGTERM, and wait for the end."""
        part = self.parts[name]
        part.ask_to_end()
        await asyncio.to_thread(part.finish, GRACE_SECONDS)

    def kill(self, name: str) -> None:
        """SIGKILL. `start` brings it back, with its data and on its port."""
        self.parts[name].kill()

    def signal(self, name: str, number: signal.Signals) -> None:
        """Any signal, such as SIGSTOP."""
        self.parts[name].signal(number)

    async def restart(self, name: str) -> None:
        """Stop in good order, and start."""
        await self.stop(name)
        await self.start(name)

    def kill_all(self) -> None:
        """SIGKILL to every part, now."""
        for part in self.parts.values():
            part.kill()

    async def run(self, *args: str) -> None:
        """Run a command that ends, such as `topics`. Raises LocalError when it fails."""
        await run_command(self.folder, self._env(), *args)

    async def guard(self, work: Coroutine[object, object, T]) -> T:
        """Do `work`, but give up when a part ends by itself. Raises LocalError saying which."""
        job, watch = asyncio.ensure_future(work), asyncio.create_task(self._watch())
        try:
            await asyncio.wait((job, watch), return_when=asyncio.FIRST_COMPLETED)
            if job.done() and not job.cancelled() and job.exception():
                # Work fails when a part that it needs is gone: then that is the news.
                await asyncio.wait((watch,), timeout=5 * POLL_SECONDS)
            if watch.done():
                watch.result()
            return await job
        finally:
            await cancelled(job, watch)

    async def _watch(self) -> None:
        while True:
            for part in list(self.parts.values()):
                if part.ended_by_itself:
                    raise LocalError(part.obituary())
            await asyncio.sleep(POLL_SECONDS)

    async def _set_up_kafka(self) -> None:
        await all_of(*(self.start(name) for name in self.brokers))
        await self._all_brokers()
        await self.run("topics")
        self._say("topics are created")

    async def _all_brokers(self) -> None:
        """Topics can only be created while as many brokers are known as they have copies."""
        port = int(self.parts[self.brokers[0]].address.rpartition(":")[2])
        seen = 0
        while seen < len(self.brokers):
            await asyncio.sleep(POLL_SECONDS)
            seen = await asyncio.to_thread(brokers_seen, HOST, port)

    async def _set_up_clickhouse(self) -> None:
        await self.start(STORE)
        await self.run("migrate")
        self._say("tables, views and catalogue are in ClickHouse")

    def _env(self) -> dict[str, str]:
        known = [part.address for name in self.brokers if (part := self.parts.get(name))]
        store = self.parts.get(STORE)
        return self._recipes.env(",".join(filter(None, known)), store.address if store else "")

    async def _shut_down(self) -> None:
        """All parts end, in good order; a cancellation meanwhile makes it quick, not incomplete."""
        task = asyncio.create_task(asyncio.to_thread(self._close))
        while not task.done():
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError:
                self.kill_all()

    def _close(self) -> None:
        """Stages first: they need the servers to end well."""
        names = (*self.brokers, STORE)
        servers = [part for name, part in self.parts.items() if name in names]
        stages = [part for name, part in self.parts.items() if name not in names]
        for tier in (stages, servers):
            for part in tier:
                part.ask_to_end()
            for part in tier:
                part.finish(GRACE_SECONDS)
