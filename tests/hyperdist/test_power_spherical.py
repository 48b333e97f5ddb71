"""The power spherical law against 40 digits, its fit, divergences, and gradients in torch."""

from __future__ import annotations

import math
from typing import Any

import mpmath as mp
import numpy as np
import pytest

import hyperdist as hd
from hyperdist.radial import rejection
from hyperdist.radial.power_spherical import PowerSphericalRadius, log_kernel_of_points
from tests.support import contracts
from tests.support.laws import unit

KAPPAS = (0.0, 1e-300, 1e-8, 1e-3, 0.3, 0.77, 2.5, 19.9, 20.1, 300.0, 1e5, 1e8)
CELLS = [(m, kappa) for m in (2, 3, 4, 10, 1000) for kappa in KAPPAS]
P = np.array([1e-12, 1e-3, 0.3, 0.7, 0.999, 1.0 - 1e-9])


def close(got: Any, want: Any, tolerance: float = 1e-13) -> None:
    assert abs(float(got) - want) <= tolerance * (1 + abs(want))


@pytest.mark.parametrize(("m", "kappa"), CELLS)
def test_closed_forms(m: int, kappa: float) -> None:
    """De Cao & Aziz 2020, eqs. 4, 8, 15 and 16, at 40 digits."""
    law = hd.PowerSpherical(unit(m), kappa)
    with mp.workdps(40):
        b = mp.mpf(m - 1) / 2
        a = kappa + b
        log_z = (a + b) * mp.log(2) + b * mp.log(mp.pi) + mp.loggamma(a) - mp.loggamma(a + b)
        entropy = log_z - kappa * (mp.log(2) + mp.digamma(a) - mp.digamma(a + b))
        area = mp.log(2) + mp.mpf(m) / 2 * mp.log(mp.pi) - mp.loggamma(mp.mpf(m) / 2)
        close(law.log_normalizer(), log_z)
        close(law.entropy(), entropy)
        close(law.radius.log_normalizer_derivative()["kappa"], mp.digamma(a) - mp.digamma(a + b))
        close(hd.kl_divergence(law, hd.SphericalUniform(m - 1)), area - entropy)
    assert float(law.mean_resultant_length) == pytest.approx(kappa / (kappa + m - 1), rel=1e-15)


def tails(d: int, kappa: float, r: float) -> tuple[Any, Any]:
    """cdf and sf of the angle, 40 digits."""
    b = mp.mpf(d) / 2
    u = mp.sin(mp.mpf(r) / 2) ** 2
    lower = mp.betainc(b, kappa + b, 0, u, regularized=True)
    return lower, mp.betainc(kappa + b, b, 0, 1 - u, regularized=True)


@pytest.mark.parametrize(("d", "kappa"), [(m - 1, kappa) for m, kappa in CELLS if m < 1000 or kappa < 1e5])
def test_angle(d: int, kappa: float) -> None:
    """Density, both tails and quantiles. Near pi the angle's last digit is 4e-16 of what is left of it: a log tail
    moves by that times the tail's power there."""
    law = PowerSphericalRadius(d, kappa)
    r = law.icdf(P)
    with mp.workdps(40):
        for p, x, log_cdf, log_sf, density in zip(P, r, law.log_cdf(r), law.log_sf(r), law.log_prob(r), strict=True):
            lower, upper = tails(d, kappa, x)
            slack = 1e-13 + (2.0 * kappa + d) * 1e-15 / (math.pi - x)
            close(log_cdf, mp.log(lower), slack)
            close(log_sf, mp.log(upper), slack)
            assert abs(lower - mp.mpf(p)) <= 1e-13 * min(p, 1.0 - p) + math.exp(density) * 2e-14 * x
            b = mp.mpf(d) / 2
            share, sine = mp.log(mp.cos(mp.mpf(x) / 2) ** 2), mp.log(mp.sin(mp.mpf(x)))
            whole = (d - 1) * mp.log(2) + mp.log(mp.beta(b, b + kappa))
            close(density, kappa * share + (d - 1) * sine - whole, slack)


