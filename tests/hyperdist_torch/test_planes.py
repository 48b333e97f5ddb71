"""Distances to planes as one node of the graph: values and gradients of the generic form, and where it gives way."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from hyperdist.geometry import gyroplane as kernel  # noqa: E402
from hyperdist_torch.fast import planes as _planes  # noqa: E402

C = 0.7
NAMES = ("x", "weight", "bias", "c")


@pytest.fixture(autouse=True)
def _seed(seed: int) -> None:
    torch.manual_seed(seed % 2**63)


def arguments(d: int, radius: float, dtype: Any, far: bool, learnt: bool) -> list[Any]:
    """Points at radii up to ``radius``, 0 among them, one of them on a plane; planes within 2, and a few at 12 and
    beyond all reach, on the points' other side. Lengths in units of 1/k."""
    k = C**0.5
    length = torch.linspace(0.0, radius, 12)[:, None] / k
    x = length * torch.nn.functional.normalize(torch.randn(12, d), dim=-1)
    weight, r = torch.randn(9, d), 2.0 * torch.rand(9) - 1.0
    x[:, 0] = x[:, 0].abs()
    if d > 1:
        x[-1] = 0.0
        x[-1, 0], weight[0, 0], r[0] = radius, 0.0, 0.0
    if far:
        weight[6:, 0], r[6:] = weight[6:, 0].abs(), -torch.tensor([12.0, 60.0, 400.0])
    bias = -r / k * weight.norm(dim=-1)
    c = torch.tensor(C, dtype=dtype, requires_grad=learnt)
    return [*(v.to(dtype).requires_grad_() for v in (x, weight, bias)), c]


def apart(given: list[Any]) -> list[Any]:
    """``arguments`` with points whose directions are .02 off every plane, but for the last one: beside a plane
    that is far out the rounding of a direction decides on which side a point lies."""
    x, weight = given[0].detach().clone(), nn.functional.normalize(given[1].detach(), dim=-1)
    while (near := (nn.functional.normalize(x[1:-1], dim=-1) @ weight.T).abs().amin(dim=-1) < 0.02).any():
        fresh = nn.functional.normalize(torch.randn(int(near.sum()), x.shape[-1], dtype=x.dtype), dim=-1)
        fresh[:, 0] = fresh[:, 0].abs()
        x[1:-1][near] = fresh * x[1:-1][near].norm(dim=-1, keepdim=True)
    return [x.requires_grad_(), *given[1:]]


def conditions(x: Any, weight: Any, bias: Any, c: Any) -> Any:
    """Of each output, (1 + k R + k|r|) times what rounding of the product's two terms is multiplied by; where the
    product is exactly 0 nothing is rounded."""
    points, (planes, rho) = kernel.lift_points(x, c), kernel.lift_planes(weight, bias, c)
    q, growth = points.vector @ planes.vector.T, 0.0 * rho if planes.excess is None else planes.excess
    terms = rho.sqrt() * points.vector.norm(dim=-1)[:, None] * planes.vector.norm(dim=-1)
    length = (c.sqrt() * x.norm(dim=-1))[:, None] + rho.sqrt() * bias.abs()
    return torch.where(q == 0.0, torch.zeros_like(q), 1.0 + length) * terms / kernel.inverse_slope(q, rho, growth)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("learnt", [False, True])
@pytest.mark.parametrize("far", [False, True])
@pytest.mark.parametrize("radius", [0.0, 0.01, 1.0, 8.0, 30.0])
@pytest.mark.parametrize("d", [1, 2, 10, 20])
def test_value_and_gradients_are_the_generic_form_s(d: int, radius: float, far: bool, learnt: bool, dtype: Any) -> None:
    """Within 16 eps of the sizes of their terms, times their condition."""
    given = arguments(d, radius, dtype, far, learnt)
    wide = [v.detach().double().requires_grad_(v.requires_grad) for v in given]
    grad = torch.randn(12, 9, dtype=dtype)
    out, expected = _planes.distances(*given), _planes.differentiable(*wide)
    assert "_Node" in str(out.grad_fn)
    chosen = range(3 + learnt)
    found, right = (
        torch.autograd.grad(y, [source[i] for i in chosen], grad.to(y.dtype))
        for y, source in ((out, given), (expected, wide))
    )
    with torch.no_grad():
        condition = 1.0 + conditions(*wide)
        length = wide[1].norm(dim=-1)
        parts = (grad * expected).abs()
        sizes = [
            right[0].abs().amax(dim=-1, keepdim=True) + (grad.abs() * length).sum(dim=-1, keepdim=True),
            (right[1].abs().amax(dim=-1) + parts.sum(dim=0) / length)[:, None],
            right[2].abs() + grad.abs().sum(dim=0),
            parts.sum() / C,
        ]
        by = [
            condition.amax(dim=1, keepdim=True),
            condition.amax(dim=0)[:, None],
            condition.amax(dim=0),
            condition.max(),
        ]
        eps = 16.0 * torch.finfo(dtype).eps
        assert ((out - expected).abs() <= eps * condition * (expected.abs() + length / C**0.5)).all()
        for i in chosen:
            error, bound = (found[i] - right[i]).abs(), eps * sizes[i] * by[i]
            assert (error <= bound).all(), f"{NAMES[i]}: {(error / bound).max():.1f} times the bound"


