"""Fields that a user writes: any function has the law of its tangent part, and gradients reach all that it holds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch import flows  # noqa: E402
from tests.support.torch import flows as shared  # noqa: E402

# torch.func.jvp with torch 2.13
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

T = torch.tensor(0.3, dtype=torch.float64)
EMBEDDED = [flows.Sphere(1), flows.Sphere(2), flows.Sphere(3), flows.Lorentz(1, 0.7), flows.Lorentz(2, 1.3)]


def _id(value: Any) -> str:
    return str(value).replace(" ", "")


def matrix(m: int) -> Any:
    """Without symmetry, entries at most 1."""
    return torch.sin(torch.arange(m * m, dtype=shared.DOUBLE).reshape(m, m) + 1.0)


FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "constant": lambda t, x: torch.linspace(0.5, -0.4, x.shape[-1], dtype=x.dtype),
    "linear": lambda t, x: 0.5 * x @ matrix(x.shape[-1]).to(x),
    "across": lambda t, x: 0.2 * (1.0 + t) * x,
    "bent": lambda t, x: 0.4 * torch.sin(x @ matrix(x.shape[-1]).to(x)) + 0.3 * t,
}


class Plain(flows.VectorField):
    """A field of a user's, who has not projected it."""

    def __init__(self, space: flows.Space, function: Callable[[Any, Any], Any]) -> None:
        super().__init__()
        self.space, self.function = space, function

    def forward(self, t: Any, x: Any, context: Any = None) -> Any:
        return self.function(t, x).expand(x.shape)


MADE = [(space, flows.FunctionField) for space in shared.SURFACES]
MADE += [(flows.Sphere(2), Plain), (flows.Lorentz(2, 1.3), Plain)]


