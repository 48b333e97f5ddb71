"""Validation: the best weights come out, a run without improvement stops, and stays so when it is resumed."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from torch import nn  # noqa: E402

from hyperdist_torch.training import Fitted, fit  # noqa: E402
from hyperdist_torch.training.selection import Selection  # noqa: E402
from tests.hyperdist_torch.test_training import Noisy, case, objective, same, train  # noqa: E402


class Told:
    """Scores that are given beforehand, and the weights that were scored."""

    def __init__(self, *scores: float) -> None:
        self.scores, self.seen, self.draws = list(scores), [], []

    def __call__(self, model: nn.Module) -> float:
        assert not model.training
        assert not torch.is_grad_enabled()
        self.seen.append({name: value.clone() for name, value in model.state_dict().items()})
        self.draws.append(torch.rand(()).item())
        return self.scores[len(self.seen) - 1]


def select(
    folder: Path, told: Told, epochs: int, *, patience: int | None = 2, every: int = 1, resume: bool = False, **schedule
) -> tuple[Noisy, Fitted]:
    model, rows, made = case(epochs, **schedule)
    return model, fit(
        model, rows, objective, made, folder, validate=told, validate_every=every, patience=patience, resume=resume,
        accelerator="cpu", checkpoint_every=5,
    )  # fmt: skip


def test_it_stops_after_so_many_in_vain_with_the_best_weights(tmp_path: Path) -> None:
    """An equal score is no improvement; the count begins anew after one that is."""
    told = Told(5.0, 3.0, 4.0, 2.0, 2.0, 2.5, 1.0)
    model, fitted = select(tmp_path, told, 20)
    assert fitted.scores == (5.0, 3.0, 4.0, 2.0, 2.0, 2.5)
    assert (fitted.best_epoch, len(fitted.curve)) == (4, 6)
    assert all(torch.equal(value, told.seen[3][name]) for name, value in model.state_dict().items())
    assert same(model, train(tmp_path / "four", 4)[0])
    assert len(set(told.draws)) == 1
    again, found = select(tmp_path, Told(), 30, resume=True)
    assert found == fitted
    assert same(again, model)


def test_it_validates_every_so_many_epochs(tmp_path: Path) -> None:
    told = Told(1.0, 2.0)
    model, fitted = select(tmp_path, told, 7, every=3, patience=None)
    assert (fitted.best_epoch, fitted.scores, len(fitted.curve)) == (3, (1.0, 2.0), 7)
    assert same(model, train(tmp_path / "three", 3)[0])


def test_averaged_weights_are_what_is_validated(tmp_path: Path) -> None:
    model, _ = select(tmp_path, Told(3.0, 2.0, 4.0), 3, average=0.9)
    assert same(model, train(tmp_path / "two", 2, average=0.9)[0])


def test_validation_leaves_training_as_it_is(tmp_path: Path) -> None:
    _, fitted = select(tmp_path, Told(4.0, 3.0, 2.0), 3)
    assert fitted.curve == train(tmp_path / "plain", 3)[1]


def test_a_score_that_is_nan_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(FloatingPointError, match="the validation score must be a number, got nan in epoch 4"):
        select(tmp_path, Told(1.0, float("nan")), 4, every=2)


def test_an_infinite_score_is_no_improvement(tmp_path: Path) -> None:
    _, fitted = select(tmp_path, Told(float("inf"), float("inf"), 1.0), 3, patience=3)
    assert fitted.best_epoch == 3


def test_bad_arguments_are_named(tmp_path: Path) -> None:
    model, rows, schedule = case(2)
    with pytest.raises(ValueError, match="patience needs validate, got patience 2 alone"):
        fit(model, rows, objective, schedule, tmp_path, patience=2)
    with pytest.raises(ValueError, match="validate_every must be <= epochs = 2, got 3"):
        select(tmp_path, Told(), 2, every=3)
    with pytest.raises(ValueError, match="validate_every must be an integer >= 1, got 0"):
        select(tmp_path, Told(), 2, every=0)
    with pytest.raises(ValueError, match="patience must be an integer >= 1, got 0"):
        Selection(lambda model: 0.0, 1, 0, seed=0)


def test_other_patience_is_another_run(tmp_path: Path) -> None:
    select(tmp_path, Told(1.0, 2.0), 2)
    with pytest.raises(ValueError, match="run with patience 3, got 2"):
        select(tmp_path, Told(), 2, patience=3, resume=True)