@pytest.mark.parametrize(("d", "kappa"), [(1, 0.05), (1, 3.3), (2, 0.4), (5, 20.0), (50, 1e-3), (9, 1e6)])
def test_parameter_gradient(d: int, kappa: float) -> None:
    """dr/d kappa at fixed cdf, against the derivative of the incomplete Beta function in its parameter."""
    law = PowerSphericalRadius(d, kappa)
    r = law.icdf(np.array([1e-3, 0.3, 0.7, 0.99]))
    got = law.parameter_gradient(r)["kappa"]
    with mp.workdps(40):
        for x, slope in zip(r, got, strict=True):
            in_kappa = mp.diff(lambda k, x=x: tails(d, k, x)[0], mp.mpf(kappa), h=mp.mpf(10) ** -12 * (1 + kappa))
            in_r = mp.diff(lambda r: tails(d, kappa, r)[0], mp.mpf(float(x)), h=mp.mpf(10) ** -14 * x)
            assert float(slope) == pytest.approx(float(-in_kappa / in_r), rel=1e-9)


@pytest.mark.parametrize("kappa", [1e-300, 0.5, 1e8])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_density_is_zero_at_the_antipode_alone(kappa: float, dtype: Any) -> None:
    mu = unit(4).astype(dtype)
    law = hd.PowerSpherical(mu, dtype(max(kappa, np.finfo(dtype).tiny)))
    assert law.log_prob(-mu) == -np.inf
    assert np.isfinite(law.log_prob(np.roll(-mu, 1)))
    even = hd.PowerSpherical(mu, dtype(0.0))
    assert even.log_prob(-mu) == even.log_prob(mu)


def test_density_keeps_its_digits_near_both_poles() -> None:
    """kappa log((1 + cos r)/2) at distances r from mu and from -mu, for points with coordinates of their own."""
    mu, side = np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0])
    for r in (1e-9, 1e-4, 0.4, math.pi / 2):
        near, far = math.cos(r) * mu + math.sin(r) * side, math.sin(r) * side - math.cos(r) * mu
        with mp.workdps(40):
            at_near, at_far = (float(2 * mp.log(f(mp.mpf(r) / 2))) for f in (mp.cos, mp.sin))
        got = log_kernel_of_points(near, mu, np.float64(1e8)), log_kernel_of_points(far, mu, np.float64(3.0))
        np.testing.assert_allclose(got, [1e8 * at_near, 3.0 * at_far], rtol=1e-14)


@pytest.mark.parametrize(("d", "kappa"), [(1, 0.0), (1, 0.3), (1, 0.8), (2, 0.0), (3, 5.0), (30, 1e6)])
def test_stated_acceptance_rate_is_that_of_the_proposals(d: int, kappa: float, rng: np.random.Generator) -> None:
    """The mean acceptance probability of 40,000 proposals, within six of its deviations."""
    law, n = PowerSphericalRadius(d, kappa), 40_000
    with np.errstate(all="ignore"):  # a gamma variable below 0
        proposal = law._proposal(np.sqrt(rng.chisquare(d, n)), rejection.GeneratorSource(rng), slice(None))
        chance = np.nan_to_num(np.exp(-proposal.cost(slice(None))))
    assert law.acceptance_rate() > 0.95
    assert abs(chance.mean() - float(law.acceptance_rate())) < 6.0 * chance.std() / math.sqrt(n) + 1e-12


class HalfKappa(hd.PowerSpherical):
    """Draws of half the concentration, as of the von Mises-Fisher law that it resembles."""

    def _draw(self, *args: Any) -> Any:
        return hd.PowerSpherical(self.mu, 0.5 * self.kappa)._draw(*args)


def test_fault_is_rejected(rng: np.random.Generator) -> None:
    with pytest.raises(AssertionError):
        contracts.draws_have_the_law(HalfKappa(unit(3), 8.0), None, "rejection", rng)


