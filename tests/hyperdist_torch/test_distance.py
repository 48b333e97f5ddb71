"""Squared distance by the law of cosines: values and gradients of ``tangent.dist_sq``, and where it gives way to it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import hyperdist_torch as ht  # noqa: E402
from hyperdist.geometry import tangent  # noqa: E402
from hyperdist.geometry.fast import chord  # noqa: E402
from hyperdist_torch.fast.distance import dist_sq  # noqa: E402
from tests.support import oracles_spaces  # noqa: E402

N = 16
C = 1.3
RADII = [1e-4, 0.3, 2.0, 20.0, 60.0, 250.0]  # a + b up to 570; further out see below
KINDS = ["apart", "near", "aligned", "opposite", "same"]
Pair = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def pair(kind: str, d: int, radius: float, dtype: torch.dtype) -> Pair:
    def unit() -> torch.Tensor:
        return torch.nn.functional.normalize(torch.randn(N, d, dtype=torch.float64), dim=-1)

    x = (radius * unit()).to(dtype)
    y = {
        "apart": (0.6 * radius * unit()).to(dtype),
        "near": x * (1.0 + 8.0 * torch.finfo(dtype).eps * torch.randn(N, d, dtype=dtype)),
        "aligned": x * 0.999,
        "opposite": -x * (1.0 + 1e-5 * torch.randn(N, d, dtype=dtype)),
        "same": x.clone(),
    }[kind]
    return x, y, torch.full((N,), C, dtype=dtype)


def gradients(function: Callable[..., torch.Tensor], given: Pair, grad: torch.Tensor) -> list[torch.Tensor]:
    wanted = [v.detach().requires_grad_() for v in given]
    return [g.double() for g in torch.autograd.grad(function(*wanted), wanted, grad)]


def wide(given: Pair) -> Pair:
    x, y, c = given
    return x.double(), y.double(), c.double()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("d", [1, 2, 10])
@pytest.mark.parametrize(("dtype", "relative"), [(torch.float32, 1e-6), (torch.float64, 1e-13)], ids=str)
def test_value(dtype: torch.dtype, relative: float, d: int, radius: float, kind: str) -> None:
    """Against the law of cosines at 700 digits, at exactly the given coordinates."""
    x, y, c = (v[:4] for v in pair(kind, d, radius, dtype))
    value = dist_sq(x, y, c)
    assert value.dtype == dtype
    rows = zip(x.tolist(), y.tolist(), c.tolist(), strict=True)
    expected = [float(oracles_spaces.distance_tangent(*row) ** 2) for row in rows]
    np.testing.assert_allclose(value.double().numpy(), expected, rtol=relative, atol=0.0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("d", [1, 2, 10])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_gradients(dtype: torch.dtype, d: int, radius: float, kind: str) -> None:
    """Row by row, relative to the row's length; in c to dist^2/c.

    1e-11 in float64, 1e-8 between aligned points, where ``tangent.dist_sq`` has lost as much (mpmath: 1e-14 here).
    """
    given = pair(kind, d, radius, dtype)
    grad = torch.randn(N, dtype=dtype)
    expected = gradients(tangent.dist_sq, wide(given), grad.double())
    found = gradients(dist_sq, given, grad)
    relative = 1e-5 if dtype == torch.float32 else 1e-8 if kind == "aligned" else 1e-11
    for one, other in zip(found[:2], expected[:2], strict=True):
        size = other.norm(dim=-1)
        held = size < 0.1 * torch.finfo(dtype).max
        assert ((one - other).norm(dim=-1) <= relative * size)[held].all()
    scale = grad.double().abs() * tangent.dist_sq(*wide(given)) / C
    assert ((found[2] - expected[2]).abs() <= relative * scale).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_at_the_origin(dtype: torch.dtype) -> None:
    """dist^2 has the gradient -2 y at x = 0; 0 where both points are there."""
    x = torch.tensor([[0.0, 0.0], [1.0, 2.0], [0.0, 0.0], [1e-40, 0.0], [1e-17, 1e-17]], dtype=dtype)
    y = torch.tensor([[1.0, 2.0], [0.0, 0.0], [0.0, 0.0], [0.0, 3.0], [2e-17, 0.0]], dtype=dtype)
    given = x, y, torch.tensor([0.7, 1.0, 1.0, 2.0, 1.0], dtype=dtype)
    found = gradients(dist_sq, given, torch.ones(5, dtype=dtype))
    expected = gradients(tangent.dist_sq, wide(given), torch.ones(5, dtype=torch.float64))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-14)
    torch.testing.assert_close(found[0][0], -2.0 * y[0].double())
    for one in found:
        assert (one[2] == 0.0).all()
    np.testing.assert_allclose(dist_sq(*given).double(), tangent.dist_sq(*wide(given)), rtol=1e-6)


def test_broadcasting() -> None:
    x, y = torch.randn(5, 128, 3, requires_grad=True), torch.randn(128, 3, requires_grad=True)
    c = torch.tensor(0.8, requires_grad=True)
    grad = torch.randn(5, 128)
    for c_shape in ((), (128,), (5, 1)):
        given = x, y, c.expand(c_shape).detach()
        found = gradients(dist_sq, given, grad)
        expected = gradients(tangent.dist_sq, wide(given), grad.double())
        for one, other, v in zip(found, expected, given, strict=True):
            assert one.shape == v.shape
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    value = dist_sq(y, x, c)
    torch.testing.assert_close(value, dist_sq(x, y, c), rtol=1e-6, atol=0.0)
    (in_y,) = torch.autograd.grad(value.sum(), y)  # alone
    torch.testing.assert_close(in_y, torch.autograd.grad(tangent.dist_sq(x, y, c).sum(), y)[0], rtol=1e-4, atol=1e-4)


def test_tensors_of_an_accelerator_take_the_same_formulas() -> None:
    """On a device the core's functions meet tensors, here those of the CPU."""
    given = pair("apart", 4, 2.0, torch.float32)
    solved, hosted = chord.solve(*given), chord.solve(*(v.numpy() for v in given))
    np.testing.assert_allclose(chord.dist_sq(solved).numpy(), chord.dist_sq(hosted), rtol=1e-14)
    for one, other in zip(chord.pull_back(solved, given[2]), chord.pull_back(hosted, given[2].numpy()), strict=True):
        assert isinstance(one, torch.Tensor)
        assert isinstance(other, np.ndarray)
        np.testing.assert_allclose(one.numpy(), other, rtol=1e-5, atol=1e-6)


