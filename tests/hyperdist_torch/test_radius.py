"""``q.radius``: the core's radial laws as torch distributions, with exact gradients of tails and quantiles."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import hyperdist as hd  # noqa: E402
import hyperdist_torch as ht  # noqa: E402
from tests.support.statistics import ALPHA, ks_uniform  # noqa: E402
from tests.support.torch.laws import Case, ball, unit  # noqa: E402

CASES = [
    Case("RiemannianNormal", (ball(1, 0.3), 0.7, 1.0), "riemannian-d1"),
    Case("RiemannianNormal", (ball(5, 0.3), 0.8, 1.2), "riemannian-d5"),
    Case("RiemannianNormal", (ball(3, 0.3), 0.8, 0.0), "riemannian-flat"),
    Case("WrappedNormal", (ball(3, 0.3), 0.6, 1.2), "wrapped-d3"),
    Case("VonMisesFisher", (unit(2), 3.0), "vmf-m2"),
    Case("VonMisesFisher", (unit(4), 12.0), "vmf-m4"),
    Case("SphericalRiemannianNormal", (unit(3), 1.2), "spherical-m3"),
    Case("ToroidalWrappedNormal", (np.array([0.3]), np.array([0.9])), "torus-narrow"),
    Case("ToroidalWrappedNormal", (np.array([0.3]), np.array([2.4])), "torus-wide"),
]
EVERY = pytest.mark.parametrize("case", CASES, ids=str)
P = np.array([1e-300, 1e-6, 0.2, 0.5, 0.9, 1 - 1e-6])


def numbers(value: Any) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def batched(case: Case, values: Any) -> torch.Tensor:
    """Values on an axis of their own, before the law's."""
    tensor = numbers(values)
    return tensor[:, None] if case.name.startswith("Toroidal") else tensor


@EVERY
def test_values_are_the_core_s(case: Case) -> None:
    law, core = case.build().radius, case.core().radius
    for name in ("icdf", "isf"):
        np.testing.assert_allclose(
            getattr(law, name)(batched(case, P)), getattr(core, name)(batched(case, P).numpy()), rtol=1e-13
        )
    r = np.concatenate([core.icdf(batched(case, P[1:]).numpy()), core.isf(batched(case, P[1:2]).numpy())])
    for name in ("log_prob", "cdf", "sf", "log_cdf", "log_sf"):
        value = getattr(law, name)(torch.tensor(r))
        np.testing.assert_allclose(value, getattr(core, name)(r), rtol=1e-12, atol=1e-300 if name[0] != "l" else 1e-12)
    for name in ("mean", "variance", "mode"):
        np.testing.assert_allclose(getattr(law, name), getattr(core, name), rtol=1e-12)
    np.testing.assert_allclose(law.entropy(), core.entropy(), rtol=1e-12, atol=1e-12)


@EVERY
def test_gradients(case: Case) -> None:
    """gradcheck and gradgradcheck of tails, densities and quantiles in their argument and in every parameter."""
    core = case.core().radius
    flat = case.label == "riemannian-flat"
    centre, *free = case.tensors(grad=True)
    free = free[:1] if flat or case.name == "WrappedNormal" else free  # the wrapped normal's radius knows no c
    kept = case.tensors()[1 + len(free) :]
    r = torch.tensor(core.icdf(batched(case, [0.1, 0.6, 0.95]).numpy())).requires_grad_()
    p = batched(case, [0.01, 0.3, 0.8]).requires_grad_()
    # cdf and sf are exponentials of log_cdf and log_sf, isf is icdf with a sign.
    for name, argument in [("log_prob", r), ("log_cdf", r), ("log_sf", r), ("icdf", p), ("isf", p)]:

        def value(argument: torch.Tensor, *free: torch.Tensor, name: str = name) -> torch.Tensor:
            return getattr(case.of(centre.detach(), *free, *kept).radius, name)(argument)

        assert torch.autograd.gradcheck(value, (argument, *free), fast_mode=True), name
        if name != "isf":
            assert torch.autograd.gradgradcheck(value, (argument, *free), fast_mode=True), name

    def moments(*free: torch.Tensor) -> tuple[torch.Tensor, ...]:
        law = case.of(centre.detach(), *free, *kept).radius
        return law.mean, law.variance, law.entropy()

    assert torch.autograd.gradcheck(moments, tuple(free), fast_mode=True)
    assert torch.autograd.gradgradcheck(moments, tuple(free), fast_mode=True)


