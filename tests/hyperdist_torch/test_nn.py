"""Layers: values against mpmath and the core, derivatives at the singular points, range, flat limit, bad input."""

from __future__ import annotations

import math
from typing import Any

import mpmath as mp
import pytest

torch = pytest.importorskip("torch")

from hyperdist.geometry import conversions, poincare, tangent  # noqa: E402
from hyperdist.geometry import gyroplane as kernel  # noqa: E402
from hyperdist_torch.nn import (  # noqa: E402
    Curvature,
    ExpOrigin,
    Gyroplane,
    Klein,
    LogOrigin,
    MobiusLinear,
    gyroplane,
    klein,
    mobius_linear,
    riemannian_gradient,
)

F64 = {"dtype": torch.float64}
REACH = [pytest.param(torch.float32, 80.0, id="float32"), pytest.param(torch.float64, 700.0, id="float64")]
FUNCTIONS = {Gyroplane: gyroplane, Klein: klein, MobiusLinear: mobius_linear}
LAYERS = list(FUNCTIONS)


@pytest.fixture(autouse=True)
def _seed(seed: int) -> None:
    torch.manual_seed(seed % 2**63)


def at_radius(n: int, d: int, radius: float, dtype: Any = torch.float64) -> Any:
    x = torch.randn(n, d, dtype=dtype)
    return radius * x / x.norm(dim=-1, keepdim=True)


def exact_row(x: Any, a: Any, b: Any, c: float) -> float:
    """|a| times the signed distance to the plane (a/|a|, -b/|a|), from the definition."""
    with mp.workdps(700):
        x, a = [mp.mpf(float(t)) for t in x], [mp.mpf(float(t)) for t in a]
        k, b, radius, length = (
            mp.sqrt(mp.mpf(c)),
            mp.mpf(float(b)),
            *(mp.sqrt(mp.fsum(t * t for t in v)) for v in (x, a)),
        )
        inner = mp.fsum(s * t for s, t in zip(x, a, strict=True)) / length
        slope = mp.sinh(k * radius) / radius if radius else k
        sinh = slope * inner * mp.cosh(k * b / length) + mp.cosh(k * radius) * mp.sinh(k * b / length)
        return float(length * mp.asinh(sinh) / k)


