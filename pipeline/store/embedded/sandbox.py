"""Landlock: the kernel's wall around this process, where the kernel has one (Linux 5.13).

The engine offers ways to a file that neither grants nor a look at the statement can close for sure,
such as expressions inside of strings that it parses late. After `enter` the process can write below
its data folder only, read its own program besides, start no program and open no TCP connection.
Where there is no Landlock, grants and guard stand alone. The interface:
https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import ctypes
import os
import shutil
import struct
import sys
import sysconfig
from pathlib import Path

from pipeline.resources import resource

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""System call numbers, the same on every architecture."""

ASK_VERSION = 1
PATH_BENEATH = 1
NO_NEW_PRIVILEGES = 38
"""A prctl that must precede the restriction."""

READ_FILE, READ_DIR = 1 << 2, 1 << 3
FILE_RIGHTS = 0b100_0000_0000_0111
"""Execute, write, read and truncate: the rights that a rule on a single file may name."""
EXECUTE = 1

RIGHTS_BY_VERSION = ((3, (1 << 15) - 1), (2, (1 << 14) - 1), (1, (1 << 13) - 1))
"""All file rights that a version of the interface knows (moving came with 2, truncating with 3)."""

CONNECT_TCP = 1 << 1
NETWORK_SINCE = 4

PROGRAM = ("/usr", "/lib", "/lib64", "/sys/fs/cgroup", "/sys/devices/system", "/proc/sys")
SINGLE = (
    *("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/etc/localtime", "/etc/hosts"),
    *("/etc/nsswitch.conf", "/etc/resolv.conf", "/etc/host.conf", "/etc/gai.conf"),
    *("/proc/meminfo", "/proc/cpuinfo", "/proc/stat", "/proc/loadavg", "/proc/uptime"),
    *(f"/proc/self/{name}" for name in ("stat", "statm", "status", "maps", "mountinfo", "cgroup")),
    "/proc/self/auxv",
)
"""What libc, Python and the engine read while they run. Not `environ`, where secrets are. Without
`auxv` the engine looks behind the environment for it, which Python may have moved: then it crashes
(signal 11) or not, as chance has it."""


def enter(folder: Path) -> bool:
    """Walls this process off; true when the kernel did it.

    Called before other threads exist: the wall holds for the calling thread and those it starts.
    Temporary files go below the folder from here on: importing chDB writes some.
    """
    scratch = folder.resolve() / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)  # what a killed process left
    scratch.mkdir()
    os.environ["TMPDIR"] = str(scratch)
    return sys.platform == "linux" and _restrict(folder)


def _restrict(folder: Path) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(CREATE_RULESET, None, 0, ASK_VERSION)
    if version < 1:
        return False
    rights = next(mask for since, mask in RIGHTS_BY_VERSION if version >= since)
    network = CONNECT_TCP if version >= NETWORK_SINCE else 0
    handled = struct.pack("QQ", rights, network) if network else struct.pack("Q", rights)
    ruleset = libc.syscall(CREATE_RULESET, handled, len(handled), 0)
    if ruleset < 0:
        return False
    try:
        _allow(libc, ruleset, folder, rights & ~EXECUTE)
        for path in _readable():
            _allow(libc, ruleset, path, READ_FILE | READ_DIR)
        if libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
            return False
        return bool(libc.syscall(RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _readable() -> list[Path]:
    own = [sys.prefix, sys.base_prefix, *sysconfig.get_paths().values()]
    code = [Path(__file__).resolve().parents[2], resource("deploy")]
    return [*code, *(Path(name) for name in (*own, *PROGRAM, *SINGLE))]


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    """A rule for what is there; a path that is not there needs none."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        allowed = rights if path.is_dir() else rights & FILE_RIGHTS
        rule = struct.pack("=Qi", allowed, descriptor)
        libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)
