"""Training that is killed at any moment goes on to the numbers of a run that was not.

``KILLS=20`` kills twenty times; continuous integration three times.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from hyperdist_torch.experiments import cells  # noqa: E402
from hyperdist_torch.experiments.cells import Cell, Machine  # noqa: E402
from hyperdist_torch.training import Schedule  # noqa: E402
from tests.hyperdist_torch.test_cells import Chosen, Plain  # noqa: E402

KILLS = int(os.environ.get("KILLS", "3"))


def made() -> Cell[Plain]:
    return Cell("name", "model", "set", Chosen(), Schedule(30, 5, 0.02, 1, average=0.9))


def train(out: Path) -> None:
    torch.set_num_threads(1)
    cells.work(made(), out, Machine("cpu"), False, "this run")


@pytest.mark.skipif(sys.platform == "win32", reason="forks, so that torch is imported once")
# Tests before may have begun threads, JAX's too, of which a fork warns; the children use NumPy and torch alone.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning", "ignore:os.fork:RuntimeWarning")
def test_killed_at_random_moments(tmp_path: Path) -> None:
    context, rng = multiprocessing.get_context("fork"), np.random.default_rng(0)

    def started(out: Path) -> Any:
        process = context.Process(target=train, args=(out,))
        process.start()
        return process

    begun = time.monotonic()
    whole = started(tmp_path / "whole")
    whole.join()
    length, kills, most = time.monotonic() - begun, 0, 0
    assert whole.exitcode == 0
    folder = tmp_path / "killed"
    while kills < KILLS:
        process = started(folder)
        process.join(float(rng.uniform(0.1, 0.9)) * length)
        if process.is_alive():
            process.kill()
            kills += 1
        process.join()
        # What is there is whole: the checkpoint of a training that goes on, or its result.
        for path in folder.rglob("*.json"):
            json.loads(path.read_text())
        most = max(most, sum(1 for _ in folder.rglob("last.ckpt")))
        if process.exitcode == 0:  # it has come to its end: another
            (folder / "cells" / f"{made().key}.json").unlink()
    last = started(folder)
    last.join()
    assert last.exitcode == 0
    assert most == 1
    found = [json.loads((out / "cells" / f"{made().key}.json").read_text()) for out in (tmp_path / "whole", folder)]
    for name in ("nll", "standard_error", "curve", "scores", "best_epoch", "metrics"):
        assert found[1][name] == found[0][name]
    assert not list(folder.glob(".*lock"))
