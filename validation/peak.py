"""The peak of this process's memory."""

from __future__ import annotations

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
