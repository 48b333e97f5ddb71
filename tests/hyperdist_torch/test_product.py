"""Products in torch: the core's numbers, the factors' gradients, supports and their maps, mixtures, refusals."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.distributions import biject_to, kl_divergence, transform_to  # noqa: E402

import hyperdist as hd  # noqa: E402
import hyperdist_torch as ht  # noqa: E402
from hyperdist.testing import check_sampler  # noqa: E402
from tests.support.statistics import ALPHA  # noqa: E402

MU = [[0.1, 0.2], [0.3, -0.1], [0.0, 0.0]]
NORTH = [0.0, 0.0, 1.0]


def both(dtype: Any = torch.float64, grad: bool = False) -> tuple[Any, Any, list[Any]]:
    """(product in torch, the same in NumPy, parameters in torch)."""
    given = [MU, 0.5, 1.3, NORTH, 9.0, [1.0, 2.0], [[0.4], [0.3], [2.0]], [0.1, -0.2], [0.3, 1.0]]
    t = [torch.tensor(value, dtype=dtype, requires_grad=grad) for value in given]
    n = [np.asarray(value) for value in given]

    def build(of: Any, p: list[Any]) -> Any:
        return of.Product(
            of.RiemannianNormal(*p[:3]),
            of.VonMisesFisher(p[3], p[4]),
            of.ToroidalWrappedNormal(p[5], p[6]),
            of.WrappedNormal(p[7], p[8], 0.0, model="tangent"),
        )

    return build(ht, t), build(hd, n), t


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_numbers_are_the_cores(dtype: Any) -> None:
    law, core, _ = both(dtype)
    tolerance = {"rtol": 1e-12, "atol": 1e-12} if dtype == torch.float64 else {"rtol": 3e-5, "atol": 3e-5}
    x = core.sample((50,), rng=0)
    points = torch.tensor(x, dtype=dtype)
    assert (law.batch_shape, law.event_shape) == (core.batch_shape, core.event_shape)
    np.testing.assert_allclose(law.log_prob(points).numpy(), core.log_prob(x), **tolerance)
    for name in ("mean", "mode", "variance"):
        np.testing.assert_allclose(getattr(law, name).numpy(), getattr(core, name), **tolerance)
    for name in ("entropy", "log_normalizer"):
        np.testing.assert_allclose(getattr(law, name)().numpy(), getattr(core, name)(), **tolerance)
    assert law.rsample((4,)).dtype == law.log_prob(points).dtype == dtype


def test_draws_are_the_factors_in_turn_with_their_gradients() -> None:
    law, _, parameters = both(grad=True)
    x, lp = law.rsample_and_log_prob((6,), generator=torch.Generator().manual_seed(3))
    assert x.shape == (6, 3, 9)
    assert law.support.check(x).all()
    torch.testing.assert_close(law.log_prob(x), lp, rtol=1e-12, atol=1e-12)
    generator, parts, densities = torch.Generator().manual_seed(3), [], []
    for factor in law.laws:
        part, density = factor.rsample_and_log_prob((6,), generator=generator)
        parts.append(part)
        densities.append(density)
    assert torch.equal(torch.cat(parts, dim=-1), x)
    assert torch.equal(law.join(*parts), x)
    assert all(torch.equal(a, b) for a, b in zip(law.split(x), parts, strict=True))
    torch.testing.assert_close(lp, sum(densities), rtol=1e-14, atol=1e-14)
    ours = torch.autograd.grad((x.square().sum() + lp.sum()), parameters, retain_graph=True)
    theirs = torch.autograd.grad(
        sum(p.square().sum() + d.sum() for p, d in zip(parts, densities, strict=True)), parameters
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_two_derivatives() -> None:
    _, core, parameters = both(grad=True)
    x = torch.tensor(core.sample((), rng=1), requires_grad=True)

    def log_prob(x: Any, mu: Any, sigma: Any, c: Any, kappa: Any) -> Any:
        # The sphere's coordinates are moved along it, those off it have no density.
        u = x[..., 2:5] / x[..., 2:5].norm(dim=-1, keepdim=True)
        law = ht.Product(ht.RiemannianNormal(mu, sigma, c), ht.VonMisesFisher(parameters[3].detach(), kappa))
        return law.log_prob(torch.cat([x[..., :2], u], dim=-1))

    given = [x[..., :5].detach().requires_grad_(), *parameters[:3], parameters[4]]
    assert torch.autograd.gradcheck(log_prob, given, fast_mode=True)
    assert torch.autograd.gradgradcheck(log_prob, given, fast_mode=True)


def test_samplers_have_the_law() -> None:
    law, _, _ = both()

    def sample(n: int, rng: np.random.Generator) -> Any:
        return law.sample((n,), generator=torch.Generator().manual_seed(int(rng.integers(2**62))))

    check_sampler(sample, law, 3000, rng=2, alpha=ALPHA).raise_for_failure()


def test_supports_and_their_maps() -> None:
    """Reversible where every factor's is; on spheres and circles many to one, the mass that of the augmented space."""
    law, _, _ = both()
    for registry in (biject_to, transform_to):
        transform = registry(law.support)
        v = torch.randn(40, 3, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        x = transform(v)
        assert x.shape == transform.forward_shape(v.shape) == (40, 3, 9)
        assert transform.inverse_shape(x.shape) == v.shape
        assert law.support.check(x).all()
        torch.testing.assert_close(transform(transform.inv(x)), x)
        parts = law.split(x)
        cut = v.split([2, 3, 4, 2], dim=-1)
        want = sum(
            biject_to(q.support).log_abs_det_jacobian(a, b) for q, a, b in zip(law.laws, cut, parts, strict=True)
        )
        torch.testing.assert_close(transform.log_abs_det_jacobian(v, x), want)
    assert not transform.bijective
    flat = ht.Product(ht.WrappedNormal(torch.zeros(1), 0.5, 1.3), ht.WrappedNormal(torch.zeros(1), 1.0, 2.0))
    line = torch.linspace(-8.0, 8.0, 161, dtype=torch.float64)
    v = torch.cartesian_prod(line, line)
    transform = biject_to(flat.support)
    assert transform.bijective
    mass = (flat.log_prob(transform(v)) + transform.log_abs_det_jacobian(v, transform(v))).exp().sum() * 0.1**2
    torch.testing.assert_close(mass, torch.ones_like(mass), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("registry", [biject_to, transform_to])
def test_maps_take_the_coordinates_that_there_are(registry: Any) -> None:
    transform, v, x = registry(both()[0].support), torch.ones(3, 11), both()[0].mean
    for call, name in (
        (lambda: transform(v[..., 1:]), "x must have 11"),
        (lambda: transform.inv(x[..., 1:]), "y must have 9"),
        (lambda: transform.log_abs_det_jacobian(v[..., 1:], x), "x must have 11"),
        (lambda: transform.log_abs_det_jacobian(v, x[..., 1:]), "y must have 9"),
    ):
        with pytest.raises(ValueError, match=f"{name} coordinates on its last axis"):
            call()


def test_divergences_are_the_cores() -> None:
    law, core, parameters = both(grad=True)
    other = ht.Product(ht.RiemannianNormal(parameters[0], 0.9, 1.3), ht.SphericalUniform(2, dtype=torch.float64))
    theirs = hd.Product(hd.RiemannianNormal(MU, 0.9, 1.3), hd.SphericalUniform(2))
    value = kl_divergence(ht.Product(*law.laws[:2]), other)
    np.testing.assert_allclose(value.detach().numpy(), hd.kl_divergence(hd.Product(*core.laws[:2]), theirs), rtol=1e-12)
    a, b, *_ = law.laws
    grouped = kl_divergence(ht.Product(ht.Product(a), ht.Product(b)), ht.Product(ht.Product(*other.laws)))
    torch.testing.assert_close(grouped, value, rtol=0.0, atol=0.0)
    assert all(torch.autograd.grad(value.sum(), [parameters[1], parameters[4]]))


def test_expands_copies_and_travels() -> None:
    law, _, _ = both()
    wide = law.expand((2, 3))
    assert wide.batch_shape == (2, 3)
    x = law.sample((5,))
    torch.testing.assert_close(wide.log_prob(x[:, None]), law.log_prob(x)[:, None].expand(5, 2, 3))
    for other in (copy.deepcopy(law), pickle.loads(pickle.dumps(law))):
        torch.testing.assert_close(other.log_prob(x), law.log_prob(x))
    nested = ht.Product(law, ht.SphericalUniform(1))
    assert nested.sample((2,)).shape == (2, 3, 11)
    assert nested.widths("tangent") == (9, 2)
    assert "Product(RiemannianNormal" in repr(nested)


def test_models_are_for_the_hyperbolic_factors() -> None:
    law = ht.Product(
        ht.RiemannianNormal(torch.tensor([0.3, 0.2]), 0.6, 1.3), ht.VonMisesFisher(torch.tensor(NORTH), 9.0)
    )
    for model, width in (("poincare", 5), ("tangent", 5), ("lorentz", 6)):
        x, lp = law.rsample_and_log_prob((7,), model=model)
        assert x.shape == (7, width)
        torch.testing.assert_close(law.log_prob(x, model=model), lp, rtol=1e-3, atol=1e-3)
        assert [part.shape[-1] for part in law.split(x, model=model)] == [width - 3, 3]


def test_mixtures_of_products() -> None:
    law, core, _ = both()
    pair, theirs = ht.Product(*law.laws[:2]), hd.Product(*core.laws[:2])
    mixture, same = ht.Mixture([0.2, 0.3, 0.5], pair), hd.Mixture([0.2, 0.3, 0.5], theirs)
    x = mixture.sample((40,))
    assert mixture.support.check(x).all()
    np.testing.assert_allclose(mixture.log_prob(x).numpy(), same.log_prob(x.numpy()), rtol=1e-6)
    assert mixture.sample((4,), model="lorentz").shape == (4, 6)
    with pytest.raises(ValueError, match="one curvature"):
        ht.Mixture(
            [0.5, 0.5],
            ht.Product(ht.WrappedNormal(torch.zeros(2, 2), 1.0, torch.tensor([1.0, 2.0])), ht.SphericalUniform(2)),
        )


def test_a_compiled_density() -> None:
    _, core, parameters = both(torch.float64)
    x = torch.tensor(core.sample((5,), rng=0))

    @torch.compile(fullgraph=True, backend="eager")
    def density(x: Any, mu: Any, sigma: Any) -> Any:
        q = ht.Product(
            ht.WrappedNormal(mu, sigma, 1.3, validate_args=False),
            ht.SphericalUniform(2, dtype=x.dtype, validate_args=False),
            validate_args=False,
        )
        return q.log_prob(x)

    mu, sigma = parameters[0], parameters[1]
    want = ht.WrappedNormal(mu, sigma, 1.3).log_prob(x[..., :2]) - np.log(4 * np.pi)
    torch.testing.assert_close(density(x[..., :5], mu, sigma), want)


BAD = [
    (lambda: ht.Product(), ValueError, "at least one distribution"),
    (lambda: ht.Product(3.0), TypeError, r"laws\[0\] must be a law of hyperdist_torch"),
    (lambda: ht.Product(hd.SphericalUniform(2)), TypeError, r"laws\[0\] must be a law of hyperdist_torch"),
    (
        lambda: ht.Product(ht.RiemannianNormal(torch.zeros(3, 2), 1.0), ht.RiemannianNormal(torch.zeros(4, 2), 1.0)),
        ValueError, r"do not broadcast: laws\[0\] \(3,\), laws\[1\] \(4,\)",
    ),
    (lambda: both()[0].log_prob(torch.zeros(3)), ValueError, "value must have 9 coordinates"),
    (lambda: both()[0].log_prob(torch.zeros(2, 9)), ValueError, "do not broadcast"),
    (lambda: both()[0].log_prob(torch.zeros(9)), ValueError, "support UnitSphere"),
    (lambda: both()[0].sample(model="ball"), ValueError, "model must be one of"),
    (lambda: ht.Product(ht.SphericalUniform(2)).sample(model="lorentz"), ValueError, "without hyperbolic factors"),
    (lambda: both()[0].join(torch.zeros(2)), ValueError, "one for each of the 4 laws, got 1"),
    (lambda: both()[0].split(torch.zeros(2)), ValueError, "9 coordinates"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=range(len(BAD)))
def test_bad_input_is_named(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_a_product_of_no_laws_of_a_batch_and_of_uniform_ones():
    """An empty batch has no numbers; the normaliser of a uniform sphere is its area, as in NumPy."""
    north = torch.tensor(NORTH)
    laws = [ht.VonMisesFisher(north, 9.0), ht.PowerSpherical(north, 9.0), ht.SphericalRiemannianNormal(north, 0.5)]
    none = ht.Product(ht.RiemannianNormal(torch.zeros(0, 2), 1.0), *laws, ht.SphericalUniform(2))
    x, log_p = none.rsample_and_log_prob((3,))
    assert x.shape == (3, 0, 14)
    assert log_p.shape == (3, 0)
    for value in (none.entropy(), none.variance, none.log_normalizer(), none.log_prob(x[0]), kl_divergence(none, none)):
        assert value.shape == (0,)
    globe = ht.Product(ht.SphericalUniform(2, dtype=torch.float64), ht.ToroidalUniform(1, dtype=torch.float64))
    expected = hd.Product(hd.SphericalUniform(2), hd.ToroidalUniform(1)).log_normalizer()
    assert globe.log_normalizer().item() == pytest.approx(float(expected), rel=1e-15)