@pytest.mark.parametrize(("m", "kappa"), [(2, 30.0), (3, 0.5), (3, 4.0), (8, 60.0), (4, 1e7)])
def test_fit_is_the_best(m: int, kappa: float, rng: np.random.Generator) -> None:
    """No step away raises the likelihood, and a weight is as many copies."""
    x = hd.PowerSpherical(unit(m), kappa).sample((300,), rng)
    counts = np.repeat([1, 2, 0], 100)
    best = hd.PowerSpherical.fit(x, counts)
    copies = hd.PowerSpherical.fit(np.repeat(x, counts, axis=0))
    np.testing.assert_allclose(best.kappa, copies.kappa, rtol=1e-9)
    np.testing.assert_allclose(best.mu, copies.mu, atol=1e-9)
    top, spread = np.sum(counts * best.log_prob(x)), 1.0 / math.sqrt(best.kappa + 1.0)
    for factor in (0.999, 1.001):
        assert np.sum(counts * hd.PowerSpherical(best.mu, factor * best.kappa).log_prob(x)) < top
    for step in 1e-3 * spread * rng.standard_normal((20, m)):
        moved = (best.mu + step) / np.linalg.norm(best.mu + step)
        assert np.sum(counts * hd.PowerSpherical(moved, best.kappa).log_prob(x)) < top
    both = hd.PowerSpherical.fit(x, np.stack([counts, np.ones(300)], axis=-1))
    np.testing.assert_allclose(both.kappa[0], best.kappa, rtol=1e-9)


@pytest.mark.parametrize("m", [2, 3, 5, 20])
@pytest.mark.parametrize("kappa", [0.0, 3.0, 1e4, 1e9])
def test_fit_is_best_nearby_where_opposites_are_barriers(m: int, kappa: float, rng: np.random.Generator) -> None:
    """Of points spread over the sphere, and of a narrow cluster beside whose opposite one more point lies."""
    centre = np.eye(m)[0]
    many = hd.PowerSpherical(centre, kappa).sample((5, 40), rng)
    many[:, 0] = -many[:, 1]
    laws = [hd.PowerSpherical.fit(x, min_scale=1e-6) for x in many]
    for x, law in zip(many, laws, strict=True):
        mu = np.asarray(law.mu)
        reach = 1e-6 * np.sqrt(np.min(1.0 + x @ mu))  # so near that no barrier lies between
        beside = mu + reach * rng.standard_normal((50, m))
        beside /= np.linalg.norm(beside, axis=-1, keepdims=True)
        found, others = (np.log1p(x @ np.atleast_2d(at).T).mean(axis=0) for at in (mu, beside))
        assert found.max() >= others.max() - 1e-14
        pulls = (x / (1.0 + x @ mu)[:, None]).mean(axis=0)
        bend = np.mean(1.0 / (1.0 + x @ mu))
        assert np.linalg.norm(pulls - (pulls @ mu) * mu) < 1e-8 * bend
    weights = np.repeat(np.eye(5), 40, axis=0)
    together = hd.PowerSpherical.fit(many.reshape(-1, m), weights, min_scale=1e-6)
    np.testing.assert_allclose(together.kappa, [float(law.kappa) for law in laws], rtol=1e-6)


def test_fit_at_its_limits() -> None:
    with pytest.raises(ValueError, match="positive spread"):
        hd.PowerSpherical.fit(np.tile(unit(3), (4, 1)))
    assert hd.PowerSpherical.fit(np.tile(unit(3), (4, 1)), min_scale=0.1).kappa == pytest.approx(200.0)
    poles = np.concatenate([np.eye(3), -np.eye(3)])
    assert 0.0 <= hd.PowerSpherical.fit(poles).kappa < 1.0
    places = np.concatenate([np.eye(3)[0] + 0.1 * poles, np.eye(3)[1] + 0.1 * poles])
    places /= np.linalg.norm(places, axis=-1, keepdims=True)
    mixture = hd.Mixture.fit(places, hd.PowerSpherical, 2, rng=1)
    np.testing.assert_allclose(mixture.weights, 0.5, atol=1e-3)


