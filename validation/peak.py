"""The memory of processes, now and at its peak."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def peak_memory() -> float:
    """Of this process, MiB; NaN on Windows. Linux's ru_maxrss also counts the process that started this one."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024.0
    if sys.platform == "win32":
        return float("nan")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024.0)


def resident(pid: int) -> float:
    """What a process holds now, MiB; of Linux alone."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