ENDS = [(c, radius) for c in (0.0, 1e-30, 1e-14, 1e-9, 1.0, 1e6) for radius in (1e-30, 0.5, 700.0, 1e40)]
"""Flat space and its neighbourhood, a strongly curved one; next to the origin and where exponentials overflow."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("c", "radius"), ENDS)
def test_serves_every_pair(c: float, radius: float, kind: str) -> None:
    """Values and gradients of ``tangent.dist_sq``, in c to the lesser of dist^2/c and 4 dist^2 (|x| + |y|)^2."""
    x, y, _ = pair(kind, 3, radius, torch.float64)
    given = x, y, torch.full((N,), c, dtype=torch.float64)
    ones = torch.ones(N, dtype=torch.float64)
    value, expected = dist_sq(*given), tangent.dist_sq(*given)
    relative = 1e-12 if kind == "near" else 1e-13
    torch.testing.assert_close(value, expected, rtol=relative, atol=0.0)
    found, wanted = gradients(dist_sq, given, ones), gradients(tangent.dist_sq, given, ones)
    for one, other in zip(found[:2], wanted[:2], strict=True):
        assert ((one - other).norm(dim=-1) <= relative * other.norm(dim=-1)).all()
    reach = torch.minimum(4.0 * (x.norm(dim=-1) + y.norm(dim=-1)) ** 2, torch.tensor(1.0 / c if c else np.inf))
    assert ((found[2] - wanted[2]).abs() <= 1e-10 * expected * reach).all()


@pytest.mark.parametrize("s", [0.999, 1.001])
def test_both_sides_of_the_series_in_c(s: float) -> None:
    """The gradient in c where (a + b)^2 passes its switch, to 1e-9 of the series' first term."""
    x, y, _ = pair("apart", 3, 1.0, torch.float64)
    c = chord._SERIES * s / (x.norm(dim=-1) + y.norm(dim=-1)) ** 2
    found, wanted = (gradients(f, (x, y, c), torch.ones_like(c))[2] for f in (dist_sq, tangent.dist_sq))
    assert ((found - wanted).abs() <= 1e-9 * tangent.dist_sq(x, y, c)).all()


