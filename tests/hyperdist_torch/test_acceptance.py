"""How many proposals torch's samplers accept, as the docstrings of the laws say; and what a ball coordinate holds."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import hyperdist as hd  # noqa: E402
import hyperdist_torch as ht  # noqa: E402
from hyperdist.geometry import conversions  # noqa: E402
from hyperdist.radial import quadrature, rejection  # noqa: E402
from hyperdist.radial.riemannian_normal import HyperbolicKernel  # noqa: E402
from hyperdist.radial.spherical_normal import SphericalNormalKernel  # noqa: E402
from hyperdist.radial.von_mises_fisher import VonMisesFisherKernel  # noqa: E402
from hyperdist.spaces.held import check_holdable  # noqa: E402
from hyperdist_torch._host import bare  # noqa: E402
from hyperdist_torch._law import Law  # noqa: E402
from hyperdist_torch._random import Source  # noqa: E402
from hyperdist_torch.distributions.hyperbolic import OutOfReach, hold  # noqa: E402


def name(part) -> str:
    """A law in a test's name."""
    return f"{part.kind.__name__}-{part.d}" if isinstance(part, Law) else ""


N, SCALES = 2_000, 128
SIGMA, KAPPA = np.geomspace(1e-2, 10.0, SCALES), np.geomspace(1e-2, 1e4, SCALES)
CASES = [
    *((Law(HyperbolicKernel, d), SIGMA**2, 0.907) for d in (2, 3, 5, 50)),
    *((Law(SphericalNormalKernel, d), SIGMA, 0.92) for d in (1, 2, 5, 50)),
    *((Law(VonMisesFisherKernel, d), KAPPA, 0.90 if d == 1 else 0.915) for d in (1, 2, 5, 50)),
]


@pytest.mark.parametrize(
    ("law", "theta", "least"), CASES, ids=lambda part: getattr(getattr(part, "kind", part), "__name__", "")
)
def test_as_many_proposals_are_accepted_as_is_said(law, theta, least, seed) -> None:
    """Each of 128 scales on its own: torch's draws, of what proposals, and the rate that the core states.

    Bernstein's inequality at 1e-9 a scale for the mean of exp(-cost) over 2,000 proposals: it finds 5 % of any rate.
    """
    source = Source(torch.Generator().manual_seed(seed % 2**63), torch.device("cpu"), torch.float64)
    kernel = law.kernel(bare(torch.as_tensor(theta)))
    chi = bare(source.normals(N * SCALES, law.d)[1])
    with np.errstate(all="ignore"):  # a hat's cost beyond the law's end
        hats = kernel.hats()
        rate = np.exp(quadrature.log_mass(kernel) - hats.log_mass)
        proposal = hats.set_up()(chi, source, np.tile(np.arange(SCALES), N))
        chance = np.nan_to_num(np.exp(-proposal.cost(slice(None))), nan=0.0).reshape(N, SCALES)
    assert (rate >= least).all()
    variance, share = np.clip(rate * (1.0 - rate), 0.0, None), math.log(2.0 / 1e-9) / N
    bound = share / 3.0 + np.sqrt((share / 3.0) ** 2 + 2.0 * variance * share)
    assert (np.abs(chance.mean(axis=0) - rate) <= bound).all()


class Replayed:
    """The same few numbers for whoever asks, in a namespace."""

    def __init__(self, like) -> None:
        self.like = like

    def _numbers(self, n, low, high):
        numbers = np.linspace(low, high, 17)[np.arange(n) * 7 % 17]
        return numbers if isinstance(self.like, np.ndarray) else torch.as_tensor(numbers)

    def normal(self, n):
        return self._numbers(n, -2.5, 2.5)

    def uniform(self, n):
        return self._numbers(n, 0.01, 0.99)

    exponential = uniform


MIXED = [(Law(HyperbolicKernel, d), [0.05, 0.5, 1.58, 3.0, 30.0]) for d in (1, 2, 6)]
MIXED += [(Law(SphericalNormalKernel, d), [0.1, 2.0, 150.0]) for d in (1, 6)]
MIXED += [(Law(VonMisesFisherKernel, d), [0.0, 2.0, 150.0]) for d in (1, 2, 6)]


@pytest.mark.parametrize(("law", "theta"), MIXED, ids=name)
def test_hats_are_the_same_for_both_hosts(law, theta) -> None:
    """Each element under its own hat: looked up in NumPy, and of tensors all hats at once, as on an accelerator."""
    theta = np.asarray(theta) ** (2 if law.kind is HyperbolicKernel else 1)
    n = 34 * theta.size
    which, chi = np.arange(n) % theta.size, math.sqrt(law.d) * np.linspace(0.2, 2.0, n)
    with np.errstate(all="ignore"):
        ours = law.kernel(theta).hats()
        each = [hat.set_up()(chi, Replayed(chi), which) for hat in ours.hats]
    theirs, place = law.kernel(torch.as_tensor(theta)).hats(), torch.as_tensor(which)
    draws = [hat.set_up() for hat in theirs.hats]
    found = rejection._all_of_them(theirs.choice, draws)(torch.as_tensor(chi), Replayed(place), place)
    y, cost, bound = (np.choose(ours.choice[which].astype(int), parts) for parts in zip(*map(told, each), strict=True))
    np.testing.assert_allclose(found.y, y, rtol=1e-13)
    np.testing.assert_allclose(np.exp(-found.cost(slice(None)).numpy()), np.exp(-cost), rtol=1e-11)
    np.testing.assert_allclose(theirs.log_mass, ours.log_mass, rtol=1e-13)
    assert (cost <= bound + 1e-13).all()


def told(proposal):
    return proposal.y, proposal.cost(slice(None)), proposal.squeeze()


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
