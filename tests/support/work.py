"""Tasks for other processes: they travel by name."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np

import hyperdist as hd


def draws(seed: int, n: int = 1000) -> dict[str, Any]:
    """Figures of draws, to the last bit."""
    law = hd.RiemannianNormal([0.1, 0.2, 0.3], 0.7)
    x, log_prob = law.sample_and_log_prob(n, rng=seed)
    return {"mean": x.mean(axis=0).tolist(), "log_prob": float(log_prob.sum())}


def slow(seed: int, folder: str, seconds: float) -> dict[str, Any]:
    """``draws``, once a while has gone by; leaves a file as it begins."""
    Path(folder, f"{seed}-{os.getpid()}").touch()
    time.sleep(seconds)
    return draws(seed)


def killed(seed: int, folder: str, times: int) -> dict[str, Any]:
    """``draws``, after its process has been killed so often."""
    before = Path(folder, f"killed-{seed}")
    count = len(before.read_text()) if before.exists() else 0
    if count < times:
        before.write_text("x" * (count + 1))
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))  # on Windows the same
    return draws(seed)


def after(folder: str, name: str, needs: str) -> dict[str, Any]:
    """Leaves a file of its name, which another may need."""
    found = not needs or Path(folder, needs).exists()
    Path(folder, name).write_text(name)
    return {"found": found, "threads": [os.environ.get("OMP_NUM_THREADS")]}


def broken() -> dict[str, Any]:
    """Raises."""
    raise ZeroDivisionError(np.pi)


def provenance() -> dict[str, Any]:
    """The command of the run that this is part of."""
    from hyperdist.runs import record

    return {"command": record.provenance("module", (), ())["command"], "pid": os.getpid()}
