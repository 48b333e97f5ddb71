"""Constraints, divergences, and what bad input gets."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.distributions import biject_to, kl_divergence  # noqa: E402

import hyperdist as hd  # noqa: E402
import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch import constraints  # noqa: E402
from tests.support.torch.laws import CASES, Case, ball, unit  # noqa: E402


@pytest.mark.parametrize("case", CASES, ids=str)
def test_draws_and_parameters_satisfy_their_constraints(case: Case) -> None:
    law = case.build(torch.float32)
    x = law.sample((20,))
    assert law.support.check(x).all()
    assert not law.support.check(3.0 * x / x.norm(dim=-1, keepdim=True)).any() or case.label.endswith("flat")
    for name, constraint in law.arg_constraints.items():
        assert constraint.check(getattr(law, name)).all()


def test_constraints_name_their_bounds() -> None:
    curved = ht.RiemannianNormal(torch.zeros(2, 2), 1.0, torch.tensor([1.0, 2.0]))
    message = r"sqrt\(c\) \|x\| < 1, c = 1 to 2\): 1 of 2 points do not, the first is \[0.75, 0"
    with pytest.raises(ValueError, match=message):
        curved.log_prob(torch.tensor([0.75, 0.0]))
    with pytest.raises(ValueError, match=r"\|x\| = 1 to 64 eps sqrt\(m\)"):
        ht.VonMisesFisher(torch.tensor([1.0, 0.0]), 1.0).log_prob(torch.tensor([0.5, 0.0]))
    assert repr(constraints.PoincareBall(0.5)) == "PoincareBall(sqrt(c) |x| < 1, c = 0.5)"
    assert repr(constraints.Hyperboloid(torch.ones(3))).endswith(" c = 1)")
    assert repr(constraints.angles) == "Angles([-pi, pi))"


def test_transformed_density_is_the_chart_s() -> None:
    """The law's density against Lebesgue measure of v, two ways: through the transform, and in tangent coordinates."""
    law = ht.RiemannianNormal(torch.tensor([0.2, -0.3], dtype=torch.float64), 0.8, 0.7)
    transform = biject_to(law.support)
    v = torch.tensor([0.5, 1.2], dtype=torch.float64)
    x = transform(v)
    chart = hd.Tangent(0.7).log_volume(v.numpy())
    got = law.log_prob(x) + transform.log_abs_det_jacobian(v, x)
    assert got.item() == pytest.approx(law.log_prob(v, model="tangent").item() + float(chart), rel=1e-12)


def test_positive_numbers_and_the_hyperboloid() -> None:
    for constraint in (constraints.positive, constraints.non_negative):
        assert constraint.check(biject_to(constraint)(torch.tensor([-3.0, 2.0]))).all()
    assert not constraints.positive.check(torch.tensor([0.0, -1.0, math.inf, math.nan])).any()
    y = ht.RiemannianNormal(torch.tensor([0.1, 0.2]), 1.0).sample((3,), model="lorentz")
    assert constraints.Hyperboloid(1.0).check(y).all()
    assert not constraints.Hyperboloid(1.0).check(y + 1.0).any()