@pytest.mark.parametrize("far", [0.0, 0.3, 4.0, 300.0])
@pytest.mark.parametrize("radius", [0.0, 0.01, 1.0, 20.0, 700.0])
def test_gyroplane_against_mpmath(radius: float, far: float) -> None:
    """Planes at distances up to 300: the error is that of x moved by an eps, through the true slope."""
    c, x = 1.3, at_radius(4, 5, radius / math.sqrt(1.3))
    layer = Gyroplane(5, 6, c, **F64)
    with torch.no_grad():
        layer.bias.mul_(far / layer.bias.abs().max())
    got, weight, bias = layer(x).detach(), layer.weight.detach(), layer.bias.detach()
    expected = torch.tensor([[exact_row(p, a, b, c) for a, b in zip(weight, bias, strict=True)] for p in x], **F64)
    torch.testing.assert_close(got, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("model", conversions.MODELS)
def test_gyroplane_is_the_core_s_distance(model: str) -> None:
    c, x = 0.7, torch.randn(2, 3, 4, **F64)
    layer = Gyroplane(4, 5, c, model=model, **F64)
    got = layer(conversions.from_tangent(x, c, model))
    length = layer.weight.norm(dim=-1)
    expected = length * kernel.dist(x[..., None, :], layer.weight / length[:, None], -layer.bias / length, c)
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("layer", LAYERS)
def test_flat_is_linear(layer: Any) -> None:
    flat, x = layer(4, 3, 0.0), torch.randn(7, 4)
    linear = torch.nn.functional.linear(x, flat.weight, flat.bias)
    assert torch.equal(flat(x), linear)
    for c in (0.0, 1e-12):
        got = FUNCTIONS[layer](x, flat.weight, flat.bias, torch.tensor(c))
        torch.testing.assert_close(got, linear, rtol=2e-6, atol=2e-7)
    for c in (0.0, 0.7):
        of_tensor = FUNCTIONS[layer](x, flat.weight, flat.bias, torch.tensor(c))
        torch.testing.assert_close(FUNCTIONS[layer](x, flat.weight, flat.bias, c), of_tensor)


@pytest.mark.parametrize("c", [0.0, 1e-12, 0.7])
@pytest.mark.parametrize("radius", [0.0, 0.02, 0.3, 3.0, 9.0])
def test_gyroplane_derivatives(radius: float, c: float) -> None:
    """First and second, against differences: at x = 0, on a plane, on both sides of the switches, in c where c > 0."""
    x, weight, bias = at_radius(3, 3, radius), torch.randn(4, 3, **F64), torch.randn(4, **F64)
    if radius:
        weight[0] = torch.linalg.cross(x[0], x[1]) / radius
    bias[0] = 0.0
    arguments = [t.requires_grad_() for t in (x, weight, bias)] + [torch.tensor(c, requires_grad=c == 0.7, **F64)]
    assert torch.autograd.gradcheck(gyroplane, arguments, fast_mode=True, rtol=1e-4)
    if radius < 5.0:
        assert torch.autograd.gradgradcheck(gyroplane, arguments, fast_mode=True, rtol=1e-4)


def test_gyroplane_derivative_in_c_at_zero() -> None:
    """That at c = 0 is the limit of those at c > 0, below the switch to a power series and above."""
    x, weight, bias = torch.randn(5, 3, **F64), torch.randn(4, 3, **F64), torch.randn(4, **F64)
    slopes = [
        torch.autograd.functional.jacobian(lambda c: gyroplane(x, weight, bias, c), torch.tensor(c, **F64))
        for c in (0.0, 1e-9)
    ]
    assert (slopes[0].abs() > 1e-3).any()
    torch.testing.assert_close(*slopes, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("dtype", "radius"), REACH)
def test_gyroplane_on_a_plane_far_out(dtype: Any, radius: float) -> None:
    """d out/dx = sinh(R)/R a where <x, a> = 0; second derivatives finite; off the plane d out/dR = +-|a|."""
    x = torch.tensor([0.0, radius, 0.0], dtype=dtype, requires_grad=True)
    weight = torch.tensor([[2.0, 0.0, 0.0], [0.5, 3.0, 0.0], [0.1, -1.0, 2.0]], dtype=dtype, requires_grad=True)
    out = gyroplane(x, weight, torch.zeros(3, dtype=dtype), torch.tensor(1.0, dtype=dtype))
    assert out[0] == 0.0
    on_plane, ahead, behind = (torch.autograd.grad(o, x, create_graph=True)[0] for o in out)
    slope = 2.0 * float(mp.sinh(radius)) / radius
    assert on_plane.tolist() == pytest.approx([slope, 0.0, 0.0], rel=1e3 * torch.finfo(dtype).eps)
    lengths = weight.detach().norm(dim=-1)
    torch.testing.assert_close(ahead[1], lengths[1])
    torch.testing.assert_close(behind[1], -lengths[2])
    for row in (on_plane, ahead, behind):
        for element in row:
            for second in torch.autograd.grad(element, (x, weight), retain_graph=True):
                assert torch.isfinite(second).all()


@pytest.mark.parametrize(("dtype", "radius"), REACH)
@pytest.mark.parametrize("layer", LAYERS)
def test_layers_are_finite_far_out(layer: Any, dtype: Any, radius: float) -> None:
    """Points and planes (or biases) at any radius up to the bound: values, first and second derivatives."""
    for far in (0.0, 1.0, 5.0, 30.0, radius):
        module = layer(3, 4, 1.0, dtype=dtype)
        with torch.no_grad():
            module.bias.mul_(far / module.bias.norm())
        x = at_radius(5, 3, radius, dtype).requires_grad_()
        out = module(x)
        assert out.dtype == dtype
        gradients = torch.autograd.grad(out.square().sum(), (x, *module.parameters()), create_graph=True)
        seconds = torch.autograd.grad(sum(g.sum() for g in gradients), (x, *module.parameters()))
        for value in (out, *gradients, *seconds):
            assert torch.isfinite(value).all(), f"plane or bias at {far}"


def test_gyroplane_without_a_normal() -> None:
    """a = 0 has no plane: the output is the bias, and the gradients are finite."""
    layer = Gyroplane(3, 2, 1.0, **F64)
    with torch.no_grad():
        layer.weight.zero_()
    x = torch.randn(5, 3, **F64)
    out = layer(x)
    torch.testing.assert_close(out, layer.bias.expand(5, 2), rtol=1e-7, atol=1e-7)
    out.sum().backward()
    assert torch.isfinite(layer.weight.grad).all()
    torch.testing.assert_close(layer.bias.grad, torch.full((2,), 5.0, **F64), rtol=1e-6, atol=0)


def test_rotations_and_units() -> None:
    """Points and planes turned together; and c at scale 1 is c k^2 at scale 1/k, weights of the same length."""
    x, k = torch.randn(6, 3, **F64), 2.5
    turn = torch.linalg.qr(torch.randn(3, 3, **F64)).Q
    weight, bias, c = torch.randn(4, 3, **F64), torch.randn(4, **F64), torch.tensor(0.6, **F64)
    expected = gyroplane(x, weight, bias, c)
    torch.testing.assert_close(gyroplane(x @ turn, weight @ turn, bias, c), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(gyroplane(x / k, weight, bias / k, c * k * k), expected / k, rtol=1e-12, atol=1e-12)
    expected = mobius_linear(x, weight, bias, c)
    torch.testing.assert_close(mobius_linear(x @ turn, weight @ turn, bias, c), expected, rtol=1e-11, atol=1e-12)
    got = mobius_linear(x / k, weight, bias / k, c * k * k)
    torch.testing.assert_close(got, expected / k, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("model", conversions.MODELS)
def test_mobius_linear_is_the_ball_s(model: str, bias: bool) -> None:
    c, x = 0.7, 0.5 * torch.randn(2, 5, 4, **F64)
    layer = MobiusLinear(4, 3, c, bias=bias, model=model, **F64)
    got = conversions.to_tangent(layer(conversions.from_tangent(x, c, model)), c, model)
    ball = poincare.mobius_matvec(layer.weight, conversions.tangent_to_poincare(x, c), c)
    if layer.bias is not None:
        ball = poincare.mobius_add(conversions.tangent_to_poincare(layer.bias, c), ball, c)
    torch.testing.assert_close(got, conversions.poincare_to_tangent(ball, c), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("c", [0.0, 0.7])
@pytest.mark.parametrize("radius", [0.0, 0.3, 4.0])
def test_mobius_linear_derivatives(radius: float, c: float) -> None:
    x, weight, bias = at_radius(3, 3, radius), torch.randn(2, 3, **F64), torch.randn(2, **F64)
    arguments = [t.requires_grad_() for t in (x, weight, bias)] + [torch.tensor(c, requires_grad=c > 0.0, **F64)]
    assert torch.autograd.gradcheck(mobius_linear, arguments, fast_mode=True)
    assert torch.autograd.gradgradcheck(mobius_linear, arguments, fast_mode=True)


@pytest.mark.parametrize("model", conversions.MODELS)
def test_heads_are_inverse_to_each_other(model: str) -> None:
    v, curvature = torch.randn(2, 3, 4, **F64), Curvature(0.7, **F64)
    x = ExpOrigin(curvature, model)(v)
    torch.testing.assert_close(x, conversions.from_tangent(v, 0.7, model))
    torch.testing.assert_close(LogOrigin(curvature, model)(x), v, rtol=1e-12, atol=1e-12)
    scaled = ExpOrigin(curvature, model, riemannian_gradient=True)(v)
    assert torch.equal(scaled, x)


@pytest.mark.parametrize("radius", [0.0, 1e-3, 0.7, 6.0, 300.0])
def test_riemannian_gradient(radius: float) -> None:
    """G^-1 of the plain gradient: along v as it is, across over (sinh(a)/a)^2; and its own derivative is right."""
    c, g = torch.tensor(1.7, **F64), torch.randn(4, 3, **F64)
    v = at_radius(4, 3, radius).requires_grad_()
    (got,) = torch.autograd.grad((riemannian_gradient(v, c) * g).sum(), v, create_graph=True)
    direction = v.detach() / max(radius, 1e-300)
    along = (g * direction).sum(-1, keepdim=True) * direction
    a = math.sqrt(1.7) * radius
    stretch = math.sinh(a) / a if radius else 1.0
    torch.testing.assert_close(got.detach(), along + (g - along) / stretch / stretch, rtol=1e-11, atol=1e-13)
    inverse = lambda v: tangent.from_frame(v, tangent.from_frame(v, g, c), c)  # noqa: E731
    again = torch.autograd.grad(got.square().sum(), v)[0]
    torch.testing.assert_close(again, torch.autograd.grad(inverse(v).square().sum(), v)[0])


def test_riemannian_gradient_step_does_not_depend_on_the_radius() -> None:
    """Descending the squared distance to a target moves a mean by the same length at every radius."""
    head = ExpOrigin(1.0, riemannian_gradient=True)
    for radius in (0.5, 5.0, 17.0):
        v = torch.tensor([radius, 0.0], **F64, requires_grad=True)
        target = tangent.boost(v.detach(), torch.tensor([0.6, 0.8], **F64), 1.0)
        (gradient,) = torch.autograd.grad(tangent.dist_sq(head(v), target, 1.0), v)
        length = tangent.to_frame(v.detach(), gradient, 1.0).norm()
        assert length.item() == pytest.approx(2.0, rel=1e-6)


@pytest.mark.parametrize("c", [1e-3, 0.7, 50.0])
def test_curvature_does_not_drift(c: float) -> None:
    """100,000 float32 steps of Adam's size that cancel, in a random order: c comes back to 1e-6."""
    curvature = Curvature(c, learnable=True)
    assert curvature().item() == torch.tensor(c).item()
    steps = 1e-4 * torch.rand(50_000)
    steps = torch.cat([steps, -steps])[torch.randperm(100_000)]
    with torch.no_grad():
        for step in steps.tolist():
            curvature.theta.add_(step)
    assert curvature().item() == pytest.approx(c, rel=1e-6)


def test_curvature_learns() -> None:
    curvature = Curvature(0.7, learnable=True, **F64)
    assert curvature().item() == 0.7
    assert curvature().shape == ()
    curvature().square().backward()
    assert curvature.theta.grad.item() == pytest.approx(2 * 0.7 * 0.7)
    with torch.no_grad():
        curvature.theta.fill_(-200.0)
    assert curvature() > 0.0
    assert not list(Curvature(0.7).parameters())


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, [1.0, 2.0]])
def test_curvature_must_be_one_number_not_negative(value: Any) -> None:
    with pytest.raises(ValueError, match="c must be"):
        Curvature(value)


def test_flat_curvature_is_not_learnt() -> None:
    with pytest.raises(ValueError, match=r"c must be > 0 to be learnt, got 0\.0"):
        Curvature(0.0, learnable=True)
    assert Curvature(0.0).flat
    with pytest.raises(ValueError, match="to be learnt"):
        Curvature(1.0, learnable=True).load_state_dict(Curvature(0.0).state_dict())


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("learnable", [False, True])
def test_state_dict_round_trip(layer: Any, learnable: bool, tmp_path: Any) -> None:
    """Through a file read with weights_only: the same outputs, the curvature with them."""
    one, other = (layer(4, 3, Curvature(c, learnable=learnable)) for c in (0.7, 1.9))
    if learnable:
        torch.nn.init.constant_(one.curvature.theta, 0.3)
    torch.save(one.state_dict(), tmp_path / "state.pt")
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    x = torch.randn(5, 4)
    assert torch.equal(one(x), other(x))
    assert other.curvature.initial == 0.7


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [(), (3,), (2, 3), (0,)])
@pytest.mark.parametrize("layer", LAYERS)
def test_shapes_and_dtypes(layer: Any, batch: tuple[int, ...], dtype: Any) -> None:
    for model in conversions.MODELS:
        x = conversions.from_tangent(torch.randn(*batch, 4, dtype=dtype), 1.0, model)
        module = layer(4, 3, 1.0, model=model, dtype=dtype)
        width = 3 + (layer is MobiusLinear and model == "lorentz")
        out = module(x)
        assert out.shape == (*batch, width)
        assert out.dtype == dtype


@pytest.mark.parametrize("layer", LAYERS)
def test_bad_arguments(layer: Any) -> None:
    with pytest.raises(ValueError, match=r"x must have 4 coordinates .* got shape \(2, 5\)"):
        layer(4, 3, 1.0)(torch.zeros(2, 5))
    with pytest.raises(ValueError, match="x must have 5 coordinates"):
        layer(4, 3, 1.0, model="lorentz")(torch.zeros(4))
    with pytest.raises(ValueError, match="out_features must be an integer >= 1, got 0"):
        layer(4, 0, 1.0)
    with pytest.raises(ValueError, match="model must be one of"):
        layer(4, 3, 1.0, model="ball")
    with pytest.raises(ValueError, match="needs c > 0"):
        layer(4, 3, 0.0, model="lorentz")


def test_heads_check_their_arguments() -> None:
    for head in (ExpOrigin, LogOrigin):
        with pytest.raises(ValueError, match="model must be one of"):
            head(1.0, "ball")
        with pytest.raises(ValueError, match="needs c > 0"):
            head(0.0, "lorentz")


def test_repr_says_what_a_layer_is() -> None:
    text = repr(torch.nn.Sequential(ExpOrigin(0.5), MobiusLinear(3, 2, 0.5), Gyroplane(2, 1, 0.5), LogOrigin(0.5)))
    assert "in_features=3, out_features=2, bias=True, model='tangent'" in text
    assert "c=0.5, learnable=False" in text


def test_stacked_layers() -> None:
    """torch.func: several layers at once, with gradients, as many runs in one need; in and out of reach."""
    layers = [Gyroplane(3, 4, Curvature(c, learnable=True)) for c in (0.5, 1.0)]
    parameters, _ = torch.func.stack_module_state(layers)
    x = torch.randn(5, 3)

    def out(p: Any, c: Any, x: Any) -> Any:
        return gyroplane(x, p["weight"], p["bias"], c)

    c = torch.stack([layer.curvature() for layer in layers])
    got = torch.vmap(out, in_dims=(0, 0, None))(parameters, c, x)
    torch.testing.assert_close(got, torch.stack([layer(x) for layer in layers]), rtol=1e-4, atol=1e-5)
    total = lambda p, c: torch.vmap(out, in_dims=(0, 0, None))(p, c, x).square().sum()  # noqa: E731
    gradients = torch.func.grad(total)(parameters, c)
    for layer, mine in zip(layers, gradients["weight"], strict=True):
        layer(x).square().sum().backward()
        torch.testing.assert_close(mine, layer.weight.grad, rtol=1e-3, atol=1e-4)


def test_a_plain_optimiser_trains_a_gyroplane_network() -> None:
    """Adam, float32: two clusters at opposite sides of a shell of radius 6 are told apart."""
    sign = torch.randint(0, 2, (64,)) * 2.0 - 1.0
    x = at_radius(64, 3, 1.0, torch.float32)
    x = 6.0 * torch.nn.functional.normalize(torch.cat([sign[:, None] * x[:, :1].abs(), x[:, 1:]], -1), dim=-1)
    layer = Gyroplane(3, 1, Curvature(1.0, learnable=True))
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(100):
        optimiser.zero_grad()
        loss = torch.nn.functional.softplus(-sign * layer(x)[:, 0]).mean()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.2


def test_a_bias_on_the_ball_trains_with_geoopt() -> None:
    """geoopt's Riemannian Adam moves a ManifoldParameter that goes through our map as tangent coordinates."""
    geoopt = pytest.importorskip("geoopt")
    c = torch.tensor(1.0, **F64)
    bias = geoopt.ManifoldParameter(torch.zeros(2, **F64), manifold=geoopt.PoincareBall(c=1.0))
    weight, x = torch.eye(2, **F64), torch.zeros(2, **F64)
    target = torch.tensor([0.4, -1.1], **F64)
    optimiser = geoopt.optim.RiemannianAdam([bias], lr=0.05)
    for _ in range(150):
        optimiser.zero_grad()
        out = mobius_linear(x, weight, conversions.poincare_to_tangent(bias, c), c)
        tangent.dist_sq(out, target, c).backward()
        optimiser.step()
    torch.testing.assert_close(conversions.poincare_to_tangent(bias.detach(), c), target, rtol=1e-3, atol=1e-3)
