"""How many proposals torch's samplers accept, as the docstrings of the laws say; and what a ball coordinate holds."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import hyperdist as hd  # noqa: E402
import hyperdist_torch as ht  # noqa: E402
from hyperdist.geometry import conversions  # noqa: E402
from hyperdist.spaces.held import check_holdable  # noqa: E402
from hyperdist_torch._host import bare  # noqa: E402
from hyperdist_torch._laws import FisherLaw, HyperbolicLaw, SphericalNormalLaw  # noqa: E402
from hyperdist_torch._random import Source  # noqa: E402
from hyperdist_torch.distributions.hyperbolic import OutOfReach, hold  # noqa: E402

N, SCALES = 2_000, 128
SIGMA, KAPPA = np.geomspace(1e-2, 10.0, SCALES), np.geomspace(1e-2, 1e4, SCALES)
CASES = [
    *((HyperbolicLaw(d), SIGMA**2, 0.891 if d == 2 else 0.907) for d in (2, 3, 5, 50)),
    *((SphericalNormalLaw(d), SIGMA, 0.89 if d == 1 else 0.92) for d in (1, 2, 5, 50)),
    *((FisherLaw(d), KAPPA, 0.90) for d in (1, 2, 5, 50)),
]


@pytest.mark.parametrize(("law", "theta", "least"), CASES, ids=lambda part: part.__class__.__name__)
def test_as_many_proposals_are_accepted_as_is_said(law, theta, least, seed) -> None:
    """Each of 128 scales on its own: the mean of exp(-cost) over 2,000 proposals, less six of its deviations.

    A proposal is accepted with the probability exp(-cost). The share has a deviation of at most sqrt(p (1 - p)/2000) =
    0.007, so that a scale whose rate is the least one stays within six of them, alpha 1e-9 a scale, and a rate that is
    5 % too low is found.
    """
    generator = torch.Generator().manual_seed(seed % 2**63)
    source = Source(generator, torch.device("cpu"), torch.float64)
    scales = bare(torch.as_tensor(theta))
    with np.errstate(all="ignore"):  # a hat's cost where the other hat is taken
        _, cost = law.proposal(law.kernel(scales), scales)(bare(source.normals(N * SCALES, law.d)[1]), None, source)
    accepted = np.exp(-np.asarray(cost)).reshape(N, SCALES)
    deviation = accepted.std(axis=0) / math.sqrt(N)
    assert (accepted.mean(axis=0) >= least - 6.0 * deviation).all()


@pytest.mark.parametrize("law", [ht.RiemannianNormal, ht.SphericalRiemannianNormal, ht.VonMisesFisher])
def test_the_rate_is_in_the_docstring(law) -> None:
    assert "of the proposals accepted" in " ".join(law.__doc__.split())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gap", [1.9, 2.0, 2.1, 7.0, 9.0])
def test_one_bound_of_what_the_ball_holds(dtype: torch.dtype, gap: float) -> None:
    """1 - c |x|^2 >= 2 eps, in both hosts: at the bound itself, and beside it."""
    eps = torch.finfo(dtype).eps
    x = torch.tensor([[math.sqrt(1.0 - gap * eps), 0.0]], dtype=torch.float64).to(dtype)
    c = torch.ones((), dtype=dtype)
    held = bool(conversions.holdable(x, c)[0])
    assert held == bool(conversions.holdable(x.numpy(), 1.0)[0])
    assert held == (1.0 - float((x * x).sum()) >= 2.0 * eps)
    for check in (lambda: hold(x, c, "poincare"), lambda: check_holdable(x.numpy(), 1.0)):
        if held:
            assert check() is not None
        else:
            with pytest.raises(ValueError, match=r"lie further from the origin than .* ball coordinates hold"):
                check()
    assert issubclass(OutOfReach, ValueError)


def test_the_limit_is_where_the_bound_is() -> None:
    """Along a ray, points to ``ball_radius_limit`` are held and those beyond it are not, to a rounding of x."""
    limit = float(conversions.ball_radius_limit(np.float64, 1.0))
    ball, space = hd.PoincareBall(1.0), hd.Tangent(1.0)
    inside, outside = np.array([[0.99 * limit, 0.0]]), np.array([[1.03 * limit, 0.0]])
    assert conversions.holdable(space.to_poincare(inside), 1.0).all()
    with pytest.raises(ValueError, match="lie further"):
        space.to_poincare(outside)
    with pytest.raises(ValueError, match="lie further"):
        ball.exp([[0.0, 0.0]], outside / 2.0)
