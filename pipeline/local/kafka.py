"""The local Kafka: Apache Kafka itself, one KRaft node on loopback, as a child process."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from pipeline.errors import LocalError
from pipeline.local.blank_log import IDENTITY, BlankLogs, kafka_uuid
from pipeline.local.broker_properties import (
    HOST,
    JVM,
    JVM_SHORT,
    Listener,
    render,
    server_properties,
    with_listeners,
)
from pipeline.local.class_archive import ClassArchive
from pipeline.local.jars import find_java, kafka_jars
from pipeline.local.probe import brokers_seen, free_port, port_taken
from pipeline.local.processes import Child
from pipeline.resources import resource

READY_SECONDS = 90.0
"""Up in 3 s on an idle machine; the rest is for a busy one that recovers a large log."""

POLL_SECONDS = 0.1
"""Far below what a person notices, far above what a probe costs."""

BY_SIGTERM = 128 + signal.SIGTERM
"""How Java ends that closed everything when it was asked to."""

STOP_SECONDS = 20.0
"""A broker closes its log in about a second, and leaves its classes in three; one that needs longer
is killed and recovers later."""

FORMAT_SECONDS = 120
"""Formatting takes about a second of Java."""


class LocalKafka:
    """A broker with its data below `data / "kafka"`; also a context manager.

    `port` 0 takes a free one. `say` gets a line when something slow happens;
    `jvm` replaces the options of its Java; `listeners` are beside the plain one; `scram` are users
    made when the folder is new, as `SCRAM-SHA-512=[name=...,password=...]`. As one of several it is
    `node` 1, 2, ..., `controllers` has the same ports for all, and it answers once a majority is
    up. All methods block:
    from a coroutine call them through `asyncio.to_thread`. A broker cannot outlive the process
    that started it; a second `start` after `stop` or `kill` continues with the same data.
    """

    def __init__(
        self,
        data: Path,
        port: int = 9092,
        say: Callable[[str], None] = lambda line: None,
        jvm: Sequence[str] = JVM,
        listeners: Sequence[Listener] = (),
        scram: Sequence[str] = (),
        node: int = 1,
        controllers: Sequence[int] = (),
    ) -> None:
        self.folder = data.absolute() / "kafka"
        self.port = port or free_port(HOST)
        self.log = self.folder / "broker.log"
        self._say = say
        self._jvm = tuple(jvm)
        self._listeners = tuple(listeners)
        self._scram = tuple(scram)
        self._node = node
        self._controllers = tuple(controllers)
        self._child: Child | None = None
        self._archive: ClassArchive | None = None
        self._lock: IO[str] | None = None

    @property
    def bootstrap(self) -> str:
        """What clients connect to, `host:port`."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Of the Java process; None when it does not run."""
        return self._child.pid if self._child and self._child.exit_code is None else None

    def start(self) -> None:
        """Starts the broker and returns once it answers.

        Raises:
            LocalError: no Java or Maven, the port or the folder is taken, or the broker ended.
        """
        if self.pid is not None:
            return
        self._hold_folder()
        try:
            if port_taken(HOST, self.port):
                raise LocalError(
                    f"port {self.port} on {HOST} is in use: stop what listens there, "
                    "or choose another with --port"
                )
            self._launch(find_java(), kafka_jars(self._say))
            self._await_answer()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """SIGTERM, SIGKILL after 20 s; nothing happens when it does not run."""
        if self._child is not None:
            ended_well = self._child.stop(STOP_SECONDS) == BY_SIGTERM
            self._child = None
            if self._archive is not None and ended_well:
                self._archive.keep()
        if self._lock is not None:
            self._lock.close()  # and with it the lock
            self._lock = None

    def kill(self) -> None:
        """SIGKILL: what a drill does. `start` brings it back."""
        if self._child is not None:
            self._child.kill()
        self.stop()

    def wait(self, seconds: float | None = None) -> bool:
        """Waits until the broker ends by itself; false when `seconds` were over before.

        Raises:
            LocalError: it ended.
        """
        if self._child is None or self._child.wait(seconds):
            raise LocalError(f"the broker has ended; {self._last_words()}")
        return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _hold_folder(self) -> None:
        """One broker a folder: a file lock, which the kernel lets go when this process ends."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "lock").open("a+", encoding="utf-8")
        except OSError as error:
            raise LocalError(f"cannot use the folder {self.folder}: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise LocalError(
                f"{self.folder} is in use by another local Kafka (started by process {holder}): "
                "stop that one, or choose another folder with --data"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def _launch(self, java: Path, jars: Path) -> None:
        data, scratch = self.folder / "data", self.folder / "tmp"
        shutil.rmtree(scratch, ignore_errors=True)  # native libraries that a killed broker left
        scratch.mkdir()
        config = self.folder / "server.properties"
        controllers = self._controllers or (free_port(HOST),)
        properties = server_properties(data, self.port, controllers, self._node)
        config.write_text(render(with_listeners(properties, self._listeners)), encoding="utf-8")
        program = [str(java), f"-Djava.io.tmpdir={scratch}"]
        program += [f"-Dlog4j2.configurationFile={resource('deploy', 'kafka', 'log4j2.xml')}"]
        program += ["-cp", f"{jars}/*"]
        self._archive = ClassArchive(java, jars, scratch)
        program += self._archive.mapped()
        if not (data / IDENTITY).exists():
            self._format(program, config, BlankLogs(jars))
        broker = [*program, *self._archive.left(), *self._jvm, "kafka.Kafka", str(config)]
        self._child = Child(broker, self.log)

    def _format(self, program: list[str], config: Path, blank: BlankLogs) -> None:
        # The nodes of one cluster must agree on its id without talking.
        many = uuid.uuid5(uuid.NAMESPACE_OID, str(self._controllers)) if self._controllers else None
        cluster = kafka_uuid(many or uuid.uuid4())
        data = config.parent / "data"
        users = [f"--add-scram={user}" for user in self._scram]
        options = [f"--cluster-id={cluster}", f"--config={config}", *users]
        try:
            if users or not blank.make(data, cluster, self._node):
                self._run([*program, *JVM_SHORT, "kafka.tools.StorageTool", "format", *options])
                if not users:
                    blank.keep(data)
        except (OSError, subprocess.SubprocessError) as error:
            raise LocalError(f"cannot format {self.folder}; {self._last_words()}") from error

    def _run(self, tool: list[str]) -> None:
        with self.log.open("ab") as out:
            subprocess.run(
                tool,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                timeout=FORMAT_SECONDS,
                check=True,
            )

    def _await_answer(self) -> None:
        assert self._child is not None
        deadline = time.monotonic() + READY_SECONDS
        while not brokers_seen(HOST, self.port):
            if self._child.wait(POLL_SECONDS):
                raise LocalError(f"the broker ended while starting; {self._last_words()}")
            if time.monotonic() > deadline:
                raise LocalError(
                    f"the broker did not answer within {READY_SECONDS:.0f} s; {self._last_words()}"
                )

    def _last_words(self) -> str:
        """The last line of the log that says what went wrong, and where to read the rest."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - 16_384))
                lines = log.read().decode("utf-8", "replace").splitlines()
        except OSError:
            lines = []
        telling = [line for line in lines if "ERROR" in line or "Exception" in line]
        told = f"last error: {telling[-1].strip()[:200]}; " if telling else ""
        return f"{told}see {self.log}"
