"""The Klein layer: its planes and their gyroplanes, its slope on far shells, derivatives; ``test_nn`` has the rest."""

from __future__ import annotations

import math
from typing import Any

import mpmath as mp
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hyperdist.geometry import conversions  # noqa: E402
from hyperdist_torch.nn import Klein, gyroplane  # noqa: E402
from hyperdist_torch.nn import klein as layer  # noqa: E402

F64 = {"dtype": torch.float64}


def rows(rng: np.random.Generator, n: int, d: int, length: float = 1.0) -> Any:
    w = torch.as_tensor(rng.standard_normal((n, d)))
    return length * w / w.norm(dim=-1, keepdim=True)


@pytest.mark.parametrize("radius", [0.0, 1e-9, 0.999, 1.001, 22.0, 700.0])
def test_against_mpmath(radius: float, rng: np.random.Generator) -> None:
    """kR/sinh(kR) times a linear function of Lorentz coordinates."""
    c, x, a, b = 1.3, rows(rng, 6, 3, radius), rows(rng, 4, 3), torch.as_tensor(rng.standard_normal(4))
    got = layer(x, a, b, torch.tensor(c, **F64))
    with mp.workdps(700):
        k = mp.sqrt(mp.mpf(c))
        for i, point in enumerate(x.tolist()):
            p = [mp.mpf(t) for t in point]
            size = mp.sqrt(mp.fsum(t * t for t in p))
            for j in range(4):
                along = mp.fsum(s * mp.mpf(t) for s, t in zip(p, a[j].tolist(), strict=True))
                height = k * size / mp.tanh(k * size) if size else mp.mpf(1)
                expected = along + height * mp.mpf(b[j].item())
                assert got[i, j].item() == pytest.approx(float(expected), rel=1e-13, abs=1e-14 * (1.0 + radius))


@pytest.mark.parametrize("c", [0.3, 1.4])
def test_vanishes_on_a_gyroplane(c: float, rng: np.random.Generator) -> None:
    """Of which the distance r from the origin has tanh(k r) = -k b/|a|; the values agree in sign everywhere."""
    k, x = math.sqrt(c), 3.0 * torch.as_tensor(rng.standard_normal((200, 3)))
    a, b = rows(rng, 5, 3, 2.0), torch.as_tensor(rng.uniform(-1.9, 1.9, 5)) / k
    curvature = torch.tensor(c, **F64)
    distance = gyroplane(x, a, 2.0 * torch.atanh(k * b / 2.0) / k, curvature)
    got = layer(x, a, b, curvature)
    assert torch.equal(got > 0, distance > 0)
    assert 0.1 < (got > 0).double().mean().item() < 0.9
    # feet of the planes on the geodesic through the origin
    feet = -torch.atanh(k * b / 2.0)[:, None] / k * a / 2.0
    assert layer(feet, a, b, curvature).diagonal().abs().max().item() < 1e-14


def test_is_the_gyroplane_near_the_origin(rng: np.random.Generator) -> None:
    """To first order in lengths: 1e-4 of them leave 1e-8."""
    x, a, b = 1e-4 * rows(rng, 20, 3), rows(rng, 5, 3), 1e-4 * torch.as_tensor(rng.standard_normal(5))
    c = torch.tensor(1.2, **F64)
    torch.testing.assert_close(layer(x, a, b, c), gyroplane(x, a, b, c), rtol=0, atol=1e-11)


@pytest.mark.parametrize(("dtype", "radius"), [(torch.float32, 22.0), (torch.float32, 1e4), (torch.float64, 700.0)])
def test_tells_directions_apart_on_every_shell(dtype: Any, radius: float) -> None:
    """The slope in the angle from the normal is -R sin(theta), where a gyroplane's is of width e^-R."""
    weight, bias, c = (torch.tensor(value, dtype=dtype) for value in ([[1.0, 0.0]], [0.3], 1.4))
    for theta in (0.3, 1.5, 3.0):
        angle = torch.tensor(theta, dtype=dtype, requires_grad=True)
        x = radius * torch.stack([torch.cos(angle), torch.sin(angle)])
        out = layer(x, weight, bias, c)
        (slope,) = torch.autograd.grad(out.sum(), angle)
        # x^T dx/dtheta = 0 is rounded, by an eps, and multiplied by k b
        assert slope.item() == pytest.approx(-radius * math.sin(theta), rel=10 * torch.finfo(dtype).eps)
        expected = radius * (math.cos(theta) + math.sqrt(1.4) * 0.3)
        assert out.item() == pytest.approx(expected, rel=20 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("radius", [0.0, 0.4, 3.0])
def test_derivatives(radius: float, rng: np.random.Generator) -> None:
    x = rows(rng, 3, 3, radius).requires_grad_()
    weight, bias = (torch.as_tensor(rng.standard_normal(s)).requires_grad_() for s in ((4, 3), (4,)))
    c = torch.tensor(0.7, **F64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (x, weight, bias, c), fast_mode=True)
    assert torch.autograd.gradgradcheck(layer, (x, weight, bias, c), fast_mode=True)


@pytest.mark.parametrize("model", conversions.MODELS)
def test_without_bias_and_in_every_model(model: str) -> None:
    for bias in (True, False):
        module, x = Klein(4, 5, 0.7, bias=bias, model=model), torch.randn(3, 4)
        expected = layer(x, module.weight, module.bias, torch.tensor(0.7))
        torch.testing.assert_close(module(conversions.from_tangent(x, 0.7, model)), expected, rtol=1e-4, atol=1e-5)
        assert f"bias={bias}" in repr(module)
        if not bias:
            assert torch.equal(expected, x @ module.weight.T)
