"""Cells of an experiment on a cluster of processes that are killed: the numbers of a serial run to the last bit."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
distributed = pytest.importorskip("distributed")

from hyperdist_torch.experiments.__main__ import main  # noqa: E402
from tests.hyperdist_torch.test_experiment_places import found  # noqa: E402

LITTLE = ["branching", "--quick", "--no-pictures", "--cells", "nvae-std1.7", "--epochs", "12"]


def until(there: Callable[[], object], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_worker_is_killed_and_then_the_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker while it trains, the client once one of two cells is finished; ``--resume`` does the rest."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    serial, spread = tmp_path / "serial", tmp_path / "spread"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert main([*LITTLE, "--out", str(serial)]) == 0
    finally:
        torch.set_num_threads(threads)
    kill = getattr(signal, "SIGKILL", signal.SIGTERM)  # on Windows the same
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", memory_limit="2GiB"
    ) as cluster:
        arguments = [*LITTLE, "--out", str(spread), "--scheduler", cluster.scheduler_address]
        client = subprocess.Popen([sys.executable, "-m", "hyperdist_torch.experiments", *arguments])
        try:
            until(lambda: list(spread.glob("runs/*/last.ckpt")))
            key = next(spread.glob("runs/*/last.ckpt")).parent.name
            said = re.search(r"process (\d+)", (spread / f".{key}.lock").read_text())
            assert said is not None
            os.kill(int(said[1]), kill)
            assert not (spread / "cells" / f"{key}.json").exists()
            until(lambda: list(spread.glob("cells/*.json")))
        finally:
            client.kill()
            client.wait()
        assert main([*arguments, "--resume"]) == 0
    (names, *figures), (wanted, *others) = found(spread), found(serial)
    # What is half written when a process is killed stays, and a training that goes on begins a log of its own.
    assert names - wanted <= {name for name in names if name.endswith(".part") or "/csv/" in name}
    assert wanted <= names
    assert figures == others
