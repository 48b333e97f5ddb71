"""Laws on the torus in torch: the core's values, draws and their gradients, divergences, what bad input gets."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.distributions import Independent, kl_divergence  # noqa: E402

import hyperdist as hd  # noqa: E402
import hyperdist_torch as ht  # noqa: E402
from hyperdist.radial.wrapped_circle import WrappedNormalAngle  # noqa: E402
from hyperdist_torch import flows  # noqa: E402
from tests.support.statistics import ALPHA, chi_square, independent, ks_uniform, mean_is  # noqa: E402

MU = np.array([0.3, 3.1, -9.0])
SCALES = [np.array([0.2, 1.7, 3.0]), np.array([1e-3, 1.0, 40.0])]


def law_of(sigma: object, dtype: torch.dtype = torch.float64, mu: object = MU) -> ht.ToroidalWrappedNormal:
    return ht.ToroidalWrappedNormal(torch.as_tensor(mu, dtype=dtype), torch.as_tensor(sigma, dtype=dtype))


@pytest.mark.parametrize("sigma", SCALES, ids=str)
def test_values_are_the_core_s(sigma: np.ndarray, seed: int) -> None:
    law, core = law_of(sigma), hd.ToroidalWrappedNormal(MU, sigma)
    x, density = law.rsample_and_log_prob((50,), generator=torch.Generator().manual_seed(seed % 2**63))
    np.testing.assert_allclose(law.log_prob(x), core.log_prob(x.numpy()), rtol=1e-12, atol=1e-12)
    # A deviation read back has 4e-16 of error, which moves the log density by |d|/sigma^2 times that.
    np.testing.assert_allclose(
        density, core.log_prob(x.numpy()), rtol=2e-15 * (1 + np.pi / sigma.min()) ** 2, atol=1e-9
    )
    for name in ("mean", "mode", "variance"):
        np.testing.assert_allclose(getattr(law, name), getattr(core, name), rtol=1e-12)
    for name in ("entropy", "log_normalizer"):
        np.testing.assert_allclose(getattr(law, name)(), getattr(core, name)(), rtol=1e-12)
    narrow = law_of(sigma, torch.float32)
    close = narrow.log_prob(narrow.mean + 0.3 * narrow.sigma.clamp_max(3.0))
    assert close.dtype == torch.float32
    np.testing.assert_allclose(close, core.log_prob(core.mean + 0.3 * np.minimum(sigma, 3.0)), rtol=1e-3)


@pytest.mark.parametrize("method", ["rejection", "inverse"])
@pytest.mark.parametrize("sigma", [1e-3, 0.7, 1.7, 3.0, 1e15])
def test_draws_follow_the_law(sigma: float, method: str, seed: int) -> None:
    """Deviations by KS, signs by counting, coordinates independent, at ALPHA each."""
    mu = [0.5, 3.0]
    law, core = law_of(sigma, mu=mu), hd.ToroidalWrappedNormal(mu, sigma)
    x = law.sample((20_000,), method=method, generator=torch.Generator().manual_seed(seed % 2**63))
    assert law.support.check(x).all()
    deviation = hd.Torus().log(np.array(mu), x.numpy())
    assert min(ks_uniform(core.radius.cdf(np.abs(deviation))[:, i]) for i in (0, 1)) > ALPHA
    assert chi_square([np.sum(deviation < 0), np.sum(deviation >= 0)], [0.5, 0.5]) > ALPHA
    assert independent(deviation[:, 0], deviation[:, 1]) > ALPHA


@pytest.mark.parametrize("sigma", SCALES, ids=str)
def test_density_gradients(sigma: np.ndarray) -> None:
    """gradcheck and gradgradcheck in x, mu and sigma; at the centre and half a turn from it the gradient in x is 0.

    Half a turn away the second derivative is (pi/sigma^2)^2, which the rounding of an angle multiplies: below sigma of
    0.2 differences of step 1e-6 are no more exact than their tolerance.
    """
    mu, scale = (torch.tensor(v, requires_grad=True) for v in (MU, np.maximum(sigma, 0.3)))
    offset = torch.tensor([[0.1, -1.0, 3.0], [0.0, 0.0, 0.0], [math.pi] * 3], dtype=torch.float64)
    x = (torch.tensor(MU) + offset).requires_grad_()

    def density(x: torch.Tensor, mu: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return ht.ToroidalWrappedNormal(mu, sigma).log_prob(x)

    assert torch.autograd.gradcheck(density, (x, mu, scale))
    assert torch.autograd.gradgradcheck(density, (x, mu, scale))
    (first,) = torch.autograd.grad(density(x, mu, scale).sum(), x)
    assert first[1].abs().max() == 0.0
    assert first[2].abs().max() < 1e-8  # pi is rounded, and the second derivative there is up to 1e3


@pytest.mark.parametrize("method", ["rejection", "inverse"])
def test_draws_in_their_parameters(method: str) -> None:
    mu, sigma = (torch.tensor(v, requires_grad=True) for v in (MU, SCALES[0]))

    def draw(mu: torch.Tensor, sigma: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        law = ht.ToroidalWrappedNormal(mu, sigma)
        return law.rsample_and_log_prob((4,), method=method, generator=torch.Generator().manual_seed(3))

    assert torch.autograd.gradcheck(draw, (mu, sigma))
    assert torch.autograd.gradgradcheck(draw, (mu, sigma), fast_mode=True)


def test_drift_by_inversion_is_the_core_s() -> None:
    """da/d sigma at fixed cdf, relative 1e-10, through ``radius.icdf``."""
    p = np.array([1e-6, 1e-3, 0.3, 0.7, 0.999])
    for value in (0.2, 1.7, 3.0):
        sigma = torch.tensor([value], dtype=torch.float64, requires_grad=True)
        a = law_of(sigma, mu=[0.0]).radius.icdf(torch.tensor(p)[:, None])
        rows = [torch.autograd.grad(v, sigma, retain_graph=True)[0].item() for v in a[:, 0]]
        core = WrappedNormalAngle(value)
        np.testing.assert_allclose(rows, core.parameter_gradient(core.icdf(p))["sigma"], rtol=1e-10)


@pytest.mark.parametrize("method", ["rejection", "inverse"])
def test_gradient_of_an_expectation(method: str, seed: int) -> None:
    """d/d sigma of E cos(x - mu) = exp(-sigma^2/2): z-test at 1e-6 over 100,000 draws, standard error below 1 %."""
    sigma = torch.full((100_000, 1), 1.1, dtype=torch.float64, requires_grad=True)
    x = law_of(sigma, mu=[0.4]).rsample(method=method, generator=torch.Generator().manual_seed(seed % 2**63))
    (each,) = torch.autograd.grad(torch.cos(x - 0.4).sum(), sigma)
    expected = -1.1 * math.exp(-0.5 * 1.1**2)
    assert each.std().item() / len(each) ** 0.5 < 0.01 * abs(expected)
    assert mean_is(each[:, 0].numpy(), expected) > ALPHA


def test_moments_have_gradients() -> None:
    sigma = torch.tensor(SCALES[0], requires_grad=True)

    def moments(sigma: torch.Tensor) -> tuple[torch.Tensor, ...]:
        law = law_of(sigma)
        return law.variance, law.entropy(), law.log_normalizer()

    assert torch.autograd.gradcheck(moments, sigma)
    assert torch.autograd.gradgradcheck(moments, sigma)


def test_points_are_classes_modulo_a_turn() -> None:
    law = law_of(SCALES[0])
    x = torch.tensor(MU) + 0.2
    np.testing.assert_allclose(law.log_prob(x + 4 * np.pi), law.log_prob(x), rtol=1e-12)
    assert not law.support.check(torch.tensor(MU))
    assert law.support.check(torch.full((1,), -math.pi))
    assert not law.support.check(torch.full((1,), math.pi))
    free = ht.ToroidalWrappedNormal(torch.zeros(2), 1.0, validate_args=False)
    value = free.log_prob(torch.tensor([[0.0, 1.0], [math.inf, 0.0], [math.nan, 0.0]], requires_grad=True))
    assert torch.isfinite(value[0])
    assert value[1] == -math.inf
    assert torch.isnan(value[2])


def test_uniform() -> None:
    law, core = ht.ToroidalUniform(3, dtype=torch.float64), hd.ToroidalUniform(3)
    x, density = law.rsample_and_log_prob((20_000,), generator=torch.Generator().manual_seed(1))
    assert ks_uniform((x[:, 0].numpy() + np.pi) / (2 * np.pi)) > ALPHA
    assert torch.equal(density, law.log_prob(x))
    np.testing.assert_allclose(density[0], core.log_prob(x[0].numpy()))
    for value, expected in ((law.variance, core.variance), (law.entropy(), core.entropy())):
        np.testing.assert_allclose(value, expected)
    wide = law.expand((2, 4))
    assert wide.sample((5,)).shape == (5, 2, 4, 3)
    assert wide.mode.shape == (2, 4, 3)
    assert ht.ToroidalUniform(2).sample().dtype == torch.get_default_dtype()
    assert Independent(wide, 2).log_prob(wide.sample()).shape == ()


def test_divergences() -> None:
    for sigma in SCALES:
        p, core = law_of(sigma), hd.ToroidalWrappedNormal(MU, sigma)
        value = kl_divergence(p, ht.ToroidalUniform(3, dtype=torch.float64))
        assert value.item() == pytest.approx(float(hd.kl_divergence(core, hd.ToroidalUniform(3))), rel=1e-12)
    assert kl_divergence(ht.ToroidalUniform(3).expand((2,)), ht.ToroidalUniform(3)).tolist() == [0.0, 0.0]
    plain = [hd.ToroidalWrappedNormal(MU, sigma) for sigma in (1.0, 2.0)]
    assert kl_divergence(law_of(1.0), law_of(2.0)).item() == pytest.approx(hd.kl_divergence(*plain), rel=1e-12)
    with pytest.raises(ValueError, match="one space"):
        kl_divergence(law_of(1.0), ht.ToroidalUniform(2))


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: ht.ToroidalWrappedNormal(torch.zeros(2), 0.0), ValueError, "sigma"),
        (lambda: ht.ToroidalWrappedNormal(torch.zeros(2), math.inf), ValueError, "sigma"),
        (lambda: ht.ToroidalWrappedNormal(torch.tensor([math.inf]), 1.0), ValueError, "mu"),
        (lambda: ht.ToroidalWrappedNormal(0.0, 1.0), ValueError, "mu must have shape"),
        (lambda: ht.ToroidalWrappedNormal(torch.zeros(1), torch.ones(2)), ValueError, "one scale a coordinate"),
        (lambda: ht.ToroidalWrappedNormal(torch.zeros(3), torch.ones(2)), ValueError, "do not broadcast"),
        (lambda: ht.ToroidalUniform(0), ValueError, "d must be"),
        (lambda: ht.ToroidalUniform(2, dtype=torch.float16), TypeError, "float16"),
        (lambda: law_of(1.0).log_prob(torch.full((3,), math.nan)), ValueError, "support"),
        (lambda: law_of(1.0).log_prob(torch.zeros(2)), ValueError, "3 coordinates"),
        (lambda: law_of(1.0).rsample(model="tangent"), ValueError, "model is for hyperbolic laws"),
    ],
)
def test_bad_input(make, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        make()


def test_degrees_are_noticed() -> None:
    """Beyond four turns where arguments are validated; flows name units and the way to wrap."""
    degrees = torch.tensor([[350.0, 10.0], [340.0, 20.0]])
    q = ht.ToroidalWrappedNormal(torch.zeros(2), 1.0)
    for call in (lambda: q.log_prob(degrees), lambda: ht.ToroidalWrappedNormal(degrees, 1.0)):
        with pytest.warns(UserWarning, match="must hold angles in radians, .* got one of size 350") as found:
            call()
        assert [warning.filename for warning in found] == [__file__]
    ht.ToroidalWrappedNormal(degrees, 1.0, validate_args=False).log_prob(degrees)
    q.log_prob(torch.full((2,), 25.0))
    with pytest.raises(ValueError, match=r"must lie on Torus\(2\).* radians.*deg2rad.*torus.wrap"):
        flows.Torus(2).check(degrees)