def test_every_call_takes_the_triangle() -> None:
    x = torch.tensor([[0.5, 0.0], [400.0, 0.0]], dtype=torch.float64, requires_grad=True)
    for c in (0.0, 1e-12, 1.0):
        value = dist_sq(x, torch.tensor([-300.0, 1.0], dtype=torch.float64), torch.tensor(c, dtype=torch.float64))
        assert value.grad_fn is not None
        assert "_Node" in value.grad_fn.name()


def test_nan_and_inf_stay() -> None:
    for bad in (np.nan, np.inf):
        with np.errstate(invalid="ignore"):
            assert np.isnan(chord.dist_sq(chord.solve(np.array([bad, 0.0]), np.ones(2), np.array(1.0))))
    with np.errstate(all="ignore"):
        assert np.isnan(chord.dist_sq(chord.solve(np.ones(2), np.array([0.5, 0.0]), np.array(-1.0))))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_transforms_and_forward_mode(dtype: torch.dtype) -> None:
    x, y, c = pair("apart", 3, 1.0, dtype)
    along = torch.ones_like(x)
    wanted = x.clone().requires_grad_()
    (grad,) = torch.autograd.grad(dist_sq(wanted, y, c).sum(), wanted)
    expected = (grad * along).sum(dim=-1)
    torch.testing.assert_close(torch.func.jvp(lambda v: dist_sq(v, y, c), (x,), (along,))[1], expected)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, along)
        tangents = torch.autograd.forward_ad.unpack_dual(dist_sq(dual, y, c)).tangent
    torch.testing.assert_close(tangents, expected)
    each = torch.func.vmap(torch.func.grad(dist_sq))(x, y, c)
    torch.testing.assert_close(each, grad)
    rows = torch.autograd.functional.jacobian(lambda v: dist_sq(v, y, c), x, vectorize=True)
    torch.testing.assert_close(rows[range(N), range(N)], grad)


@pytest.mark.parametrize("model", ["poincare", "tangent"])
@pytest.mark.parametrize("law", [ht.RiemannianNormal, ht.WrappedNormal])
def test_second_derivatives_of_log_prob(law: type, model: str) -> None:
    mu = (0.3 * torch.randn(3, 2, dtype=torch.float64)).requires_grad_()
    x = 0.3 * torch.randn(3, 2, dtype=torch.float64)
    x[0] = mu[0].detach()  # smooth at the centre
    x.requires_grad_()
    sigma = torch.tensor([0.5, 0.8, 1.1], dtype=torch.float64, requires_grad=True)
    c = torch.tensor(0.9, dtype=torch.float64, requires_grad=True)

    def log_prob(x: torch.Tensor, mu: torch.Tensor, sigma: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        scale = sigma if law is ht.RiemannianNormal else sigma[:, None].expand(3, 2)
        return law(mu, scale, c, model=model).log_prob(x, model="tangent")

    assert torch.autograd.gradcheck(log_prob, (x, mu, sigma, c))
    assert torch.autograd.gradgradcheck(log_prob, (x, mu, sigma, c))


def test_a_point_changed_in_place_is_an_error() -> None:
    x = torch.randn(4, 3)
    y = torch.randn(4, 3, requires_grad=True)
    value = dist_sq(x, y, torch.ones(4))
    x.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        value.sum().backward()