def test_divergences(rng: np.random.Generator) -> None:
    """A small one keeps its digits; those with other laws are the means over draws."""
    mu = unit(4)
    for kappa in (0.3, 5.0, 1e6):
        p, q = hd.PowerSpherical(mu, kappa), hd.PowerSpherical(mu, kappa * (1.0 + 1e-7))
        with mp.workdps(40):
            fisher = mp.polygamma(1, kappa + 1.5) - mp.polygamma(1, kappa + 3)
            assert float(hd.kl_divergence(p, q)) == pytest.approx(
                float(fisher * (kappa * mp.mpf(1e-7)) ** 2 / 2), rel=1e-5
            )
    p, even = hd.PowerSpherical(mu, 3.0), hd.SphericalUniform(3)
    other = np.roll(mu, 1)
    for a, b in (
        (p, hd.PowerSpherical(mu, 1.0)), (p, even), (even, p), (p, hd.VonMisesFisher(other, 2.0)),
        (p, hd.SphericalRiemannianNormal(mu, 0.9)), (p, hd.PowerSpherical(other, 0.0)), (hd.PowerSpherical(mu, 0.0), p),
    ):  # fmt: skip
        ratios = a.log_prob(x := a.sample((20_000,), rng)) - b.log_prob(x)
        assert abs(ratios.mean() - float(hd.kl_divergence(a, b))) < 6.0 * ratios.std() / math.sqrt(20_000)
    for a, b in ((p, hd.PowerSpherical(other, 1.0)), (hd.VonMisesFisher(mu, 2.0), p)):
        with pytest.raises(NotImplementedError):
            hd.kl_divergence(a, b)


@pytest.mark.torch
@pytest.mark.parametrize(("m", "kappa"), [(2, 0.05), (2, 6.0), (3, 0.0), (9, 30.0), (4, 1e8)])
def test_torch(m: int, kappa: float) -> None:
    """The core's values and gradients of draws, few and many; first and second derivatives of what is closed."""
    torch = pytest.importorskip("torch")
    ht = pytest.importorskip("hyperdist_torch")
    mu = torch.tensor(unit(m))
    theta = torch.tensor(kappa, dtype=torch.float64, requires_grad=True)
    law, core = ht.PowerSpherical(mu, theta), hd.PowerSpherical(unit(m), kappa)
    for name in ("entropy", "log_normalizer"):
        close(getattr(law, name)().detach(), float(getattr(core, name)()))
    for n in (3, 2_000):
        x = law.rsample((n,), generator=torch.Generator().manual_seed(4))
        weight = torch.linspace(-1.0, 1.0, n, dtype=torch.float64)
        angle = core._angle(x.detach().numpy())
        (got,) = torch.autograd.grad((weight * (x @ mu)).sum(), theta, retain_graph=True)
        slope = core.radius.parameter_gradient(angle)["kappa"]
        want = -np.sum(weight.numpy() * np.sin(angle) * slope)
        assert got.item() == pytest.approx(want, rel=1e-6, abs=1e-9 * np.sum(np.abs(np.sin(angle) * slope)))
    x = law.sample((5,)).requires_grad_()

    def told(k: Any) -> tuple[Any, ...]:
        q = ht.PowerSpherical(mu, k, validate_args=False)
        return q.entropy(), q.log_normalizer(), q.log_prob(x), q.mean_resultant_length

    if kappa and kappa < 1e6:
        assert torch.autograd.gradcheck(told, (theta,), eps=1e-6 * kappa, atol=1e-6)
        assert torch.autograd.gradgradcheck(told, (theta,), eps=1e-6 * kappa, atol=1e-5)