@EVERY
def test_exact_derivatives(case: Case) -> None:
    """dF/dr is the density, dF/dtheta is minus the density times dr/dtheta, and icdf's is dr/dtheta: relative 1e-10."""
    core = case.core().radius
    p = batched(case, [1e-3, 0.3, 0.999]).numpy()
    r = core.icdf(p)
    parameters = case.tensors(grad=True)
    law = case.of(*parameters).radius
    x = torch.tensor(r, requires_grad=True)
    (in_r,) = torch.autograd.grad(law.cdf(x).sum(), x)
    np.testing.assert_allclose(in_r, core.prob(r), rtol=1e-11)
    drift = core.parameter_gradient(r)
    name = next(iter(drift))
    for i in range(len(p)):
        for value, factor in ((law.cdf(x)[i], -core.prob(r)), (law.icdf(torch.tensor(p))[i], np.ones_like(r))):
            (got,) = torch.autograd.grad(value.sum(), parameters[1], retain_graph=True)
            np.testing.assert_allclose(got.sum(), np.sum((factor * drift[name])[i]), rtol=1e-10)


@pytest.mark.parametrize("method", ["rejection", "inverse"])
@EVERY
def test_draws_follow_the_cdf(case: Case, method: str, seed: int) -> None:
    law, core = case.build().radius, case.core().radius
    r = law.sample((5_000,), method=method, generator=torch.Generator().manual_seed(seed % 2**63))
    assert ks_uniform(core.cdf(r.numpy())) > ALPHA


@EVERY
def test_draws_move_at_fixed_cdf(case: Case) -> None:
    parameters = case.tensors(grad=True)
    law = case.of(*parameters).radius
    r = law.rsample((1,), generator=torch.Generator().manual_seed(2))
    (got,) = torch.autograd.grad(r.sum(), parameters[1])
    drift = case.core().radius.parameter_gradient(r.detach().numpy())
    np.testing.assert_allclose(got.sum(), np.sum(next(iter(drift.values()))), rtol=1e-10)


def test_shapes_dtypes_and_expand() -> None:
    sigma = torch.tensor([[0.5], [1.0], [2.0]])
    law = ht.RiemannianNormal(torch.zeros(4), sigma, torch.tensor([0.5, 1.0])).radius
    assert law.batch_shape == (3, 2)
    assert law.event_shape == ()
    r = law.rsample((5,))
    assert r.shape == (5, 3, 2)
    for name in ("log_prob", "cdf", "sf", "log_cdf", "log_sf"):
        for value in (r, r[0], torch.tensor(1.0), torch.ones(2)):
            result = getattr(law, name)(value)
            assert result.shape == torch.broadcast_shapes(value.shape, (3, 2))
            assert result.dtype == torch.float32
    assert law.icdf(torch.tensor([0.1, 0.5])).shape == (3, 2)
    for value in (law.mean, law.variance, law.stddev, law.mode, law.entropy()):
        assert value.shape == (3, 2)
        assert value.dtype == torch.float32
    wide = law.expand((7, 3, 2))
    assert torch.equal(wide.cdf(r[0]), law.cdf(r[0]).expand(7, 3, 2))
    assert law.sample((0,)).shape == (0, 3, 2)
    for other in (copy.deepcopy(law), pickle.loads(pickle.dumps(law))):
        assert torch.equal(other.cdf(r), law.cdf(r))


def test_many_values_are_done_in_pieces() -> None:
    law = ht.VonMisesFisher(torch.eye(3, dtype=torch.float64)[0], torch.tensor([2.0, 30.0], dtype=torch.float64)).radius
    p = torch.linspace(0.01, 0.99, 3000, dtype=torch.float64)[:, None]
    np.testing.assert_allclose(law.cdf(law.icdf(p)), p.expand(-1, 2), rtol=1e-13)


@EVERY
def test_ends_of_the_support(case: Case) -> None:
    law = case.of(*case.tensors(), validate_args=False).radius
    end = case.core().radius._end
    assert (law.cdf(batched(case, [-1.0, 0.0, end, 1e300])).flatten() == numbers([0.0, 0.0, 1.0, 1.0])).all()
    assert (law.log_sf(batched(case, [-1.0, 0.0, end])).flatten() == numbers([0.0, 0.0, -math.inf])).all()
    assert (law.log_prob(batched(case, [-1.0, 1e300])) == -math.inf).all()
    np.testing.assert_allclose(law.log_prob(batched(case, [0.0])).flatten(), case.core().radius.log_prob([0.0]))
    assert law.icdf(batched(case, [0.0, 1.0])).flatten().tolist() == [0.0, end]
    assert law.isf(batched(case, [0.0, 1.0])).flatten().tolist() == [end, 0.0]
    for name in ("cdf", "log_prob", "icdf"):
        assert torch.isnan(getattr(law, name)(batched(case, [math.nan]))).all()
    assert torch.isnan(law.icdf(batched(case, [-0.1, 1.1]))).all()
    r = batched(case, [-1.0, 0.0, 0.5, end, math.nan]).requires_grad_()
    (gradient,) = torch.autograd.grad(law.cdf(r)[2].sum(), r)
    assert torch.isfinite(gradient).all()


