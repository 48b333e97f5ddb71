"""Known laws: draws, density, entropy and nodes agree."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch import flows  # noqa: E402
from hyperdist_torch.experiments import targets  # noqa: E402

LAWS = [
    (targets.VonMisesFisherSphere(100.0), flows.Sphere(2)),
    (targets.VonMisesFisherSphere(0.3), flows.Sphere(2)),
    (targets.Checkerboard(), flows.Torus(2)),
    (targets.TorusMixture(), flows.Torus(2)),
    (targets.HyperbolicMixture(1.0, 3.0), flows.PoincareBall(2, 1.0)),
    (targets.HyperbolicMixture(0.3, 3.0), flows.PoincareBall(2, 0.3)),
    (targets.HyperbolicMixture(2.0, 2.0), flows.PoincareBall(2, 2.0)),
]


@pytest.mark.parametrize(("law", "space"), LAWS, ids=lambda x: getattr(x, "name", ""))
def test_entropy_is_that_of_the_draws(law: targets.KnownLaw, space: flows.Space) -> None:
    """20,000 draws; within 5.5 standard errors of their mean (odds 4e-8)."""
    x, weights = law.nodes()
    assert space.check(x).dtype == torch.float64
    assert float(weights.sum()) == pytest.approx(1.0, abs=1e-11)
    draws = space.check(law.sample(20_000, generator=torch.Generator().manual_seed(3)))
    assert draws.dtype == torch.float32
    values = -law.log_prob(draws).double()
    assert float(values.mean()) == pytest.approx(law.entropy, abs=5.5 * float(values.std()) / 141.0 + 1e-5)
    again = law.sample(20_000, generator=torch.Generator().manual_seed(3))
    assert torch.equal(draws, again)


def test_entropies_with_a_closed_form() -> None:
    """To 1e-9; the mixture against a rule of its own, with other nodes, to the 1e-6 that is promised."""
    for kappa in (100.0, 50.0, 10.0, 0.3):
        exact = ht.VonMisesFisher(torch.tensor([0.0, 0.0, 1.0]).double(), kappa).entropy()
        assert targets.VonMisesFisherSphere(kappa).entropy == pytest.approx(float(exact), abs=1e-9)
    assert targets.Checkerboard().entropy == pytest.approx(math.log(2.0 * math.pi**2), abs=1e-12)
    turn = (torch.arange(200, dtype=torch.float64) + 0.5) * (2.0 * math.pi / 200) - math.pi
    log_p = targets.TorusMixture().log_prob(torch.cartesian_prod(turn, turn))
    area = (2.0 * math.pi / 200) ** 2
    assert float(log_p.exp().sum()) * area == pytest.approx(1.0, abs=1e-12)
    assert targets.TorusMixture().entropy == pytest.approx(-float((log_p.exp() * log_p).sum()) * area, abs=1e-6)


@pytest.mark.parametrize(
    "law", [law for law, _ in LAWS if isinstance(law, targets.HyperbolicMixture)], ids=lambda law: law.name
)
def test_entropy_on_the_hyperbolic_plane(law: targets.HyperbolicMixture) -> None:
    """Against Gauss and Laguerre's rule in |z|^2/2 about each centre, to the 1e-6 that is promised."""
    half, weights = np.polynomial.laguerre.laggauss(60)
    r, turn = torch.as_tensor(np.sqrt(2.0 * half)), torch.arange(80, dtype=torch.float64) * (2.0 * math.pi / 80)
    z = (r[:, None, None] * torch.stack([turn.cos(), turn.sin()], dim=-1)).reshape(-1, 2)
    mass = torch.as_tensor(weights).repeat_interleave(80) / 80
    parts, found = law.components, 0.0
    for share, mu, sigma in zip(parts.weights, parts.centres, parts.sigmas, strict=True):
        x = law._place(torch.tensor(mu).double(), torch.tensor(sigma).double() * z)
        found -= share * float((mass * law.log_prob(x)).sum())
    assert law.entropy == pytest.approx(found, abs=1e-6)


def test_checkerboard_is_one() -> None:
    law = targets.Checkerboard(2)
    x = torch.tensor([[-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]])
    assert torch.isinf(law.log_prob(x)).tolist() == [False, False, True, True]
