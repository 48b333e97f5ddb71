"""The von Mises-Fisher law at kappa = 0, the uniform one: a smooth limit, in every derivative."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.distributions import biject_to, kl_divergence, transform_to  # noqa: E402

import hyperdist_torch as ht  # noqa: E402

Value = Callable[[Any], Any]
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


def law(m: int, kappa: Any) -> Any:
    return ht.VonMisesFisher(torch.eye(m, dtype=torch.float64)[0], kappa)


def values(m: int) -> dict[str, tuple[Value, tuple[float, float, float]]]:
    """What a law gives; its value at 0 and its first and second derivative there.

    From log Z = log area + kappa^2/(2 m) + O(kappa^4), with E mu.x = kappa/m.
    """
    area = math.log(2.0) + 0.5 * m * math.log(math.pi) - math.lgamma(0.5 * m)
    axis = torch.eye(m, dtype=torch.float64)[0]
    uniform = ht.SphericalUniform(m - 1, dtype=torch.float64)
    return {
        "log_normalizer": (lambda q: q.log_normalizer(), (area, 0.0, 1.0 / m)),
        "entropy": (lambda q: q.entropy(), (area, 0.0, -1.0 / m)),
        "mean_resultant_length": (lambda q: q.mean_resultant_length, (0.0, 1.0 / m, 0.0)),
        "log_prob": (lambda q: q.log_prob(axis), (-area, 1.0, -1.0 / m)),
        "to the uniform law": (lambda q: kl_divergence(q, uniform), (0.0, 0.0, 1.0 / m)),
        "from the uniform law": (lambda q: kl_divergence(uniform, q), (0.0, 0.0, 1.0 / m)),
        "cdf": (lambda q: q.radius.cdf(torch.tensor(0.5 * math.pi, dtype=torch.float64)), (0.5, _half(m), 0.0)),
    }


def _half(m: int) -> float:
    """E of mu.x over the half-sphere about mu: the uniform law's B(1, (m-1)/2)/B(1/2, (m-1)/2)/2."""
    return math.exp(math.lgamma(0.5 * m) - math.lgamma(0.5 * (m + 1))) / (2.0 * math.sqrt(math.pi))


@pytest.mark.parametrize("m", [2, 3, 4, 10, 768])
def test_derivatives_in_both_modes(m: int) -> None:
    for name, (value, right) in values(m).items():
        kappa = torch.zeros((), dtype=torch.float64, requires_grad=True)

        def of(kappa: Any, value: Value = value) -> Any:
            return value(law(m, kappa))

        reverse = torch.func.grad(of)
        got = [of(kappa), reverse(kappa), torch.func.grad(reverse)(kappa)]
        got += [torch.func.jacfwd(of)(kappa), torch.func.jacfwd(torch.func.jacfwd(of))(kappa)]
        expected = [*right, *right[1:]]
        assert [x.item() for x in got] == pytest.approx(expected, rel=1e-12, abs=1e-13), name


@pytest.mark.parametrize("method", ["rejection", "inverse"])
@pytest.mark.parametrize("m", [2, 3, 10])
def test_draws_of_a_batch_with_both_kinds(m: int, method: str) -> None:
    """Draws move with kappa: dE mu.x/dkappa = Var mu.x = 1/m at 0; z-test of the mean, 6 standard errors."""
    kappa = torch.tensor([0.0, 5.0], dtype=torch.float64, requires_grad=True)
    cosine = law(m, kappa).rsample((20_000,), method=method)[..., 0]
    assert abs(cosine[:, 0].mean().item()) < 6.0 / math.sqrt(20_000 * m)
    assert cosine[:, 1].mean().item() > 0.3
    (slope,) = torch.autograd.grad(cosine.mean(dim=0).sum(), kappa)
    assert slope[0].item() == pytest.approx(1.0 / m, rel=0.06)


def test_constraint_holds_zero() -> None:
    q = ht.VonMisesFisher(torch.eye(3)[0], torch.zeros(2))
    constraint = q.arg_constraints["kappa"]
    assert constraint.check(torch.tensor([0.0, 1.0, -1e-30])).tolist() == [True, True, False]
    for to in (transform_to, biject_to):
        assert bool(constraint.check(to(constraint)(torch.tensor([-3.0, 3.0]))).all())
