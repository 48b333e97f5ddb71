"""Training: the numbers of a killed and resumed run are those of one that went through, and bad files are named."""

from __future__ import annotations

import itertools
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from torch import Tensor, nn  # noqa: E402

from hyperdist_torch.training import Fitted, Schedule, device_type, fit  # noqa: E402


class Noisy(nn.Module):
    """Two layers of which the loss adds noise, so that the order of rows and the draws both matter."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 3))


def objective(model: Noisy, x: Tensor) -> Tensor:
    return -(model.layers(x + 0.1 * torch.randn_like(x)) - x).square().sum(dim=-1)


def case(epochs: int, batch: int = 8, **options) -> tuple[Noisy, Tensor, Schedule]:
    torch.manual_seed(4)
    return Noisy(), torch.randn(27, 3), Schedule(epochs, batch, 0.01, **options)


def train(folder: Path, epochs: int, resume: bool = False, **options) -> tuple[Noisy, tuple[float, ...]]:
    model, fitted = trained(folder, epochs, resume, options)
    return model, fitted.curve


def trained(folder: Path, epochs: int, resume: bool, schedule: dict[str, Any], **options: Any) -> tuple[Noisy, Fitted]:
    model, rows, made = case(epochs, **schedule)
    return model, fit(model, rows, objective, made, folder, resume=resume, accelerator="cpu", **options)


def score(model: Noisy) -> float:
    """With draws of its own, in the evaluation mode that it must get."""
    assert not model.training
    return -objective(model, torch.linspace(-1.0, 1.0, 12).reshape(4, 3)).mean().item()


def same(one: nn.Module, two: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))


EVERYTHING = {"warmup": 9, "decay": "cosine", "average": 0.9, "clip": 1.0, "amsgrad": False}
"""A schedule that uses all there is."""


@pytest.mark.parametrize(
    "schedule", [{}, {"warmup": 9}, {"average": 0.9}, {"clip": 1.0}, {"amsgrad": False}], ids=lambda s: " ".join(s)
)
@pytest.mark.parametrize("validated", [False, True], ids=["", "validated"])
def test_resumed_run_is_the_uninterrupted_one(tmp_path: Path, schedule: dict[str, Any], validated: bool) -> None:
    options = {"validate": score, "validate_every": 2, "patience": 9} if validated else {}
    whole, fitted = trained(tmp_path / "whole", 6, False, schedule, **options)
    trained(tmp_path / "parts", 2, False, schedule, **options)
    trained(tmp_path / "parts", 3, True, schedule, **options)
    torch.manual_seed(99)
    parts, continued = trained(tmp_path / "parts", 6, True, schedule, **options)
    assert same(whole, parts)
    assert fitted == continued
    assert len(fitted.curve) == 6
    assert len(fitted.scores) == (3 if validated else 0)


def test_finished_run_is_restored(tmp_path: Path) -> None:
    once, curve = train(tmp_path, 3)
    again, found = train(tmp_path, 3, resume=True)
    assert same(once, again)
    assert found == curve


def test_without_resume_it_starts_anew(tmp_path: Path) -> None:
    once, _ = train(tmp_path, 3)
    again, curve = train(tmp_path, 3)
    assert same(once, again)
    assert len(curve) == 3


def test_it_is_adam_with_amsgrad(tmp_path: Path) -> None:
    """Against the bare loop, in the order that the loss of each epoch reveals nothing of: one batch, no noise."""

    def plain(model: Noisy, x: Tensor) -> Tensor:
        return -(model.layers(x) - x).square().sum(dim=-1)

    model, rows, schedule = case(5, batch=27)
    other, *_ = case(5)
    curve = fit(model, rows, plain, schedule, tmp_path, accelerator="cpu").curve
    optimiser = torch.optim.Adam(other.parameters(), lr=0.01, amsgrad=True)
    for expected in curve:
        loss = -plain(other, rows).mean()
        assert loss.item() == pytest.approx(expected, rel=1e-5)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_every_row_is_seen_once_an_epoch(tmp_path: Path) -> None:
    seen: list[list[float]] = []

    def watch(model: Noisy, x: Tensor) -> Tensor:
        seen.append(x[:, 0].tolist())
        return objective(model, x)

    model, rows, schedule = case(2)
    fit(model, rows, watch, schedule, tmp_path / "all", accelerator="cpu")
    assert [len(batch) for batch in seen] == [8, 8, 8, 3] * 2
    epochs = [list(itertools.chain(*part)) for part in (seen[:4], seen[4:])]
    assert all(sorted(epoch) == sorted(rows[:, 0].tolist()) for epoch in epochs)
    assert epochs[0] != epochs[1]
    seen.clear()
    fit(model, rows, watch, Schedule(1, 8, 0.01, drop_last=True), tmp_path / "dropped", accelerator="cpu")
    assert [len(batch) for batch in seen] == [8, 8, 8]


def test_seeds_differ_and_the_caller_s_generator_is_left_alone(tmp_path: Path) -> None:
    one, _ = train(tmp_path / "one", 1, seed=0)
    state = torch.get_rng_state()
    two, _ = train(tmp_path / "two", 1, seed=1)
    assert not same(one, two)
    model, rows, schedule = case(1)
    state = torch.get_rng_state()
    fit(model, rows, objective, schedule, tmp_path / "three", accelerator="cpu")
    assert torch.equal(state, torch.get_rng_state())


def test_logs_are_written(tmp_path: Path) -> None:
    train(tmp_path, 2)
    train(tmp_path, 3, resume=True)
    first, second = ((tmp_path / "csv" / f"version_{i}" / "metrics.csv").read_text() for i in range(2))
    assert "epoch_loss" in first
    assert len(second.splitlines()) < len(first.splitlines())
    assert list((tmp_path / "tensorboard").glob("events.out.tfevents.*"))


def test_progress_bar_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, rows, schedule = case(1)
    fit(model, rows, objective, schedule, tmp_path, accelerator="cpu", progress=True)
    shown = capsys.readouterr().err
    assert "epoch 1 of 1" in shown
    assert "4/4" in shown


def test_a_loss_that_is_not_finite_ends_the_run(tmp_path: Path) -> None:
    def broken(model: Noisy, x: Tensor) -> Tensor:
        return objective(model, x) / 0.0

    model, rows, schedule = case(2)
    with pytest.raises(FloatingPointError, match=r"must stay finite, got (inf|nan) in epoch 1"):
        fit(model, rows, broken, schedule, tmp_path, accelerator="cpu")
    assert not (tmp_path / "last.ckpt").exists()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_rows_that_are_not_finite_are_named(tmp_path: Path, value: float) -> None:
    """Whatever they lead to: a loss that is not finite, or an error of the objective's own."""

    def choking(model: Noisy, x: Tensor) -> Tensor:
        if not bool(torch.isfinite(x).all()):
            raise RuntimeError("the proposal is broken")
        return objective(model, x)

    model, rows, schedule = case(2)
    rows[11, 1] = rows[20, 0] = value
    for failing in (objective, choking):
        with pytest.raises(ValueError, match=rf"rows must be finite, got {value} in row 11 \(2 of 27 rows\)"):
            fit(model, rows, failing, schedule, tmp_path, accelerator="cpu")
    model, _, schedule = case(2)
    knowing = fit(model, rows, lambda m, x: objective(m, x.nan_to_num(0.0, 0.0)), schedule, tmp_path, accelerator="cpu")
    assert all(map(math.isfinite, knowing.curve))