def test_half_a_turn_in_float32() -> None:
    """float32(pi) is above pi: it is the end all the same."""
    law = ht.VonMisesFisher(torch.eye(3)[0], 1.0).radius
    assert law.cdf(torch.tensor(math.pi)) == 1.0
    assert torch.isfinite(ht.ToroidalWrappedNormal(torch.zeros(1), 1.0).radius.log_prob(torch.tensor([math.pi]))).all()


def test_bad_calls() -> None:
    law = ht.RiemannianNormal(torch.zeros(3), 1.0).radius
    for call in (law.cdf, law.sf, law.log_prob):
        with pytest.raises(ValueError, match="support"):
            call(torch.tensor(-1.0))
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        law.icdf(torch.tensor(1.5))
    with pytest.raises(TypeError, match=r"torch\.Tensor"):
        law.cdf(0.5)
    with pytest.raises(ValueError, match="method"):
        law.sample(method="guess")
    with pytest.raises(ValueError, match="sample_shape"):
        law.sample((-1,))
    with pytest.raises(ValueError, match="do not broadcast"):
        law.expand((2,)).cdf(torch.ones(3))
    with pytest.raises(ValueError, match="one scale for all coordinates"):
        _ = ht.WrappedNormal(torch.zeros(2), torch.tensor([1.0, 2.0])).radius


# torch's own warning, where its forward-mode derivatives load
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
@pytest.mark.parametrize("name", ["cdf", "log_sf", "icdf", "log_prob"])
def test_functional_transforms(name: str) -> None:
    """vmap over kappa, jacrev and jvp against plain autograd."""

    def value(x: torch.Tensor, kappa: torch.Tensor) -> torch.Tensor:
        axis = torch.eye(3, dtype=torch.float64)[0]
        return getattr(ht.VonMisesFisher(axis, kappa, validate_args=False).radius, name)(x)

    x, kappa = numbers(0.4).requires_grad_(), numbers(3.0).requires_grad_()
    plain = torch.autograd.grad(value(x, kappa), (x, kappa))
    for argument, expected in enumerate(plain):
        assert torch.func.jacrev(value, argument)(x, kappa).item() == pytest.approx(expected.item(), rel=1e-12)
    tangents = (numbers(0.3), numbers(-2.0))
    _, moved = torch.func.jvp(value, (x.detach(), kappa.detach()), tangents)
    assert moved.item() == pytest.approx((0.3 * plain[0] - 2.0 * plain[1]).item(), rel=1e-12)
    kappas = numbers([0.5, 3.0, 40.0])
    mapped = torch.func.vmap(torch.func.grad(value, 1), (None, 0))(x, kappas)
    each = torch.stack([torch.func.grad(value, 1)(x, k) for k in kappas])
    assert torch.allclose(mapped, each, rtol=1e-12)


def test_core_and_torch_agree_on_which_laws_have_a_radius() -> None:
    for name in ("SphericalUniform", "ToroidalUniform"):
        assert hasattr(getattr(ht, name)(2), "radius") == hasattr(getattr(hd, name)(2), "radius")


@pytest.mark.parametrize("r", [1e-100, 1e-153, 1e-155, 1e-200])
def test_lower_tails_where_squares_underflow(r: float) -> None:
    """The core's, and d log cdf/dr = d/r; in the plane the quantile's inverse of it."""
    pole, plane, d = torch.tensor([0.0, 0.0, 1.0]).double(), torch.zeros(2).double(), 2
    laws: list[tuple[Any, Any]] = [
        (ht.RiemannianNormal(plane, 1.0, 1.0), hd.RiemannianNormal([0.0, 0.0], 1.0)),
        (ht.WrappedNormal(plane, 1.0, 1.0), hd.WrappedNormal([0.0, 0.0], 1.0)),
        (ht.SphericalRiemannianNormal(pole, 0.5), hd.SphericalRiemannianNormal([0.0, 0.0, 1.0], 0.5)),
        (ht.VonMisesFisher(pole, 5.0), hd.VonMisesFisher([0.0, 0.0, 1.0], 5.0)),
    ]
    for law, core in laws:
        at = torch.tensor(r, dtype=torch.float64, requires_grad=True)
        value = law.radius.log_cdf(at)
        assert value.item() == pytest.approx(float(core.radius.log_cdf(r)), rel=1e-13)
        assert torch.autograd.grad(value, at)[0].item() == pytest.approx(d / r, rel=1e-11)
        if value > -690.0:
            assert law.radius.icdf(value.detach().exp()).item() == pytest.approx(r, rel=1e-11)