CENTRE, AXIS = ball(3, 0.4), unit(4)
PAIRS = [
    (("RiemannianNormal", CENTRE, 0.8, 0.7), ("RiemannianNormal", CENTRE, 1.1, 0.7)),
    (("RiemannianNormal", CENTRE, 0.8, 0.0), ("RiemannianNormal", ball(3, 0.1), 1.1, 0.0)),
    (("WrappedNormal", CENTRE, [0.8, 0.3, 1.0], 0.7), ("WrappedNormal", CENTRE, 1.1, 0.7)),
    (("WrappedNormal", CENTRE, 0.8, 0.0), ("WrappedNormal", ball(3, 0.1), 1.1, 0.0)),
    (("RiemannianNormal", CENTRE, 0.8, 0.7), ("WrappedNormal", CENTRE, [0.5, 1.0, 2.0], 0.7)),
    (("WrappedNormal", CENTRE, [0.3, 1.0, 0.8], 0.7), ("RiemannianNormal", CENTRE, 1.1, 0.7)),
    (("WrappedNormal", CENTRE, 0.8, 0.7), ("RiemannianNormal", CENTRE, 1.1, 0.7)),
    (("VonMisesFisher", AXIS, 3.0), ("VonMisesFisher", np.roll(AXIS, 1), 7.0)),
    (("SphericalRiemannianNormal", AXIS, 0.5), ("SphericalRiemannianNormal", AXIS, 0.9)),
    (("SphericalRiemannianNormal", AXIS, 0.5), ("VonMisesFisher", np.roll(AXIS, 1), 7.0)),
    (("VonMisesFisher", AXIS, 3.0), ("SphericalRiemannianNormal", AXIS, 0.9)),
    (("VonMisesFisher", AXIS, 3.0), ("SphericalUniform", 3)),
    (("SphericalRiemannianNormal", AXIS, 0.5), ("SphericalUniform", 3)),
    (("SphericalUniform", 3), ("VonMisesFisher", AXIS, 3.0)),
    (("SphericalUniform", 3), ("SphericalRiemannianNormal", AXIS, 0.9)),
    (("SphericalUniform", 3), ("SphericalUniform", 3)),
]


def both(spec: tuple) -> tuple:
    name, *parameters = spec
    if name == "SphericalUniform":
        return ht.SphericalUniform(*parameters, dtype=torch.float64), hd.SphericalUniform(*parameters)
    tensors = [torch.tensor(np.asarray(p), dtype=torch.float64) for p in parameters]
    return getattr(ht, name)(*tensors), getattr(hd, name)(*parameters)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0][0]}-{pair[1][0]}")
def test_divergence_is_the_core_s(pair: tuple) -> None:
    (p, core_p), (q, core_q) = both(pair[0]), both(pair[1])
    value = kl_divergence(p, q)
    assert value.item() == pytest.approx(float(hd.kl_divergence(core_p, core_q)), rel=1e-11, abs=1e-13)
    assert kl_divergence(p, q.expand((2,))).shape == (2,)
    assert kl_divergence(p, p).item() == pytest.approx(0.0, abs=1e-12)


def test_divergence_has_gradients() -> None:
    mu = torch.zeros(3, dtype=torch.float64)

    def divergence(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        return kl_divergence(ht.RiemannianNormal(mu, a, c), ht.WrappedNormal(mu, b, c))

    inputs = tuple(torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.8, 1.3, 0.6))
    assert torch.autograd.gradcheck(divergence, inputs)


@pytest.mark.parametrize("name", ["RiemannianNormal", "WrappedNormal", "VonMisesFisher", "SphericalRiemannianNormal"])
def test_divergence_has_the_fisher_information(name: str) -> None:
    """Second derivatives in p's scale and in q's are one where the laws agree, though rounding may take a value there
    below 0."""
    centre = torch.tensor(CENTRE if name in ("RiemannianNormal", "WrappedNormal") else AXIS)
    scale = 1.1 * (1.0 + 1e-15 * torch.arange(-20.0, 21.0, dtype=torch.float64))
    a, b = scale.clone().requires_grad_(), torch.full_like(scale, 1.1).requires_grad_()
    axes = (None,) if name == "WrappedNormal" else ()
    law = getattr(ht, name)
    value = kl_divergence(law(centre, a[..., *axes]), law(centre, b[..., *axes]))
    assert (value >= 0.0).all()
    slopes = torch.autograd.grad(value.sum(), (a, b), create_graph=True)
    in_p, in_q = (
        torch.autograd.grad(slope.sum(), x, retain_graph=True)[0] for slope, x in zip(slopes, (a, b), strict=True)
    )
    assert (in_p > 0.1).all()
    torch.testing.assert_close(in_p, in_q, rtol=1e-9, atol=0.0)


