"""What the schedule does to the optimiser and to the weights, against bare loops."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from torch import Tensor  # noqa: E402

from hyperdist_torch.training import Schedule, fit  # noqa: E402
from tests.hyperdist_torch.test_training import Noisy, case, same  # noqa: E402


def objective(model: Noisy, x: Tensor) -> Tensor:
    """Without noise: with one batch an epoch, a bare loop sees the same losses."""
    return -(model.layers(x) - x).square().sum(dim=-1)


def bare(schedule: dict[str, Any], rates: list[float], amsgrad: bool = True) -> list[Noisy]:
    """The model after each step of a loop with these rates."""
    models = []
    for count in range(1, len(rates) + 1):
        model, rows, _ = case(1)
        optimiser = torch.optim.Adam(model.parameters(), lr=rates[0], amsgrad=amsgrad)
        for rate in rates[:count]:
            optimiser.param_groups[0]["lr"] = rate
            optimiser.zero_grad()
            (-objective(model, rows).mean()).backward()
            if schedule.get("clip"):
                torch.nn.utils.clip_grad_norm_(model.parameters(), schedule["clip"])
            optimiser.step()
        models.append(model)
    return models


def ours(folder: Path, steps: int, schedule: dict[str, Any]) -> Noisy:
    model, rows, _ = case(1)
    fit(model, rows, objective, Schedule(steps, 27, 0.05, **schedule), folder, accelerator="cpu")
    return model


def close(one: Noisy, two: Noisy) -> None:
    """Rows stand in another order in the sums of a batch, and the optimiser is fused: rounding of float32."""
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


COSINE = [0.5 * (1 + math.cos(math.pi * step / 5)) for step in range(5)]


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [
        ({}, [1.0] * 5),
        ({"warmup": 4}, [0.25, 0.5, 0.75, 1.0, 1.0]),
        ({"decay": "cosine"}, COSINE),
        ({"decay": "cosine", "warmup": 2}, [0.5 * COSINE[0], *COSINE[1:]]),
        ({"clip": 0.3}, [1.0] * 5),
    ],
    ids=["constant", "warm-up", "cosine", "both", "clipped"],
)
def test_rates_are_as_stated(tmp_path: Path, schedule: dict[str, Any], shares: list[float]) -> None:
    made = Schedule(5, 27, 0.05, **schedule)
    assert [made.rate(step, 5) for step in range(5)] == pytest.approx([0.05 * share for share in shares], rel=1e-14)
    close(ours(tmp_path, 5, schedule), bare(schedule, [0.05 * share for share in shares])[-1])


def test_without_amsgrad_it_is_plain_adam(tmp_path: Path) -> None:
    """Where gradients shrink the two differ, so rounding does not hide one behind the other."""
    plain = ours(tmp_path / "plain", 40, {"amsgrad": False})
    close(plain, bare({}, [0.05] * 40, amsgrad=False)[-1])
    greatest = max(
        (a - b).abs().max()
        for a, b in zip(plain.parameters(), ours(tmp_path / "other", 40, {}).parameters(), strict=True)
    )
    assert greatest > 1e-3


def test_average_is_the_hand_computed_one(tmp_path: Path) -> None:
    """a_1 = w_1 and a_k = 0.8 a_(k-1) + 0.2 w_k, which the trained model has at the end."""
    models = bare({}, [0.05] * 6)
    expected = [parameter.detach().clone() for parameter in models[0].parameters()]
    for model in models[1:]:
        expected = [0.8 * a + 0.2 * w.detach() for a, w in zip(expected, model.parameters(), strict=True)]
    found = ours(tmp_path, 6, {"average": 0.8})
    for a, b in zip(found.parameters(), expected, strict=True):
        torch.testing.assert_close(a.detach(), b, atol=1e-5, rtol=1e-4)
    assert all(parameter.requires_grad for parameter in found.parameters())
    assert not same(found, models[-1])