def test_without_a_graph_and_in_blocks() -> None:
    """More rows than a block takes; the same values with and without a graph, which are the generic ones."""
    x, weight, bias, c = arguments(3, 5.0, torch.float64, True, False)
    x = x.detach().repeat(1000, 1).reshape(40, 300, 3)
    out = _planes.distances(x, weight, bias, c)
    with torch.no_grad():
        assert torch.equal(_planes.distances(x, weight, bias, c), out)
        torch.testing.assert_close(out, _planes.differentiable(x, weight, bias, c), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("dtype", "radius"), [(torch.float32, 80.0), (torch.float64, 690.0)], ids=["float32", "float64"]
)
@pytest.mark.parametrize("learnt", [False, True])
@pytest.mark.parametrize("far", [False, True])
@pytest.mark.parametrize("d", [3, 20])
def test_far_points_are_taken_apart(d: int, far: bool, learnt: bool, dtype: Any, radius: float) -> None:
    """Of rows on both sides of the largest exponent, values and gradients are those of the generic form; and the near
    ones are what they are alone."""
    given = apart(arguments(d, radius, dtype, far, learnt))
    chosen = given[: 3 + learnt]
    grad = torch.randn(12, 9, dtype=dtype)
    out, expected = _planes.distances(*given), _planes.differentiable(*given)
    assert "_Node" in str(out.grad_fn)
    for found, right in zip(
        (out, *torch.autograd.grad(out, chosen, grad)),
        (expected, *torch.autograd.grad(expected, chosen, grad)),
        strict=True,
    ):
        size = right.detach().abs().amax(dim=-1, keepdim=True) if right.ndim else right.abs().item()
        assert ((found - right).abs() <= 1e4 * torch.finfo(dtype).eps * (right.abs() + size)).all()
    near = given[0][:3]
    assert kernel.lift_points(near, given[3]).excess is None
    assert kernel.lift_points(given[0], given[3]).excess is not None
    torch.testing.assert_close(_planes.distances(near, *given[1:]), out[:3])


def test_second_derivatives() -> None:
    """In all arguments, planes beyond all reach among them."""
    given = arguments(3, 2.0, torch.float64, True, True)
    given[0] = given[0].detach()[-3:].requires_grad_()
    assert torch.autograd.gradcheck(_planes.distances, given)
    assert torch.autograd.gradgradcheck(_planes.distances, given, fast_mode=True)


def test_only_what_is_wanted() -> None:
    """Gradients in single arguments are those in all."""
    given = arguments(3, 2.0, torch.float64, False, True)
    together = torch.autograd.grad(_planes.distances(*given).sum(), given)
    for i, right in enumerate(together):
        alone = [v if i == j else v.detach() for j, v in enumerate(given)]
        torch.testing.assert_close(torch.autograd.grad(_planes.distances(*alone).sum(), given[i])[0], right)


def test_many_gradients_at_once() -> None:
    """A vmap over the backward pass."""
    x, weight, bias, c = arguments(3, 2.0, torch.float64, True, True)
    place = lambda *given: _planes.distances(x[:4], *given)  # noqa: E731
    one, other = (
        torch.autograd.functional.jacobian(place, (weight, bias, c), vectorize=vectorize) for vectorize in (False, True)
    )
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


def test_gives_way_to_the_generic_form() -> None:
    """In transforms; NaN stays in its row."""
    x, weight, bias, c = arguments(3, 30.0, torch.float32, False, False)
    mapped = torch.vmap(lambda x: _planes.distances(x, weight, bias, c))(x[:, None])[:, 0]
    torch.testing.assert_close(mapped, _planes.distances(x, weight, bias, c), rtol=1e-3, atol=1e-4)
    bad = x.detach().clone()
    bad[3] = torch.nan
    out = _planes.distances(bad, weight, bias, c)
    assert out[3].isnan().all()
    assert torch.isfinite(out[[0, 1, 2, 4, 11]]).all()
