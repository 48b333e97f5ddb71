"""Points that layers hand to each other: what coordinates do not hold is refused, where it is made and where read."""

from __future__ import annotations

from typing import Any

import pytest

from hyperdist.geometry import conversions

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from hyperdist_torch.nn import ExpOrigin, Gyroplane, Horosphere, Klein, LogOrigin, MobiusLinear  # noqa: E402

READERS = [Gyroplane, Horosphere, Klein, MobiusLinear]


def features(radius: float, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    x = torch.randn(64, 3, dtype=dtype)
    return radius * x / torch.linalg.vector_norm(x, dim=-1, keepdim=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("model", ["poincare", "lorentz"])
@pytest.mark.parametrize("layer", READERS)
def test_layers_are_finite_or_refuse(layer: Any, model: str, dtype: torch.dtype) -> None:
    """From radius 1 to beyond what coordinates hold: finite outputs and gradients of an exp_0 head, or an error."""
    refused = []
    for radius in (1.0, 8.0, 12.0, 15.0, 16.5, 18.0, 30.0, 36.5, 40.0, 80.0, 95.0, 800.0):
        head = ExpOrigin(1.0, model)
        net = nn.Sequential(head, layer(3, 4, 1.0, model=model, dtype=dtype))
        if layer is MobiusLinear:
            net.append(LogOrigin(1.0, model))
        x = features(radius, dtype).requires_grad_()
        try:
            out = net(x)
        except ValueError:
            refused.append(radius)
            continue
        out.square().mean().backward()
        assert bool(torch.isfinite(out).all()), radius
        assert all(bool(torch.isfinite(p.grad).all()) for p in net.parameters()), radius
        assert bool(torch.isfinite(x.grad).all()), radius
    last = {"poincare": (16.5, 36.5), "lorentz": (80.0, 800.0)}[model][dtype == torch.float64]
    assert all(radius >= last for radius in refused), refused
    assert 800.0 in refused


@pytest.mark.parametrize("layer", [*READERS, LogOrigin])
def test_layers_refuse_points_on_the_boundary(layer: Any) -> None:
    read = layer(2.0, "poincare") if layer is LogOrigin else layer(3, 2, 2.0, model="poincare")
    x = torch.tensor([[0.1, 0.2, 0.3], [0.5**0.5, 0.1, 0.0]])
    with pytest.raises(ValueError, match=r"x must lie inside the ball, .* < 1, got .* = 1.0.*\(1 of 2 points\)"):
        read(x)
    read = layer(2.0, "lorentz") if layer is LogOrigin else layer(2, 2, 2.0, model="lorentz")
    with pytest.raises(ValueError, match="x must lie on the hyperboloid, with finite coordinates"):
        read(torch.tensor([torch.inf, torch.inf, 0.0]))


def test_mobius_linear_refuses_what_it_makes() -> None:
    layer = MobiusLinear(3, 3, 1.0, model="poincare", bias=False)
    x = conversions.tangent_to_poincare(features(8.0), 1.0)
    with torch.no_grad():
        layer.weight.copy_(3.0 * torch.eye(3))
    with pytest.raises(ValueError, match=r"64 of 64 points lie further .* torch.float32 poincare .* furthest at 24"):
        layer(x)


def test_nan_passes_and_compiled_layers_do_not_look() -> None:
    nan = torch.full((2, 3), torch.nan)
    for model in ("poincare", "lorentz"):
        x = ExpOrigin(1.0, model)(nan)
        assert bool(torch.isnan(Gyroplane(3, 4, 1.0, model=model)(x)).all())
    layer = Gyroplane(3, 4, 1.0, model="poincare")
    x = conversions.tangent_to_poincare(features(2.0), 1.0)
    torch.testing.assert_close(torch.vmap(layer)(x), layer(x))
    assert layer(x[:0]).shape == (0, 4)
