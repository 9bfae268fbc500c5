"""An event loop with virtual time, and processes that end or stop between any two of their steps.

Every callback belongs to a process (a context variable says which). Within a process they run in
order, as asyncio promises; whose turn it is among processes is drawn. When nothing is ready, time
jumps to the next timer.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import warnings
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any

SPAN = 0.001
"""Seconds a call in another thread may take at the most."""


class Process:
    """What a process is to the loop. `fuse` counts down its steps; at 0 `blow` is called."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.paused = False
        self.ready: deque[Step] = deque()
        self.fuse = 0
        self.blow: Callable[[], None] = lambda: None
        self.on_silence: list[Callable[[], object]] = []
        self.on_wake: list[Callable[[], object]] = []


NETWORK = Process("network")
"""Owns what goes on whoever is dead: messages under way, the broker, the store, the tests."""

PROCESS: ContextVar[Process] = ContextVar("process", default=NETWORK)


class Step:
    """A callback that waits for its turn; what asyncio calls a handle."""

    __slots__ = ("_when", "args", "callback", "context", "dropped", "process")

    def __init__(
        self, callback: Callable[..., object], args: tuple[Any, ...], context: Context | None
    ) -> None:
        self.callback = callback
        self.args = args
        self.context = context or copy_context()
        self.process = self.context.get(PROCESS, NETWORK)
        self.dropped = False
        self._when = 0.0

    def cancel(self) -> None:
        self.dropped = True

    def cancelled(self) -> bool:
        return self.dropped

    def when(self) -> float:
        return self._when


class VirtualLoop(asyncio.AbstractEventLoop):
    """As much of a loop as asyncio's own coroutines need."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._now = 0.0
        self._number = 0
        self._timers: list[tuple[float, int, Step]] = []
        self._waiting: list[Process] = []  # processes with something ready
        self._tasks: list[asyncio.Task[Any]] = []
        self._network = copy_context()
        self._network.run(PROCESS.set, NETWORK)
        self.steps = 0

    def time(self) -> float:
        return self._now

    def call_soon(  # type: ignore[override]  # a Step serves as a handle
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Step:
        step = Step(callback, args, context)
        self._make_ready(step)
        return step

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> Step:
        step = Step(callback, args, context)
        step._when = when
        self._number += 1
        heapq.heappush(self._timers, (when, self._number, step))
        return step

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> Step:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def elsewhere(self, delay: float, callback: Callable[..., object], *args: Any) -> Step:
        """As `call_later`, whatever becomes of the process that asks for it."""
        return self.call_later(delay, callback, *args, context=self._network)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Any, *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, name=name, context=context)
        self._tasks.append(task)
        return task

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> Any:
        """A call in another thread: done in one go, some time later."""
        done = self.create_future()

        def call() -> None:
            if done.cancelled():
                return
            try:
                done.set_result(func(*args))
            except Exception as error:
                done.set_exception(error)

        self.call_later(self._rng.random() * SPAN, call)
        return done

    def start(self, process: Process, main: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine as the main task of a process."""
        context = copy_context()
        context.run(PROCESS.set, process)
        return self.create_task(main, context=context)

    def kill(self, process: Process) -> None:
        """End a process where it stands: none of its steps ever runs again."""
        process.alive = False
        process.ready.clear()
        if process in self._waiting:
            self._waiting.remove(process)
        for tell in process.on_silence:
            tell()

    def pause(self, process: Process) -> None:
        """Stop a process where it stands."""
        process.paused = True
        if process in self._waiting:
            self._waiting.remove(process)
        for tell in process.on_silence:
            tell()

    def wake(self, process: Process) -> None:
        """Let it go on, as if no time had passed for it."""
        process.paused = False
        if process.ready and process.alive:
            self._waiting.append(process)
        for tell in process.on_wake:
            tell()

    def run(self, main: Coroutine[Any, Any, Any], most_steps: int) -> None:
        """Run until `main` is done. Raises what it raises, RuntimeError if it takes too long."""
        events._set_running_loop(self)
        NETWORK.ready.clear()  # what a run that failed has left
        try:
            task = self.create_task(main)
            while not task.done():
                self._turn()
                if self.steps > most_steps:
                    raise RuntimeError(f"no end after {self.steps} steps")
            task.result()
        finally:
            with warnings.catch_warnings():  # of coroutines that the dead had not begun yet
                warnings.simplefilter("ignore", RuntimeWarning)
                self._close_tasks()
            events._set_running_loop(None)

    def _turn(self) -> None:
        if not self._waiting and not self._jump():
            raise RuntimeError("nothing left that could happen")
        waiting = self._waiting
        at = int(self._rng.random() * len(waiting)) if len(waiting) > 1 else 0
        process = waiting[at]
        step = process.ready.popleft()
        if not process.ready:
            del waiting[at]
        if step.dropped:
            return
        self.steps += 1
        step.context.run(step.callback, *step.args)
        if process.fuse:
            process.fuse -= 1
            if not process.fuse:
                process.blow()

    def _jump(self) -> bool:
        """Move to the next instant at which something is due; False when nothing ever will be."""
        timers = self._timers
        while timers and not self._waiting:
            self._now = max(self._now, timers[0][0])
            while timers and timers[0][0] <= self._now:
                step = heapq.heappop(timers)[2]
                if not step.dropped:
                    self._make_ready(step)
        return bool(self._waiting)

    def _make_ready(self, step: Step) -> None:
        process = step.process
        if not process.alive:
            return
        if not process.ready and not process.paused:
            self._waiting.append(process)
        process.ready.append(step)

    def _close_tasks(self) -> None:
        """Take down what is left without letting it run on."""
        for task in self._tasks:
            if task.done():
                continue
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            coro = task.get_coro()
            for _ in range(10):  # one that waits in its own cleaning up is closed again
                try:
                    coro.close()
                    break
                except RuntimeError:
                    continue

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Failures that nobody looked at are those of processes that ended."""

    def _timer_handle_cancelled(self, handle: object) -> None:
        """Dropped steps are left where they are."""