def test_an_interrupt_is_one(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Ctrl-C ends a run as everywhere, and the next one too; what is there goes on."""
    whole, curve = train(tmp_path / "whole", 4)
    asked = 0

    def impatient(model: Noisy, x: Tensor) -> Tensor:
        nonlocal asked
        asked += 1
        if asked == 10:  # in the third epoch of four batches
            os.kill(os.getpid(), signal.SIGINT)
        return objective(model, x)

    # A shell that runs the tests in the background has the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    for _ in range(2):
        asked, (model, rows, schedule) = 0, case(4)
        with pytest.raises(KeyboardInterrupt):
            fit(model, rows, impatient, schedule, tmp_path / "cut", accelerator="cpu")
    again, found = train(tmp_path / "cut", 4, resume=True)
    assert found == curve
    assert same(whole, again)


def test_an_objective_that_chokes_on_parameters_that_are_not_finite(tmp_path: Path) -> None:
    """Its error is told as what it is, with its cause; any other error passes as it is."""

    def broken(model: Noisy, x: Tensor) -> Tensor:
        if not bool(torch.isfinite(model.layers[0].weight).all()):
            raise RuntimeError("broken proposal")
        return objective(model, x) / 0.0

    def wrong(model: Noisy, x: Tensor) -> Tensor:
        raise ValueError("wrong shape")

    model, rows, schedule = case(2)
    with pytest.raises(FloatingPointError, match="parameters must stay finite, got NaN or infinity in epoch 1"):
        fit(model, rows, broken, schedule, tmp_path, accelerator="cpu")
    with pytest.raises(ValueError, match="wrong shape"):
        fit(case(1)[0], rows, wrong, schedule, tmp_path, accelerator="cpu")


def test_checkpoints_at_the_stated_epochs(tmp_path: Path) -> None:
    model, rows, _ = case(1)
    for epochs, kept in ((3, 3), (5, 5)):
        fit(model, rows, objective, Schedule(epochs, 8, 0.01), tmp_path, checkpoint_every=2, accelerator="cpu")
        assert len(torch.load(tmp_path / "last.ckpt", weights_only=True)["hyperdist"]["curve"]) == kept


@pytest.mark.parametrize("cut", [0.0, 0.3, 0.99])
def test_truncated_checkpoint_is_named(tmp_path: Path, cut: float) -> None:
    train(tmp_path, 1)
    path = tmp_path / "last.ckpt"
    path.write_bytes(path.read_bytes()[: int(cut * path.stat().st_size)])
    with pytest.raises(ValueError, match=rf"{path} must be a whole checkpoint"):
        train(tmp_path, 2, resume=True)


def test_checkpoint_of_another_run_is_named(tmp_path: Path) -> None:
    train(tmp_path, 1)
    with pytest.raises(ValueError, match=r"last.ckpt must be of a run with seed 3, got 0"):
        train(tmp_path, 2, resume=True, seed=3)
    with pytest.raises(ValueError, match="batch_size 4, got 8"):
        train(tmp_path, 2, resume=True, batch=4)
    model = nn.Sequential(nn.Linear(3, 5))
    with pytest.raises(ValueError, match="run with model "):
        fit(model, torch.zeros(27, 3), objective, Schedule(2, 8, 0.01), tmp_path, resume=True, accelerator="cpu")
    model, rows, schedule = case(2)
    model.layers[2] = nn.Linear(8, 3, bias=False)
    with pytest.raises(ValueError, match=r"model '\(2\): Linear\(.*bias=False\)', got '\(2\): Linear\(.*bias=True\)'$"):
        fit(model, rows, objective, schedule, tmp_path, resume=True, accelerator="cpu")
    for content, got in (
        ({"state_dict": {}}, r"keys \['state_dict'\]"),
        ({"hyperdist": 1, 2: 3}, r"keys \['2', 'hyperdist'\]"),
        (torch.ones(2), "Tensor"),
    ):
        torch.save(content, tmp_path / "last.ckpt")
        with pytest.raises(ValueError, match=f"must be a checkpoint of hyperdist_torch.training, got {got}"):
            train(tmp_path, 2, resume=True)


def test_a_last_step_into_nothing(tmp_path: Path) -> None:
    """No loss is worked out after it: the parameters are looked at."""

    def steep(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
        return 0.0 * model(x)[:, 0].sqrt()

    model = nn.Linear(3, 1, bias=False)
    nn.init.zeros_(model.weight)
    with pytest.raises(FloatingPointError, match="parameters must stay finite, got NaN or infinity in epoch 1"):
        fit(model, torch.ones(4, 3), steep, Schedule(1, 4, 0.01), tmp_path, accelerator="cpu")


def test_every_setting_of_the_schedule_must_agree(tmp_path: Path) -> None:
    """With a rate that falls over all steps, their number too."""
    trained(tmp_path, 2, False, EVERYTHING)
    for name, other in {"warmup": 0, "average": 0.5, "clip": 0.0, "amsgrad": True}.items():
        with pytest.raises(ValueError, match=rf"last.ckpt must be of a run with {name} {other!r}, got "):
            trained(tmp_path, 2, True, {**EVERYTHING, name: other})
    with pytest.raises(ValueError, match="run with decay 'none', got 'cosine'"):
        trained(tmp_path, 2, True, {**EVERYTHING, "decay": "none"})
    with pytest.raises(ValueError, match="run with epochs 3, got 2"):
        trained(tmp_path, 3, True, EVERYTHING)
    with pytest.raises(ValueError, match="run with validate_every 1, got None"):
        trained(tmp_path, 2, True, EVERYTHING, validate=score)


def test_checkpoint_from_before_a_setting_has_its_default(tmp_path: Path) -> None:
    _, curve = train(tmp_path / "whole", 4)
    train(tmp_path / "parts", 2)
    path = tmp_path / "parts" / "last.ckpt"
    content = torch.load(path, weights_only=True)
    kept = {name: content["hyperdist"]["settings"][name] for name in OLD_SETTINGS}
    torch.save({**content, "hyperdist": {"settings": kept, "curve": content["hyperdist"]["curve"]}}, path)
    assert train(tmp_path / "parts", 4, resume=True)[1] == curve
    torch.save({**content, "hyperdist": {"settings": kept, "curve": content["hyperdist"]["curve"]}}, path)
    with pytest.raises(ValueError, match=r"run with average 0.5, got 0.0"):
        train(tmp_path / "parts", 4, resume=True, average=0.5)


OLD_SETTINGS = ("format", "rows", "model", "batch_size", "learning_rate", "seed", "drop_last")


@pytest.mark.parametrize(
    ("name", "value", "bound"),
    [
        ("epochs", 0, "an integer >= 1"), ("batch_size", -1, "an integer >= 1"), ("learning_rate", 0.0, "> 0"),
        ("learning_rate", math.inf, "finite"), ("seed", -1, "an integer >= 0"), ("seed", 2**63, r"< 2\^63"),
        ("warmup", -1, "an integer >= 0"), ("clip", math.nan, "finite"), ("clip", -1.0, ">= 0"),
    ],
)  # fmt: skip
def test_schedule_is_checked(name: str, value: float, bound: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} must be {bound}, got {value}"):
        Schedule(**{"epochs": 1, "batch_size": 1, "learning_rate": 0.1, name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["epochs", "batch_size", "seed", "warmup"])
def test_what_a_schedule_counts_is_an_integer(name: str) -> None:
    with pytest.raises(TypeError, match=rf"{name} must be an integer >= [01], got 2.5"):
        Schedule(**{"epochs": 1, "batch_size": 1, "learning_rate": 0.1, name: 2.5})  # type: ignore[arg-type]


def test_words_and_shares_of_the_schedule_are_checked() -> None:
    with pytest.raises(ValueError, match=r"average must be >= 0 and < 1, got 1.0"):
        Schedule(1, 1, 0.1, average=1.0)
    with pytest.raises(ValueError, match=r"decay must be .*none.*cosine.*got 'linear'"):
        Schedule(1, 1, 0.1, decay="linear")


def test_too_few_rows(tmp_path: Path) -> None:
    model, rows, schedule = case(1, batch=28, drop_last=True)
    with pytest.raises(ValueError, match="rows must be at least batch_size = 28 where drop_last, got 27"):
        fit(model, rows, objective, schedule, tmp_path)


def test_a_write_that_fails_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, curve = train(tmp_path, 2)

    def full(content, file) -> None:
        file.write(b"half")
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with pytest.raises(OSError, match="no space left"):
            train(tmp_path, 3, resume=True)
    _, continued = train(tmp_path, 3, resume=True)
    assert continued[:2] == curve
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_seconds_are_of_all_runs(tmp_path: Path) -> None:
    """A resumed run goes on from the seconds of its checkpoint."""
    _, fitted = trained(tmp_path, 2, False, {})
    path = tmp_path / "last.ckpt"
    kept = torch.load(path, weights_only=True)
    assert 0.0 < kept["hyperdist"]["seconds"] <= fitted.seconds < 1000.0
    torch.save({**kept, "hyperdist": {**kept["hyperdist"], "seconds": 1000.0}}, path)
    assert trained(tmp_path, 3, True, {})[1].seconds > 1000.0


def test_devices_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, rows, schedule = case(1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name in ("cuda", "gpu"):
        with pytest.raises(ValueError, match=f"accelerator must be 'cpu' or 'auto' where .*, got '{name}'"):
            fit(model, rows, objective, schedule, tmp_path, accelerator=name)
    with pytest.raises(ValueError, match="accelerator must be one of auto, cpu, cuda, gpu, got 'mps'"):
        fit(model, rows, objective, schedule, tmp_path, accelerator="mps")
    with pytest.raises(ValueError, match="devices must be an integer >= 1, got 0"):
        fit(model, rows, objective, schedule, tmp_path, devices=0)
    assert device_type("auto") == "cpu"
    assert not any(tmp_path.iterdir())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert (device_type("auto"), device_type("gpu")) == ("cuda", "cuda")
    with pytest.raises(ValueError, match="devices must be <= 2, the CUDA devices here, got 3"):
        fit(model, rows, objective, schedule, tmp_path, devices=3)


SCRIPT = """
import json
import sys
from pathlib import Path

from tests.hyperdist_torch.test_training import score, trained

schedule, options = json.loads(sys.argv[2])
trained(Path(sys.argv[1]), 100, True, schedule, **({**options, "validate": score} if options else {}))
"""


@pytest.mark.parametrize(
    ("schedule", "options"), [({}, {}), (EVERYTHING, {"validate_every": 2, "patience": 50})], ids=["plain", "all"]
)
def test_killed_run_ends_with_the_same_numbers(
    tmp_path: Path, schedule: dict[str, Any], options: dict[str, Any]
) -> None:
    """SIGKILL at two moments of a real process, whatever it is doing then: bitwise the uninterrupted parameters."""
    script, killed = tmp_path / "script.py", tmp_path / "killed"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    last, log = killed / "last.ckpt", tmp_path / "log"
    for wait in (0.03, 0.1):
        before = last.stat().st_mtime_ns if last.exists() else 0
        with log.open("w") as out:
            command = [sys.executable, script, killed, json.dumps([schedule, options])]
            process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
        while process.poll() is None and (not last.exists() or last.stat().st_mtime_ns == before):
            time.sleep(0.01)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, log.read_text()
    assert 1 < len(torch.load(last, weights_only=True)["hyperdist"]["curve"]) < 100
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    options = {**options, "validate": score} if options else {}
    resumed, continued = trained(killed, 100, True, schedule, **options)
    whole, fitted = trained(tmp_path / "whole", 100, False, schedule, **options)
    torch.set_num_threads(threads)
    assert fitted == continued
    assert same(whole, resumed)
