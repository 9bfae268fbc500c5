"""The whole pipeline on this machine, as the processes that users run; gone when its owner is.

async with LocalStack(folder) as stack:
    await stack.guard(something(stack.settings))
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from pipeline.errors import LocalError
from pipeline.local.broker_properties import HOST
from pipeline.local.errand import cxpulse, run_command
from pipeline.local.part import POLL_SECONDS, Part
from pipeline.local.probe import free_port
from pipeline.settings import ClickHouseSettings, KafkaSettings, Settings

T = TypeVar("T")

GRACE_SECONDS: Final = 30.0
"""Each part stops in a few seconds; the longest grace any of them gives itself is 20."""
KAFKA_READY: Final = r"Kafka is ready at (\S+)"
CLICKHOUSE_READY: Final = r"is ready at (http://\S+)"
SERVERS: Final = ("kafka", "clickhouse")


class LocalStack:
    """Kafka, ClickHouse, score workers and a sink on free ports of loopback, data below `folder`.

    Parts are `kafka`, `clickhouse`, `score-1` ..., `sink`; each logs to `folder/NAME.log`. `env`
    has more settings (`CXPULSE_...`) for all of them; those of the surrounding environment are not
    used. `say` gets a line for each step.
    """

    def __init__(
        self,
        folder: Path,
        *,
        workers: int = 1,
        sink: bool = True,
        env: Mapping[str, str] | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.folder = folder.absolute()
        self.parts: dict[str, Part] = {}
        self._stages = [f"score-{n}" for n in range(1, workers + 1)] + ["sink"] * sink
        self._more = dict(env or {})
        self._say = say

    @property
    def bootstrap(self) -> str:
        """Of Kafka, `host:port`."""
        return self.parts["kafka"].address

    @property
    def clickhouse_url(self) -> str:
        """Of ClickHouse, `http://host:port`."""
        return self.parts["clickhouse"].address

    @property
    def settings(self) -> Settings:
        """For what this process does with the stack."""
        kafka = KafkaSettings.model_validate(self._section("KAFKA") | {"bootstrap": self.bootstrap})
        store = self._section("CLICKHOUSE") | {"url": self.clickhouse_url}
        return Settings(kafka=kafka, clickhouse=ClickHouseSettings.model_validate(store))

    async def __aenter__(self) -> Self:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            await all_of(self._set_up_kafka(), self._set_up_clickhouse())
            await all_of(*(self.start(name) for name in self._stages))
        except OSError as error:
            await self._shut_down()
            raise LocalError(f"cannot use the folder {self.folder}: {error}") from error
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
        part = self.parts.get(name) or self._make(name)
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
            await _cancel(job, watch)

    async def _watch(self) -> None:
        while True:
            for part in list(self.parts.values()):
                if part.ended_by_itself:
                    raise LocalError(part.obituary())
            await asyncio.sleep(POLL_SECONDS)

    async def _set_up_kafka(self) -> None:
        await self.start("kafka")
        await self.run("topics")
        self._say("topics are created")

    async def _set_up_clickhouse(self) -> None:
        await self.start("clickhouse")
        await self.run("migrate")
        self._say("tables, views and catalogue are in ClickHouse")

    def _make(self, name: str) -> Part:
        log = self.folder / f"{name}.log"
        if name in SERVERS:
            data = self.folder / name if name == "clickhouse" else self.folder

            def serve(address: str) -> tuple[str, ...]:
                port = address.rpartition(":")[2] or "0"
                return cxpulse("local", name, "--data", str(data), "--port", port)

            ready = KAFKA_READY if name == "kafka" else CLICKHOUSE_READY
            return Part(name, serve, log, self._env(), ready=ready)
        stage, port = name.partition("-")[0], free_port(HOST)
        env = self._env() | {f"CXPULSE_{stage.upper()}_METRICS_PORT": str(port)}
        return Part(name, lambda _: cxpulse(stage), log, env, metrics_port=port)

    def _env(self) -> dict[str, str]:
        """The surroundings without settings of ours, which may be those of production."""
        env = {name: v for name, v in os.environ.items() if not name.startswith("CXPULSE_")}
        if "kafka" in self.parts:
            env["CXPULSE_KAFKA_BOOTSTRAP"] = self.bootstrap
        if "clickhouse" in self.parts:
            env["CXPULSE_CLICKHOUSE_URL"] = self.clickhouse_url
        return env | {"PYTHONUNBUFFERED": "1"} | self._more

    def _section(self, name: str) -> dict[str, str]:
        start = f"CXPULSE_{name}_"
        return {k[len(start) :].lower(): v for k, v in self._more.items() if k.startswith(start)}

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
        servers = [part for name, part in self.parts.items() if name in SERVERS]
        stages = [part for name, part in self.parts.items() if name not in SERVERS]
        for tier in (stages, servers):
            for part in tier:
                part.ask_to_end()
            for part in tier:
                part.finish(GRACE_SECONDS)


async def all_of(*work: Coroutine[object, object, None]) -> None:
    """All at the same time; the first failure ends the others and is raised."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        await _cancel(*tasks)


async def _cancel(*tasks: asyncio.Future[T] | asyncio.Future[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