def test_divergence_without_a_form_raises() -> None:
    near, far = (ht.RiemannianNormal(torch.tensor([x, 0.0]), 1.0) for x in (0.0, 0.3))
    with pytest.raises(NotImplementedError, match="average"):
        kl_divergence(near, far)
    with pytest.raises(NotImplementedError, match="average"):
        kl_divergence(*(ht.SphericalRiemannianNormal(torch.eye(3)[i], 1.0) for i in (0, 1)))
    with pytest.raises(NotImplementedError):
        kl_divergence(near, ht.SphericalUniform(1))
    with pytest.raises(ValueError, match="curvature"):
        kl_divergence(near, ht.RiemannianNormal(torch.zeros(2), 1.0, 0.5))
    with pytest.raises(ValueError, match="one space"):
        kl_divergence(ht.SphericalUniform(2), ht.SphericalUniform(3))


ZERO = torch.zeros(3)
WIDE = ZERO.double()


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: ht.RiemannianNormal(ZERO, 0.0), ValueError, "sigma"),
        (lambda: ht.RiemannianNormal(ZERO, math.inf), ValueError, "sigma"),
        (lambda: ht.RiemannianNormal(ZERO, math.nan), ValueError, "sigma"),
        (lambda: ht.RiemannianNormal(ZERO, 1e-20), ValueError, r"sigma .*Scale\(1e-15 to 1e\+15 in torch.float32, "),
        (lambda: ht.WrappedNormal(ZERO, 1e16), ValueError, r"sigma .*Scale\(1e-15 to 1e\+15 in torch.float32"),
        (lambda: ht.SphericalRiemannianNormal(torch.eye(3)[0], 1e16), ValueError, r"sigma .*Scale\("),
        (lambda: ht.RiemannianNormal(WIDE, 1e16), ValueError, r"\(d - 1\) sqrt\(c\) sigma must be <= 1e\+15, got 2"),
        (lambda: ht.WrappedNormal(WIDE, [1.0, 1e149, 1.0], 1e9), ValueError, r"sqrt\(c\) sigma must be <= 1e\+150"),
        (lambda: ht.RiemannianNormal(ZERO + 2e19, 1.0, model="tangent"), ValueError, r"mu .* TangentVector\("),
        (lambda: ht.RiemannianNormal(ZERO, 1.0, -1.0), ValueError, "parameter c"),
        (lambda: ht.RiemannianNormal(ZERO + 1.0, 1.0), ValueError, "mu"),
        (lambda: ht.RiemannianNormal(ZERO + math.nan, 1.0, 0.0), ValueError, "mu"),
        (lambda: ht.RiemannianNormal(ZERO, torch.ones(2), torch.ones(3)), ValueError, r"sigma \(2,\), c \(3,\)"),
        (lambda: ht.RiemannianNormal(torch.zeros(0), 1.0), ValueError, "mu must have shape"),
        (lambda: ht.RiemannianNormal(0.0, 1.0), ValueError, "mu must have shape"),
        (lambda: ht.RiemannianNormal(ZERO, "1"), TypeError, "sigma"),
        (lambda: ht.RiemannianNormal(ZERO.to(torch.complex64), 1.0), TypeError, "mu"),
        (lambda: ht.RiemannianNormal(ZERO.half(), 1.0), TypeError, "float16"),
        (lambda: ht.WrappedNormal(ZERO, torch.ones(2)), ValueError, "sigma"),
        (lambda: ht.WrappedNormal(torch.zeros(1), torch.ones(2)), ValueError, "one scale a coordinate"),
        (lambda: ht.WrappedNormal(ZERO, [1.0, -1.0, 1.0]), ValueError, "sigma"),
        (lambda: ht.VonMisesFisher(ZERO, 1.0), ValueError, "mu"),
        (lambda: ht.VonMisesFisher(torch.eye(3)[0], -1e-9), ValueError, "kappa"),
        (lambda: ht.VonMisesFisher(torch.eye(3)[0], 1e16), ValueError, "kappa"),
        (lambda: ht.VonMisesFisher(torch.ones(1), 1.0), ValueError, "mu must have shape"),
        (lambda: ht.SphericalRiemannianNormal(torch.eye(3)[0], -1.0), ValueError, "sigma"),
        (lambda: ht.SphericalUniform(0), ValueError, "d must be"),
    ],
)  # fmt: skip
def test_bad_parameters(make, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        make()


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda q: q.rsample((-1,)), ValueError, "sample_shape"),
        (lambda q: q.rsample((1.5,)), TypeError, "sample_shape"),
        (lambda q: q.rsample(method="guess"), ValueError, "method"),
        (lambda q: q.rsample(model="disc"), ValueError, "model"),
        (lambda q: q.log_prob([0.0, 0.0, 0.0]), TypeError, "torch.Tensor"),
        (lambda q: q.log_prob(torch.zeros(2)), ValueError, "3 coordinates"),
        (lambda q: q.log_prob(torch.ones(3)), ValueError, "support"),
        (lambda q: q.log_prob(torch.ones(4), model="lorentz"), ValueError, "Hyperboloid"),
        (lambda q: q.log_prob(torch.full((3,), math.nan), model="tangent"), ValueError, "support"),
        (lambda q: q.log_prob(torch.full((3,), 2e19), model="tangent"), ValueError, "TangentVector"),
    ],
)
def test_bad_calls(call, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        call(ht.RiemannianNormal(ZERO, 1.0))


ENDS = [(torch.float32, 1e-15), (torch.float32, 1e15), (torch.float64, 1e-150), (torch.float64, 1e150)]


@pytest.mark.parametrize(("dtype", "sigma"), ENDS, ids=str)
@pytest.mark.parametrize("d", [2, 1000])
@pytest.mark.parametrize("name", ["RiemannianNormal", "WrappedNormal", "SphericalRiemannianNormal"])
def test_the_ends_of_the_range_of_scales(name: str, d: int, dtype: torch.dtype, sigma: float) -> None:
    """Draws, densities and gradients are finite there, and the two ways to a density are one."""
    scale = torch.tensor(sigma, dtype=dtype, requires_grad=True)
    if name == "SphericalRiemannianNormal":
        law: Any = ht.SphericalRiemannianNormal(torch.eye(1, d, dtype=dtype)[0], scale)
    else:
        law = getattr(ht, name)(torch.zeros(d, dtype=dtype), scale, 0.0, model="tangent")
    x, log_q = law.rsample_and_log_prob((20,))
    at = x.detach().requires_grad_()
    log_p = law.log_prob(at)
    torch.testing.assert_close(log_p, log_q, rtol=1e-5, atol=1e-3)
    gradients = torch.autograd.grad(log_p.sum(), (at, scale), retain_graph=True)
    gradients += torch.autograd.grad(((x - law.mean) / sigma).sum() + log_q.sum(), (scale,))
    assert all(value.isfinite().all() for value in (x, log_q, *gradients))


def test_draws_whose_squares_overflow() -> None:
    with pytest.raises(ValueError, match=r"tangent coordinates of torch.float32 hold: .* a wider dtype"):
        ht.RiemannianNormal(ZERO, 1e10, model="tangent").rsample()
    q = ht.WrappedNormal(ZERO, 1.0, model="tangent", validate_args=False)
    assert q.log_prob(torch.tensor([2e19, 0.0, 0.0])) == -math.inf


def test_bad_models() -> None:
    with pytest.raises(ValueError, match="c > 0"):
        ht.WrappedNormal(ZERO, 1.0, 0.0).rsample(model="lorentz")
    with pytest.raises(ValueError, match="model is for hyperbolic laws"):
        ht.VonMisesFisher(torch.eye(3)[0], 1.0).rsample(model="poincare")
    with pytest.raises(ValueError, match="support"):
        ht.VonMisesFisher(torch.eye(3)[0], 1.0).log_prob(torch.ones(3))


def test_density_off_the_space_without_validation() -> None:
    """-inf outside the ball, NaN for NaN, and the gradient of the others untouched."""
    for law in (ht.RiemannianNormal, ht.WrappedNormal):
        q = law(torch.tensor([0.1, 0.2]), 1.0, validate_args=False)
        x = torch.tensor([[0.3, 0.1], [2.0, 0.0], [math.nan, 0.0]], requires_grad=True)
        value = q.log_prob(x)
        assert torch.isfinite(value[0])
        assert value[1] == -math.inf
        assert torch.isnan(value[2])
        (gradient,) = torch.autograd.grad(value[0], x)
        assert torch.isfinite(gradient).all()


def test_density_off_the_sphere_without_validation() -> None:
    """-inf off the sphere by more than rounding, NaN for NaN, and the gradient of the others untouched."""
    axis = torch.tensor([0.0, 0.6, 0.8])
    laws = [ht.VonMisesFisher(axis, 2.0, validate_args=False), ht.SphericalUniform(2, validate_args=False)]
    for q in [*laws, ht.SphericalRiemannianNormal(axis, 2.0, validate_args=False)]:
        x = torch.tensor([[1.0 + 1e-6, 0.0, 0.0], [1.001, 0.0, 0.0], [0.0, 0.0, 0.0], [math.nan, 0.0, 1.0]])
        x.requires_grad_()
        value = q.log_prob(x)
        assert torch.isfinite(value[0])
        assert (value[1:3] == -math.inf).all()
        assert torch.isnan(value[3])
        (gradient,) = torch.autograd.grad(value[0], x)
        assert torch.isfinite(gradient).all()
        assert gradient[0, 0].abs() < 1e-5  # tangent to the sphere


def test_parameters_take_dtype_and_broadcast() -> None:
    q = ht.RiemannianNormal(torch.zeros(4, 1, 3, dtype=torch.float64), torch.ones(2), 1)
    assert q.batch_shape == (4, 2)
    assert q.sample().dtype == torch.float64
    assert ht.RiemannianNormal([0, 0], 1).sample().dtype == torch.get_default_dtype()
    assert ht.RiemannianNormal(ZERO, torch.tensor(1.0, dtype=torch.float64)).sample().dtype == torch.float32
    assert "RiemannianNormal(mu: torch.Size([3])" in repr(ht.RiemannianNormal(ZERO, 1.0))
    assert (repr(ht.SphericalUniform(3)), repr(ht.ToroidalUniform(2))) == ("SphericalUniform(3)", "ToroidalUniform(2)")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_laws_are_laws(case: Case) -> None:
    """A batch of size 0 makes laws, draws and densities of it, as in ``torch.distributions``."""
    law = case.build(torch.float32)
    law = law.expand((1, *law.batch_shape))
    kept = {name: getattr(law, name)[:0] for name in law.arg_constraints}
    none = type(law)(**kept, **({"model": law.model} if hasattr(law, "model") else {})) if kept else law.expand((0,))
    for name, constraint in none.arg_constraints.items():
        assert constraint.check(kept[name]).shape[0] == 0
    x = none.rsample((3,))
    assert x.shape[:2] == (3, 0)
    assert none.log_prob(x).shape == (3, 0, *law.batch_shape[1:])


def test_scales_are_reached_from_all_numbers() -> None:
    for law in (ht.WrappedNormal(torch.zeros(4, 3), 1.0), ht.ToroidalWrappedNormal(torch.zeros(4, 3), 1.0)):
        constraint = law.arg_constraints["sigma"]
        transform = biject_to(constraint)
        sigma = transform(torch.randn(4, 3))
        assert constraint.check(sigma).all()
        assert transform.log_abs_det_jacobian(transform.inv(sigma), sigma).shape == (4,)
