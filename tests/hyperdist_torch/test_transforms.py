"""Transforms to curved supports: one measure with the laws, whatever the model, the curvature or the seam."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.distributions import (  # noqa: E402
    biject_to,
    constraints,
    kl_divergence,
    transform_to,
)

import hyperdist_torch as ht  # noqa: E402
from hyperdist.geometry import conversions, lorentz, poincare, torus  # noqa: E402
from hyperdist_torch import transforms  # noqa: E402
from hyperdist_torch.constraints import Hyperboloid, PoincareBall, TangentVector  # noqa: E402
from tests.support.torch.inference import DOUBLE, LAWS, tensor  # noqa: E402
from tests.support.torch.laws import ball  # noqa: E402

CURVED = {"poincare": PoincareBall, "lorentz": Hyperboloid, "tangent": TangentVector}


@pytest.mark.parametrize("c", [0.0, 0.7, 4.0])
@pytest.mark.parametrize("length", [0.0, 0.3, 3.0])
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("model", CURVED)
def test_exponential_transform(model: str, d: int, length: float, c: float) -> None:
    """Inverse, and determinant against that of the Jacobian by autograd in the metric of the model."""
    if model == "lorentz" and c == 0.0:
        return
    support = CURVED[model](c)
    transform: Any = biject_to(support)
    assert transform == transform_to(support) == transform.with_cache()
    v = tensor(ball(d, length))
    x = transform(v)
    assert transform.codomain.check(x)
    assert transform.forward_shape(v.shape) == x.shape
    assert transform.inverse_shape(x.shape) == v.shape
    torch.testing.assert_close(transform.inv(x), v, rtol=1e-12, atol=1e-14)
    jacobian = torch.func.jacrev(lambda v: conversions.from_tangent(v, tensor(c), model))(v)
    metric = torch.eye(x.shape[-1], dtype=DOUBLE)
    if model == "lorentz":
        metric[0, 0] = -1.0
    expected = 0.5 * torch.linalg.slogdet(jacobian.T @ metric @ jacobian).logabsdet
    if model == "poincare":
        expected = expected + poincare.log_volume(x, c)
    if model != "tangent":  # whose chart is v itself
        torch.testing.assert_close(transform.log_abs_det_jacobian(v, x), expected, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(
        transform.log_abs_det_jacobian(v, x), biject_to(PoincareBall(c)).log_abs_det_jacobian(v, x)
    )


@pytest.mark.parametrize("model", CURVED)
def test_exponential_transform_has_gradients_in_c(model: str) -> None:
    v = tensor([ball(3, r) for r in (0.0, 0.1, 0.99, 1.01, 4.0)]).requires_grad_()
    c = tensor([1.0, 0.04, 1.0, 1.0, 0.8]).requires_grad_()

    def both(v: torch.Tensor, c: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        transform = biject_to(CURVED[model](c))
        x = transform(v)
        return transform.inv(x), transform.log_abs_det_jacobian(v, x) + x.sum(dim=-1)

    assert torch.autograd.gradcheck(both, (v, c))
    assert torch.autograd.gradgradcheck(both, (v, c))


def test_gradient_in_c_at_flat_space() -> None:
    """(d - 1) log(sinh(kr)/(kr)) = (d - 1) c r^2/6 + O(c^2)."""
    c, v = torch.zeros((), dtype=DOUBLE, requires_grad=True), tensor(ball(3, 0.9))
    for support in (PoincareBall(c), TangentVector(c)):
        transform = biject_to(support)
        (slope,) = torch.autograd.grad(transform.log_abs_det_jacobian(v, transform(v)), c)
        assert slope.item() == pytest.approx(2.0 * 0.81 / 6.0, rel=1e-12)


@pytest.mark.parametrize("n", [2, 3, 10])
def test_sphere_transform(n: int) -> None:
    """A fixed representative; the determinant is a chi density of the length."""
    transform = biject_to(ht.constraints.unit_sphere)
    assert transform == transform_to(ht.constraints.unit_sphere)
    assert not transform.bijective
    v = torch.randn(50, n, dtype=DOUBLE)
    x = transform(v)
    torch.testing.assert_close(x, v / v.norm(dim=-1, keepdim=True))
    torch.testing.assert_close(transform(transform.inv(x)), x)
    r = v.norm(dim=-1)
    chi = (n - 1) * r.log() - 0.5 * r.square() - (0.5 * n - 1.0) * math.log(2.0) - math.lgamma(0.5 * n)
    torch.testing.assert_close(transform.log_abs_det_jacobian(v, x) + (n - 1) * r.log(), chi)
    zero = torch.zeros(n, dtype=DOUBLE, requires_grad=True)
    assert transform(zero).tolist() == torch.eye(n)[0].tolist()
    assert torch.autograd.grad(transform(zero).sum(), zero)[0].isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_circle_transform(dtype: torch.dtype) -> None:
    transform = biject_to(ht.constraints.angles)
    assert transform == transform_to(ht.constraints.angles)
    assert not transform.bijective
    assert transform.inverse_shape((4, 3)) == (4, 6)
    assert transform.forward_shape((4, 6)) == (4, 3)
    with pytest.raises(ValueError, match="two coordinates an angle"):
        transform(torch.zeros(3))
    v = torch.randn(50, 6, dtype=dtype)
    x = transform(v)
    torch.testing.assert_close(x, torch.atan2(v[:, 1::2], v[:, ::2]))
    assert transform.log_abs_det_jacobian(v, x).shape == (50,)
    ends = torch.tensor([-math.pi, -math.pi / 2, 0.0, 3.0, 3.14159, 1e-30], dtype=dtype)[:, None]
    there = transform(transform.inv(ends))
    assert ht.constraints.angles.check(there).all()
    assert (torus.wrap(there - ends).abs() <= 4.0 * torch.finfo(dtype).eps).all()
    assert transform(torch.tensor([[-1.0, 0.0], [0.0, 0.0], [-1.0, -0.0]], dtype=dtype)).flatten().tolist() == [
        pytest.approx(-math.pi), 0.0, pytest.approx(-math.pi),
    ]  # fmt: skip


@pytest.mark.parametrize("name", LAWS)
def test_every_support_has_its_transform(name: str) -> None:
    law = LAWS[name]()
    transform: Any = biject_to(law.support)
    x = law.sample((3,))
    v = transform.inv(x)
    assert v.shape == transform.inverse_shape(x.shape)
    torch.testing.assert_close(transform(v), x, rtol=1e-9, atol=1e-9)
    assert transform.log_abs_det_jacobian(v, x).shape == x.shape[:-1]
    assert transform_to(law.support)(v).shape == x.shape


ONES = [
    transforms.BallTransform(tensor([0.5, 2.0])),
    transforms.HyperboloidTransform(0.5),
    transforms.TangentTransform(0.5),
    transforms.SphereTransform(),
    transforms.CircleTransform(),
]


@pytest.mark.parametrize("transform", ONES, ids=lambda one: type(one).__name__)
def test_transforms_are_values(transform: Any) -> None:
    """Equality, copies, pickles, caches, ``vmap``."""
    twin = pickle.loads(pickle.dumps(transform))
    assert transform == twin == copy.deepcopy(transform) == transform.with_cache()
    assert sum(transform == other for other in ONES) == 1
    assert transform.inv.inv is transform
    assert transform.inv == twin.inv
    cached = transform.with_cache()
    assert cached.with_cache() is cached
    v = torch.randn(2, 4, dtype=DOUBLE)
    x = cached(v)
    assert cached(v) is x
    assert cached.inv(x) is v
    torch.testing.assert_close(transform(v), x)
    log_det = transform.log_abs_det_jacobian(v, x)
    batch = torch.randn(3, 2, 4, dtype=DOUBLE)
    torch.testing.assert_close(torch.vmap(transform)(batch), transform(batch))
    assert torch.vmap(transform.log_abs_det_jacobian)(batch, transform(batch)).shape == (3, *log_det.shape)


def test_curvatures_tell_transforms_apart() -> None:
    one = transforms.BallTransform(1.0)
    assert one == transforms.BallTransform(tensor(1.0))
    assert one != transforms.BallTransform(2.0)
    assert one != transforms.BallTransform(torch.ones(2))
    assert one != transforms.TangentTransform(1.0)


def test_finite_vectors_are_as_they_are() -> None:
    transform = biject_to(ht.constraints.finite_vector)
    v = torch.randn(4, 3)
    assert torch.equal(transform(v), v)
    assert torch.equal(transform.log_abs_det_jacobian(v, v), torch.zeros(4))
    assert biject_to(ht.constraints.tangent_vector).log_abs_det_jacobian(v, v).tolist() == [0.0] * 4


EXTREMES = {torch.float32: [0.0, 1e-44, 1e-30, 20.0, 1e18, 1e38], DOUBLE: [0.0, 5e-324, 1e-200, 40.0, 1e308]}


@pytest.mark.parametrize("dtype", EXTREMES, ids=str)
@pytest.mark.parametrize("d", [1, 3, 1000])
def test_transforms_reach_their_support_from_any_vector(dtype: torch.dtype, d: int) -> None:
    """Where squares under- or overflow, and where no number is left between a point and the boundary."""
    for size in EXTREMES[dtype]:
        x = torch.full((d,), size, dtype=dtype, requires_grad=True)
        assert ht.constraints.angles.check(biject_to(ht.constraints.angles)(x.repeat(2)))
        direction = biject_to(ht.constraints.unit_sphere)(x)
        assert ht.constraints.unit_sphere.check(direction)
        assert torch.autograd.grad(direction.sum(), x)[0].isfinite().all()
        for model, kind in CURVED.items():
            for c in (0.0, 0.3, 1.0, 1e6):
                if c == 0.0 and model == "lorentz":
                    continue
                transform = biject_to(kind(c))
                y = transform(x)
                assert kind(c).check(y)
                if model == "poincare":
                    assert torch.equal(y == 0.0, x / 2.0 == 0.0)
                log_det = transform.log_abs_det_jacobian(x, y)
                assert 0.0 <= log_det < math.inf
                total = (y / y.detach().abs().amax().clamp(min=1.0)).sum() + log_det
                assert torch.autograd.grad(total, x)[0].isfinite().all()


@pytest.mark.parametrize("r", [1.0, 35.0, 700.0, 1e100, 1e200])
def test_determinant_is_that_of_the_vector_at_any_radius(r: float) -> None:
    """(d - 1)(kr - log 2kr) far out, also where the coordinates hold no such radius and squares overflow."""
    v = tensor([0.6 * r, 0.8 * r])
    for kind in CURVED.values():
        transform = biject_to(kind(0.25))
        a = 0.5 * r
        expected = a - math.log(2.0 * a) + math.log1p(-math.exp(-2.0 * a))
        assert transform.log_abs_det_jacobian(v, transform(v)).item() == pytest.approx(expected, rel=1e-14)


def test_points_stay_on_the_hyperboloid() -> None:
    v = torch.randn(2000, 2, dtype=DOUBLE) * tensor([30.0, 0.01])
    x = biject_to(Hyperboloid(0.7))(v)
    assert Hyperboloid(0.7).check(x).all()
    torch.testing.assert_close(x, lorentz.lift(x[..., 1:], tensor(0.7)))


def test_supports_of_parameters_and_laws() -> None:
    """A law's tangent support knows its curvature; those of a mixture and of an expanded law have its batch."""
    law = ht.RiemannianNormal(torch.zeros(2), 1.0, torch.tensor([0.5, 2.0]), model="tangent")
    assert torch.equal(law.support.c, law.c)
    assert law.expand((3, 2)).support.c.shape == (3, 2)
    mixture = ht.Mixture([0.5, 0.5], ht.RiemannianNormal(torch.zeros(2), torch.ones(2), 0.7, model="tangent"))
    assert mixture.support.c == torch.tensor(0.7)
    assert kl_divergence(law, law).shape == (2,)
    assert constraints.is_dependent(type(law).support)
    assert type(law).support.event_dim == 1
