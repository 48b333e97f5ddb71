"""Divergences in torch: their relative accuracy, dtype and derivatives."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.distributions import kl_divergence  # noqa: E402

import hyperdist as hd  # noqa: E402
import hyperdist_torch as ht  # noqa: E402
from hyperdist.radial import circle_cross  # noqa: E402
from tests.support import oracles  # noqa: E402
from tests.support.divergences import CASES, IDS, expected, law  # noqa: E402
from tests.support.tables import Table  # noqa: E402

wide, narrow = partial(torch.tensor, dtype=torch.float64), partial(torch.tensor, dtype=torch.float32)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_divergence_keeps_its_relative_accuracy(case: Any) -> None:
    """Against mpmath, however small it is; float32 parameters are the numbers that they are, and so is the dtype."""
    p, d, a, q, b = case
    value = kl_divergence(law(ht, wide, p, d, a), law(ht, wide, q, d, b))
    assert value.item() == pytest.approx(expected(*case), rel=1e-13, abs=0.0)
    rounded = kl_divergence(law(ht, narrow, p, d, a), law(ht, narrow, q, d, b))
    exact = kl_divergence(*(law(ht, wide, kind, d, narrow(x).item()) for kind, x in ((p, a), (q, b))))
    assert rounded.dtype == torch.float32
    assert rounded.item() == exact.float().item()


@pytest.mark.parametrize(("a", "b"), [(1e-3, 2e-3), (3.0, 3.0), (3.0, 3.0 * (1 + 1e-7)), (3.0, 0.5), (200.0, 1.0)])
def test_derivatives_of_near_and_far_laws_are_right(a: float, b: float) -> None:
    """Of KL(a || b) = F(b) - F(a) - (b - a) F'(a), F the log-normaliser, from mpmath's variances F''."""
    d = 2
    kappa = wide([a, b]).requires_grad_()
    p, q = (ht.VonMisesFisher(wide([0.0, 0.0, 1.0]), part) for part in kappa)
    gradient = torch.autograd.grad(kl_divergence(p, q), kappa, create_graph=True)[0]
    tables = [Table(oracles.von_mises_fisher(d + 1, x)) for x in (a, b)]
    means = [float(table.average["statistic"]) for table in tables]
    variances = [float(table.average["statistic_squared"] - table.average["statistic"] ** 2) for table in tables]
    # the difference of two means rounds, and so does that of the parameters
    assert gradient[0].item() == pytest.approx((a - b) * variances[0], rel=1e-9, abs=1e-15)
    assert gradient[1].item() == pytest.approx(means[1] - means[0], rel=1e-12, abs=2e-15)
    second = torch.autograd.grad(gradient[1], kappa)[0]
    assert second.tolist() == pytest.approx([-variances[0], variances[1]], rel=1e-11)


def test_small_divergences_have_derivatives_of_their_size() -> None:
    """d KL(kappa || uniform)/d kappa = kappa Var(mu.x), which is kappa/m here."""
    kappa = wide(1e-6).requires_grad_()
    value = kl_divergence(ht.VonMisesFisher(wide([0.0, 0.0, 1.0]), kappa), ht.SphericalUniform(2))
    (slope,) = torch.autograd.grad(value, kappa)
    assert slope.item() == pytest.approx(1e-6 / 3.0, rel=1e-11)


def test_scales_whose_squares_overflow() -> None:
    """By hand: d (log(q/p) - 1/2) for p << q."""
    right = 2.0 * (280.0 * 2.302585092994046 - 0.5)
    for p in (ht.RiemannianNormal, ht.WrappedNormal):
        for q in (ht.RiemannianNormal, ht.WrappedNormal):
            laws = p(wide([0.0, 0.0]), wide(1e-140), wide(0.0)), q(wide([0.0, 0.0]), wide(1e140), wide(0.0))
            assert kl_divergence(*laws).item() == pytest.approx(right, rel=1e-13)


def test_batches_broadcast() -> None:
    north, kappa = wide([0.0, 0.6, 0.8]), wide([1.0, 2.0, 3.0])
    several, one = ht.VonMisesFisher(north, kappa), ht.VonMisesFisher(north, wide(2.0))
    table = ht.VonMisesFisher(north, kappa[:, None] * wide([1.0, 1.1, 30.0]))
    for p, q in ((several, one), (one, several), (several, table), (table, one)):
        value = kl_divergence(p, q)
        a, b = torch.broadcast_tensors(p.kappa, q.kappa)
        pairs = zip(a.ravel(), b.ravel(), strict=True)
        each = [kl_divergence(*(ht.VonMisesFisher(north, k) for k in pair)) for pair in pairs]
        assert value.ravel().tolist() == pytest.approx([x.item() for x in each], rel=1e-13, abs=1e-30)


def _torus_pairs() -> list[tuple[Any, Any]]:
    """A function that makes a law of two tensors, and mu and spread of p and of q."""

    def law(mu: Any, spread: Any) -> Any:
        return ht.ToroidalWrappedNormal(mu, **({"scale_tril": spread} if spread.ndim == 2 else {"sigma": spread}))

    tril, other = wide([[0.4, 0.0], [0.3, 0.5]]), wide([[0.9, 0.0], [0.5, 0.8]])
    spreads = [
        (wide([0.5, 0.05]), wide([0.7, 0.9])),
        (tril, wide([0.7, 0.9])),
        (wide([0.5, 0.3]), other),
        (tril, other),
    ]
    spreads.append((0.1 * tril, 0.2 * other))
    return [(law, (wide([0.1, 3.0]), p, wide([0.4, -3.0]), q)) for p, q in spreads]


@pytest.mark.parametrize("index", range(5))
def test_divergences_on_the_torus_are_numpys_with_their_derivatives(index: int) -> None:
    """In all parameters, to what central differences of step 1e-4 hold; above a triangle's diagonal they are 0."""
    law, given = _torus_pairs()[index]
    given = [part.clone().requires_grad_() for part in given]
    value = kl_divergence(law(*given[:2]), law(*given[2:]))
    plain = [
        hd.ToroidalWrappedNormal(mu.detach().numpy(), **{"scale_tril" if s.ndim == 2 else "sigma": s.detach().numpy()})
        for mu, s in (given[:2], given[2:])
    ]
    assert value.item() == pytest.approx(hd.kl_divergence(*plain), rel=1e-13)
    for i, slope in enumerate(torch.autograd.grad(value, given)):
        for at in np.ndindex(*slope.shape):
            if len(at) == 2 and at[1] > at[0]:
                assert slope[at] == 0.0
                continue
            moved = []
            for step in (1e-4, -1e-4):
                parts = [part.detach().clone() for part in given]
                parts[i][at] += step
                moved.append(kl_divergence(law(*parts[:2]), law(*parts[2:])).item())
            assert slope[at].item() == pytest.approx((moved[0] - moved[1]) / 2e-4, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("d", [1, 2])
def test_a_triangle_that_does_not_matter_has_the_derivative_zero(d: int) -> None:
    """q, and p too, is uniform to rounding."""
    for scale in (0.5, 30.0):
        p_tril, q_tril = (s * torch.eye(d, dtype=torch.float64).requires_grad_() for s in (scale, 40.0))
        p_tril.retain_grad()
        q_tril.retain_grad()
        mu = torch.ones(d, dtype=torch.float64, requires_grad=True)
        law, other = ht.ToroidalWrappedNormal(mu, scale_tril=p_tril), ht.ToroidalWrappedNormal(mu, scale_tril=q_tril)
        kl_divergence(law, other).backward()
        assert mu.grad is not None
        assert p_tril.grad is not None
        assert q_tril.grad is not None
        assert not q_tril.grad.any()


@pytest.mark.parametrize(
    "case", [(0.5, 0.7, 0.3), (0.05, 0.8, 3.0), (0.05, 1.5, 0.2), (0.02, 0.05, 3.1), (0.1, 0.5, 3.0)]
)
def test_divergence_of_independent_angles_has_second_derivatives(case: Any) -> None:
    given = [wide([part]).requires_grad_() for part in case]
    assert torch.autograd.gradcheck(circle_cross.divergence, given, eps=1e-7, atol=1e-5, rtol=1e-5)
    assert torch.autograd.gradgradcheck(circle_cross.divergence, given, eps=1e-6, atol=1e-4, rtol=1e-4)


def test_derivatives_above_the_diagonal_of_a_triangle_are_zero() -> None:
    """A step along them must leave it a triangle."""
    tril = wide([[0.4, 0.0], [0.3, 0.5]]).requires_grad_()
    for family in (ht.ToroidalWrappedNormal, ht.WrappedNormal):
        one = family(wide([0.1, 0.3]), scale_tril=tril)
        values = one.log_prob(wide([0.2, 0.1])), one.entropy(), one.rsample().sum(), one.variance
        for value in (*values, one.covariance_matrix.sum()):
            slope = torch.autograd.grad(value, tril)[0]
            assert slope[0, 1] == 0.0
            assert slope[0, 0] != 0.0


def test_what_nobody_checked_and_is_no_law_of_correlated_angles_is_nan() -> None:
    """With validate_args=False, as torch's own laws; the others of a batch stay what they are."""
    tril = wide([[[0.4, 0.0], [0.3, 0.5]], [[0.4, 0.0], [torch.nan, 0.5]], [[0.4, 0.0], [0.3, 0.0]]])
    mu = wide([[0.1, 3.0], [torch.nan, 0.0]])
    laws = ht.ToroidalWrappedNormal(mu[:, None], scale_tril=tril, validate_args=False)
    one = ht.ToroidalWrappedNormal(mu[0], scale_tril=tril[0])
    for values, right in (
        (laws.log_prob(wide([0.2, 0.1])), one.log_prob(wide([0.2, 0.1]))),
        (kl_divergence(laws, one), torch.zeros(())),
        (kl_divergence(one, laws), torch.zeros(())),
        (laws.entropy(), one.entropy()),
    ):
        assert torch.isnan(values[0, 1:]).all()
        assert values[0, 0].item() == pytest.approx(right.item(), abs=1e-10)
    assert torch.isnan(laws.log_prob(wide([0.2, 0.1]))[1]).all()
