"""The horosphere layer: the Busemann function of the ball, its slope on far shells, the flat limit, derivatives."""

from __future__ import annotations

import math
from typing import Any

import mpmath as mp
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hyperdist.geometry import conversions, horosphere, tangent  # noqa: E402
from hyperdist_torch.nn import Curvature, Horosphere  # noqa: E402
from hyperdist_torch.nn import horosphere as layer  # noqa: E402

F64 = {"dtype": torch.float64}


def directions(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    w = rng.standard_normal((n, d))
    return w / np.linalg.norm(w, axis=-1, keepdims=True)


@pytest.mark.parametrize("c", [0.3, 1.0, 2.0])
def test_is_the_ball_s_busemann_function(c: float, rng: np.random.Generator) -> None:
    x, w, r = rng.standard_normal((20, 3)), directions(rng, 5, 3), rng.standard_normal(5)
    ball = math.sqrt(c) * conversions.tangent_to_poincare(x, c)
    square = np.sum((w - ball[:, None]) ** 2, axis=-1)
    busemann = np.log(square / (1 - np.sum(ball**2, axis=-1))[:, None]) / math.sqrt(c)
    np.testing.assert_allclose(horosphere.dist(x, w, r, c), -busemann - r, rtol=1e-12, atol=1e-13)


def test_is_the_limit_of_distances_to_balls(rng: np.random.Generator) -> None:
    """dist(x, exp_0(t w)) - t for a large t."""
    c, x, w = 0.8, 2 * rng.standard_normal((30, 3)), directions(rng, 1, 3)
    limit = tangent.dist(x, 40.0 * w, c) - 40.0
    np.testing.assert_allclose(horosphere.dist(x, w, np.zeros(1), c)[:, 0], -limit, rtol=0, atol=1e-12)


@pytest.mark.parametrize("radius", [0.0, 1e-9, 0.999, 1.001, 22.0, 700.0])
def test_against_mpmath(radius: float, rng: np.random.Generator) -> None:
    c, x, w = 1.3, radius / math.sqrt(1.3) * directions(rng, 10, 3), directions(rng, 4, 3)
    got = horosphere.dist(x, w, np.zeros(4), c)
    with mp.workdps(400):
        k = mp.sqrt(mp.mpf(c))
        for i, point in enumerate(x):
            for j, centre in enumerate(w):
                p, q = [mp.mpf(float(t)) for t in point], [mp.mpf(float(t)) for t in centre]
                size, norm = (mp.sqrt(mp.fsum(t * t for t in v)) for v in (p, q))
                cosine = mp.fsum(s * t for s, t in zip(p, q, strict=True)) / (size * norm) if size else 0
                expected = -mp.log(mp.cosh(k * size) - mp.sinh(k * size) * cosine) / k
                assert got[i, j] == pytest.approx(float(expected), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize(("dtype", "radii"), [(torch.float32, (5.0, 22.0, 80.0)), (torch.float64, (22.0, 700.0))])
def test_tells_directions_apart_on_every_shell(dtype: Any, radii: tuple[float, ...]) -> None:
    """The slope in the angle to the centre is -cot(theta/2) for every radius; straight at the centre it is finite."""
    weight, c = torch.tensor([[1.0, 0.0]], dtype=dtype), torch.tensor(1.0, dtype=dtype)
    for radius in radii:
        for theta in (0.3, 1.5, 3.0):
            angle = torch.tensor(theta, dtype=dtype, requires_grad=True)
            x = radius * torch.stack([torch.cos(angle), torch.sin(angle)])
            (slope,) = torch.autograd.grad(layer(x, weight, torch.zeros(1, dtype=dtype), c).sum(), angle)
            # <u, u'> = 0 is rounded, by an eps, and R is differentiated through it
            error = 20 * torch.finfo(dtype).eps * radius**2
            expected = -math.sin(theta) / (1 / math.tanh(radius) - math.cos(theta))
            assert expected == pytest.approx(-1 / math.tan(theta / 2), rel=3e-3)
            assert slope.item() == pytest.approx(expected, rel=1e-4, abs=error)
        x = torch.tensor([radius, 0.0], dtype=dtype, requires_grad=True)
        out = layer(x, weight, torch.zeros(1, dtype=dtype), c)
        assert torch.isfinite(torch.autograd.grad(out.sum(), x)[0]).all()


def test_flat_is_linear(rng: np.random.Generator) -> None:
    flat, x = Horosphere(4, 3, 0.0), torch.as_tensor(rng.standard_normal((7, 4)), dtype=torch.float32)
    linear = torch.nn.functional.linear(x, flat.weight, flat.bias)
    assert torch.equal(flat(x), linear)
    torch.testing.assert_close(layer(x, flat.weight, flat.bias, torch.tensor(0.0)), linear)
    torch.testing.assert_close(layer(x, flat.weight, flat.bias, torch.tensor(1e-14)), linear, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("radius", [0.0, 0.4, 3.0])
def test_derivatives(radius: float, rng: np.random.Generator) -> None:
    x = torch.as_tensor(radius * directions(rng, 3, 3)).requires_grad_()
    weight, bias = (torch.as_tensor(rng.standard_normal(s)).requires_grad_() for s in ((4, 3), (4,)))
    c = torch.tensor(0.7, **F64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (x, weight, bias, c), fast_mode=True)
    assert torch.autograd.gradgradcheck(layer, (x, weight, bias, c), fast_mode=True)


@pytest.mark.parametrize("model", conversions.MODELS)
@pytest.mark.parametrize("batch", [(), (3,), (2, 3), (0,)])
def test_shapes_and_models(batch: tuple[int, ...], model: str) -> None:
    module = Horosphere(4, 5, Curvature(0.7, learnable=True), model=model)
    x = torch.full((*batch, 4), 0.3)
    out = module(conversions.from_tangent(x, 0.7, model))
    assert out.shape == (*batch, 5)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, layer(x, module.weight, module.bias, torch.tensor(0.7)), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="x must have"):
        module(torch.zeros(*batch, 7))