def fading(space: flows.Space, function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The function, on hyperbolic space times what keeps its flow from leaving it in finite time."""
    if isinstance(space, flows.Lorentz):
        return lambda t, x: function(t, x) / (space.c * x[..., :1].square())
    if isinstance(space, flows.PoincareBall):
        return lambda t, x: function(t, x) * (1.0 - space.c * x.square().sum(-1, keepdim=True))
    if isinstance(space, flows.Torus):
        return lambda t, x: function(t, torch.sin(x))
    return function


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(("space", "made"), MADE, ids=_id)
def test_any_function_has_a_law(space: flows.Space, made: Any, name: str) -> None:
    """Its density integrates to 1 and is that of its draws; 20 steps of rk4 are right to 1e-6 for these."""
    q = flows.RiemannianCNF(
        shared.base(space), made(space, fading(space, FUNCTIONS[name])), solver=flows.FixedGrid(20)
    )  # fmt: skip
    assert abs(shared.mass(q, 16) - 1.0) < 1e-5
    with torch.no_grad():
        options: dict[str, Any] = {"model": space.model} if space.model else {}
        x, log_prob = q.rsample_and_log_prob((50,), **options)
        torch.testing.assert_close(shared.carried(q, x), log_prob, rtol=0.0, atol=1e-5)


@pytest.mark.parametrize("space", EMBEDDED, ids=_id)
def test_projection(space: flows.Space) -> None:
    """Onto tangents, along the normal x, and the identity on tangents: derivatives and all."""
    x, u = shared.points(space, 6), torch.randn(6, space.width, dtype=shared.DOUBLE)
    v = space.project(x, u)
    signs = torch.ones(space.width, dtype=x.dtype)
    if isinstance(space, flows.Lorentz):
        signs[0] = -1.0
    assert (signs * x * v).sum(-1).abs().max() < 1e-13
    rest = u - v
    torch.testing.assert_close(rest, (rest * x).sum(-1, keepdim=True) / (x * x).sum(-1, keepdim=True) * x)
    torch.testing.assert_close(space.project(x, v), v, rtol=0.0, atol=1e-14)
    for e in space.basis(x):
        torch.testing.assert_close(space.project(x, e), e, rtol=0.0, atol=1e-14)


def test_projection_of_tangents_far_out() -> None:
    """In float32 at the radius 8 <x, u> of a tangent is rounding, some .3; times x it would be a third of u."""
    space = flows.Lorentz(2, 1.0)
    far = math.sinh(8.0) * torch.nn.functional.normalize(torch.randn(50, 2), dim=-1)
    x = space.retract(torch.cat([torch.zeros(50, 1), far], dim=-1))
    u = space.from_frame(x, torch.randn(50, 2))
    assert torch.equal(space.project(x, u), u)


def test_the_projection_s_own_divergence_is_counted() -> None:
    """f = x on the sphere is across it: no tangent part, no divergence. A constant a on S^d has -d a.x."""
    for d in (1, 2, 3):
        space = flows.Sphere(d)
        x, a = shared.points(space, 5), torch.linspace(0.3, 1.0, d + 1, dtype=shared.DOUBLE)
        f, divergence = flows.FunctionField(space, lambda t, x: x).with_divergence(T, x)
        assert max(f.abs().max(), divergence.abs().max()) < 1e-14
        for made in (flows.FunctionField, Plain):
            f, divergence = made(space, lambda t, x, a=a: a).with_divergence(T, x)
            torch.testing.assert_close(f, a - (x @ a)[:, None] * x)
            torch.testing.assert_close(divergence, -d * (x @ a))


@pytest.mark.parametrize("shape", [(), (1,), (2,), (7, 1), (6, 3), (1, 3), (2, 7, 3)])
def test_functions_of_another_shape(shape: tuple[int, ...]) -> None:
    field = flows.FunctionField(flows.Sphere(2), lambda t, x: torch.ones(shape, dtype=x.dtype))
    x = shared.points(field.space, 7)
    with pytest.raises(
        ValueError, match=r"function must return the shape of its points, \(7, 3\), or \(3,\), got"
    ) as found:
        field(T, x)
    assert str(found.value).endswith(f"got {shape}")
    with pytest.raises(ValueError, match="function must return the shape of its points"):
        field.with_divergence(T, x)


def test_a_function_in_double_precision_leaves_single_points_so() -> None:
    field = flows.FunctionField(flows.Sphere(2), lambda t, x: torch.ones(3, dtype=torch.float64))
    q = flows.RiemannianCNF(ht.SphericalUniform(2), field, solver=flows.FixedGrid(3))
    assert q.rsample((4,)).dtype == torch.float32


JUMPS: dict[str, Callable[[Any, Any], Any]] = {
    "6.28": lambda t, x: x,
    "0.0628": lambda t, x: 0.01 * x + torch.cos(x),
    "12.6": lambda t, x: 2.0 * x.flip(-1),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("adaptive", [False, True])
def test_fields_on_the_torus_are_periodic(adaptive: bool, dtype: Any) -> None:
    """One that jumps at the cut is refused before the solve; waves of a thousand periods are none."""
    if adaptive:
        pytest.importorskip("torchdiffeq")
    solver = flows.Adaptive(1e-2, 1e-2, max_evaluations=10**5) if adaptive else flows.FixedGrid(1)
    space, x = flows.Torus(2), shared.points(flows.Torus(2), 4, dtype)
    smooth = flows.FunctionField(space, lambda t, x: torch.sin(1000.0 * x.flip(-1)) / 1000.0)
    assert solver.solve(smooth, x, 0.0, 1.0).x.shape == x.shape
    for made in (flows.FunctionField, Plain):
        for jump, function in JUMPS.items():
            message = rf"field on Torus\(2\) must be periodic, got one that jumps by {jump} where angle [01] passes"
            with pytest.raises(ValueError, match=message):
                solver.solve(made(space, function), x, 0.0, 1.0)


SOLVERS = {
    "fixed": lambda: flows.FixedGrid(30),
    "adaptive": lambda: flows.Adaptive(1e-7, 1e-7),
    "adjoint": lambda: flows.Adaptive(1e-7, 1e-7, adjoint=True),
}


class Held:
    """What closures hold: leaves, what was worked out from them, modules, parameters of the base."""

    def __init__(self) -> None:
        torch.manual_seed(5)
        self.log_w = torch.tensor(-0.4, dtype=shared.DOUBLE, requires_grad=True)
        self.u = torch.tensor([0.3, 0.1, -0.2], dtype=shared.DOUBLE, requires_grad=True)
        self.kappa = torch.tensor(2.0, dtype=shared.DOUBLE, requires_grad=True)
        self.net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3)).double()
        self.w = self.log_w.exp()
        self.inputs = [self.log_w, self.u, self.kappa, *self.net.parameters()]

    def field(self, kind: str) -> flows.VectorField:
        a = matrix(3)
        functions: dict[str, Any] = {
            "leaf": lambda t, x: self.log_w * (x @ a) + t * self.u,
            "worked out": lambda t, x: self.w * (x @ a) + t * self.u,
            "constant": lambda t, x: self.w * self.u,
            "module": lambda t, x: self.w * self.net(x),
            "context": lambda t, x, c: c[..., :1] * (x @ a) + c[..., 1:] * self.u,
        }
        if kind == "field of one's own":
            return Plain(flows.Sphere(2), lambda t, x: self.w * self.net(x))
        return flows.FunctionField(flows.Sphere(2), functions[kind], context_width=2 * (kind == "context"))


def gradients(kind: str, solver: Any) -> list[Any]:
    """Of densities, draws and what else the same tensors are used for, in all that was held."""
    held = Held()
    context = torch.stack([held.w, held.u.sum()]) if kind == "context" else None
    mean = torch.tensor([0.0, 0.6, 0.8], dtype=shared.DOUBLE)
    q = flows.RiemannianCNF(ht.VonMisesFisher(mean, held.kappa), held.field(kind), solver=solver, context=context)
    value = q.log_prob(shared.points(flows.Sphere(2), 4)).sum() + held.w.square()
    value = value + q.rsample((3,), generator=torch.Generator().manual_seed(3)).sin().sum()
    return list(torch.autograd.grad(value, held.inputs, allow_unused=True))


@pytest.mark.parametrize("kind", ["leaf", "worked out", "constant", "module", "context", "field of one's own"])
def test_gradients_reach_what_a_closure_holds(kind: str) -> None:
    """The three ways back agree, to the step of the fixed grid."""
    pytest.importorskip("torchdiffeq")
    want, *others = (gradients(kind, solver()) for solver in SOLVERS.values())
    for found in others:
        for a, b in zip(found, want, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def test_what_a_field_depends_on_later_alone_is_refused() -> None:
    """Not by a gradient that is None, and not where it is a module's parameter."""
    pytest.importorskip("torchdiffeq")
    w = torch.tensor(0.5, dtype=shared.DOUBLE, requires_grad=True)

    class Late(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.v = torch.nn.Parameter(w.detach().clone())

        def forward(self, t: Any, x: Any) -> Any:
            return x.flip(-1) * (self.v if t < 0.5 else 1.0)

    solver, x, module = flows.Adaptive(1e-2, 1e-2, adjoint=True), shared.points(flows.Sphere(2), 3), Late()
    closure = flows.FunctionField(flows.Sphere(2), lambda t, x: x.flip(-1) * (w if t < 0.5 else 1.0))
    arrived = solver.solve(closure, x.clone().requires_grad_(), 1.0, 0.0).x
    with pytest.raises(ValueError, match=r"adjoint=True the field must depend on the same .* got 1 with gradient"):
        arrived.sum().backward()
    integral = solver.solve(flows.FunctionField(flows.Sphere(2), module), x, 1.0, 0.0).integral
    assert integral is not None
    integral.sum().backward()
    assert module.v.grad is not None
    assert math.isfinite(module.v.grad)


def test_the_call_that_finds_parameters_is_not_lost() -> None:
    """It is the solve's first: as many calls with adjoint as without."""
    pytest.importorskip("torchdiffeq")
    calls, w = [], torch.tensor(0.5, dtype=shared.DOUBLE, requires_grad=True)
    field = flows.FunctionField(flows.Sphere(2), lambda t, x: (calls.append(t), w * x.flip(-1))[1])
    x, counts = shared.points(flows.Sphere(2), 3), []
    for adjoint in (False, True):
        calls.clear()
        solution = flows.Adaptive(adjoint=adjoint).solve(field, x, 0.0, 1.0, density=False)
        counts.append((len(calls), solution.evaluations))
        assert len(calls) == solution.evaluations
    assert counts[0] == counts[1]
