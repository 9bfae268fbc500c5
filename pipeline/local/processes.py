"""A child process that is gone when its parent is, however the parent ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.errors import LocalError

BOUND = """
import os, sys
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, 9)
    if os.getppid() != int(sys.argv[1]):
        os._exit(1)
os.execvp(sys.argv[2], sys.argv[2:])
"""
"""Asks the kernel for SIGKILL (9) when the parent dies (prctl 1 is PR_SET_PDEATHSIG), looks whether
it died meanwhile, and becomes the program: same pid. A `preexec_fn` would do that too, but is
unsafe, and warned about, in a process with threads."""

START_SECONDS = 10.0
"""Forking takes milliseconds; this bounds the wait on a machine that thrashes."""


class Child:
    """One program, in a session of its own so that Ctrl-C reaches the parent only.

    The kernel's death signal is sent when the *thread* that forked ends, so the fork is done by a
    thread that then waits for the child: it lives exactly as long as the child or the whole parent.
    Other systems than Linux have no such signal: there a parent killed by SIGKILL leaves its child.
    """

    def __init__(
        self, args: Sequence[str], log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        """Starts `args` with output appended to `log`.

        Raises:
            LocalError: the program cannot be started.
        """
        self.args = tuple(args)
        self.log = log
        self._env = dict(os.environ if env is None else env)
        self._started = threading.Event()
        self._ended = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._failure: Exception | None = None
        threading.Thread(target=self._keep, name=f"keep-{args[0]}", daemon=True).start()
        self.pid = self._await_pid()

    def _await_pid(self) -> int:
        self._started.wait(START_SECONDS)
        if self._process is None:
            raise LocalError(f"cannot start {self.args[0]}: {self._failure or 'no answer'}")
        return self._process.pid

    def _keep(self) -> None:
        try:
            with self.log.open("ab") as out:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", BOUND, str(os.getpid()), *self.args],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env=self._env,
                    start_new_session=True,
                )
        except (OSError, ValueError) as error:
            self._failure = error
            self._ended.set()
            return
        finally:
            self._started.set()
        self._process.wait()
        self._ended.set()

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number when a signal ended it."""
        return self._process.returncode if self._process and self._ended.is_set() else None

    def wait(self, seconds: float | None = None) -> bool:
        """Waits for the end; true when it has ended."""
        return self._ended.wait(seconds)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal; nothing happens when the child is gone already."""
        if self._process and not self._ended.is_set():
            self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and waits for the end: what a drill does."""
        self.signal(signal.SIGKILL)
        self.wait()

    def stop(self, grace_seconds: float) -> int | None:
        """SIGTERM, then SIGKILL after the grace; returns the exit code."""
        self.signal(signal.SIGTERM)
        if not self.wait(grace_seconds):
            self.kill()
        return self.exit_code
