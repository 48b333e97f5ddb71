"""The best of several starts: which it is, that nothing of it depends on the others, and that it is gone on with."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from torch import Tensor, nn  # noqa: E402

from hyperdist_torch.experiments import starts  # noqa: E402
from hyperdist_torch.experiments.__main__ import main  # noqa: E402
from hyperdist_torch.training import Schedule, fit  # noqa: E402

ROWS = torch.linspace(-1.0, 1.0, 32)[:, None]


class Valley(nn.Module):
    """A start x in (-2, 2), which runs into the lower or the higher of two minima."""

    def __init__(self) -> None:
        super().__init__()
        self.x = nn.Parameter(4.0 * torch.rand(()) - 2.0)


def build(rows: Tensor) -> Valley:
    return Valley()


def objective(model: Valley, rows: Tensor) -> Tensor:
    return -((model.x * model.x - 1.0).square() + 0.3 * model.x) + 0.0 * rows[:, 0]


def schedule(epochs: int, seed: int = 3, **others: Any) -> Schedule:
    return Schedule(epochs, 8, 0.05, seed, **others)


def test_the_best_is_gone_on_with_as_if_it_were_alone(tmp_path: Path) -> None:
    start = starts.best(build, ROWS, objective, schedule(8), 6, tmp_path / "many", accelerator="cpu")
    assert len(start.losses) == 6
    assert 3 in start.losses  # the schedule's own seed is one of them
    assert start.schedule == schedule(8, start.schedule.seed)
    assert start.losses[start.schedule.seed] == min(start.losses.values())
    assert len({round(loss, 3) for loss in start.losses.values()}) > 1
    fitted = fit(start.model, ROWS, objective, start.schedule, tmp_path / "many", resume=True, accelerator="cpu")
    torch.manual_seed(start.schedule.seed)
    alone = build(ROWS)
    assert fit(alone, ROWS, objective, start.schedule, tmp_path / "one", accelerator="cpu") == fitted
    assert torch.equal(alone.x, start.model.x)
    assert fitted.curve[starts.EPOCHS - 1] == start.losses[start.schedule.seed]


def test_starts_that_are_there_are_kept(tmp_path: Path) -> None:
    first = starts.best(build, ROWS, objective, schedule(8), 3, tmp_path, accelerator="cpu")

    def never(model: Valley, rows: Tensor) -> Tensor:
        raise AssertionError

    again = starts.best(build, ROWS, never, schedule(8), 3, tmp_path, accelerator="cpu")
    assert (again.losses, again.schedule) == (first.losses, first.schedule)


def test_a_start_that_diverges_is_left(tmp_path: Path) -> None:
    def fragile(model: Valley, rows: Tensor) -> Tensor:
        return objective(model, rows) / (model.x > -1.2).float()

    start = starts.best(build, ROWS, fragile, schedule(2), 6, tmp_path, accelerator="cpu")
    assert any(math.isnan(loss) for loss in start.losses.values())
    assert math.isfinite(start.losses[start.schedule.seed])
    with pytest.raises(FloatingPointError, match="one start must stay finite, got 2 that did not"):
        starts.best(build, ROWS, lambda m, r: fragile(m, r) * math.inf, schedule(2), 2, tmp_path / "none")


def test_rates_that_fall_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must have a rate that does not depend on the epochs, got decay 'cosine'"):
        starts.best(build, ROWS, objective, schedule(8, decay="cosine"), 2, tmp_path)


def test_mnist_takes_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    from hyperdist_torch.experiments import mnist
    from hyperdist_torch.experiments.tasks import Split

    digits = torch.rand(64, 28, 28, generator=torch.Generator().manual_seed(0)).reshape(64, 784)
    monkeypatch.setattr(mnist, "rows", lambda args: lambda seed: Split(digits, digits[:10]))
    monkeypatch.setattr(mnist, "_parts", lambda folder, quick: (None, None))
    monkeypatch.setattr(mnist, "look", lambda *arguments: None)
    command = ["mnist", "--quick", "--out", str(tmp_path), "--cells", "nvae-d2", "--starts", "2"]
    assert main(command) == 0
    result = json.loads((tmp_path / "cells" / "nvae-d2+quick+starts-2-seed0.json").read_text())
    assert len(result["starts"]) == 2
    assert result["curve"] == [min(result["starts"].values())]
    assert json.loads((tmp_path / "record.json").read_text())["cells"][0]["starts"] == result["starts"]
    assert main([*command, "--devices", "2"]) == 2
    assert "--devices must be 1 with --starts" in capsys.readouterr().err
