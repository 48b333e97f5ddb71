"""Cells of an experiment on a cluster of processes that are killed: the numbers of a serial run to the last bit."""

from __future__ import annotations

import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
distributed = pytest.importorskip("distributed")

from hyperdist.runs import engine  # noqa: E402
from hyperdist_torch.experiments import branching, options  # noqa: E402
from hyperdist_torch.experiments.__main__ import main  # noqa: E402
from tests.hyperdist_torch.test_experiment_places import found, parsed  # noqa: E402

LITTLE = ["--quick", "--no-pictures", "--cells", "nvae-std1.7", "--epochs", "8"]


def kill_who_trains(out: Path) -> str:
    """The worker of the first cell that has a checkpoint, by its lock; the cell's key."""
    end = time.monotonic() + 120.0
    while not (begun := list(out.glob("runs/*/last.ckpt"))):
        assert time.monotonic() < end
        time.sleep(0.01)
    key = begun[0].parent.name
    said = re.search(r"process (\d+)", (out / f".{key}.lock").read_text())
    assert said is not None
    os.kill(int(said[1]), getattr(signal, "SIGKILL", signal.SIGTERM))  # on Windows the same
    assert not (out / "cells" / f"{key}.json").exists()
    return key


def test_a_worker_is_killed_and_then_the_client_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker while it trains, the client once one of two cells is finished; ``--resume`` does the rest."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    serial, spread = tmp_path / "serial", tmp_path / "spread"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert main(["branching", *LITTLE, "--out", str(serial)]) == 0
    finally:
        torch.set_num_threads(threads)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", memory_limit="2GiB"
    ) as cluster, ThreadPoolExecutor(1) as thread:  # fmt: skip
        arguments = [*LITTLE, "--out", str(spread), "--scheduler", cluster.scheduler_address]
        asked = parsed(branching, *arguments)
        place = options.place_of(asked)
        tasks = [options._task(cell, asked, place) for cell in branching.table_of_cells(asked)]
        killed, some = thread.submit(kill_who_trains, spread), engine.finished(tasks, place, engine.call)
        first, _ = next(some)
        some.close()  # type: ignore[attr-defined]
        assert killed.result() in {task.key for task in tasks}
        assert (spread / "cells" / f"{first.key}.json").exists()
        assert main(["branching", *arguments, "--resume"]) == 0
    (names, *figures), (wanted, *others) = found(spread), found(serial)
    # What is half written when a process is killed stays, and a training that goes on begins a log of its own.
    assert names - wanted <= {name for name in names if name.endswith(".part") or "/csv/" in name}
    assert wanted <= names
    assert figures == others
