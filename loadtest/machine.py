"""The machine and the versions that numbers belong to."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Final

PACKAGES: Final = ("cxpulse", "faust-streaming", "aiokafka", "fastavro", "clickhouse-connect")
GIB: Final = 1024**3


def machine() -> dict[str, str]:
    """Name → value, in the order to show."""
    described = {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0),
        "memory": f"{_memory() / GIB:.1f} GiB",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
    return described | {name: version(name) for name in PACKAGES}


def _processor() -> str:
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def resident() -> int:
    """Bytes of memory that this process occupies now (Linux)."""
    for line in _lines("/proc/self/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status does not tell the resident memory; this needs Linux")


def processor_seconds(pid: int) -> float:
    """Processor time that a process and its children have used so far (Linux; else 0)."""
    used = 0.0
    for line in _lines(f"/proc/{pid}/stat"):
        fields = line.rpartition(")")[2].split()  # the name before may hold spaces
        used += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [
        int(child) for task in tasks for line in _lines(str(task)) for child in line.split()
    ]
    return used + sum(map(processor_seconds, children))


def busy_seconds() -> float:
    """Processor time that all cores have spent on anything so far (Linux; else 0)."""
    for line in _lines("/proc/stat"):
        user, nice, system, _idle, _wait, irq, softirq, steal, *_ = map(int, line.split()[1:])
        return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    return 0.0
