"""Solvers: what they find, how often they ask, gradients and memory of each way back, and solves that fail."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from hyperdist_torch import flows  # noqa: E402
from hyperdist_torch.flows.solvers import gregory  # noqa: E402
from tests.support.torch import flows as shared  # noqa: E402

# torch.func.jvp with torch 2.13
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


@pytest.fixture
def torchdiffeq() -> Any:
    return pytest.importorskip("torchdiffeq")


def _id(value: Any) -> str:
    return str(value).replace(" ", "")


class Counted(flows.VectorField):
    """A field that counts its calls."""

    def __init__(self, field: flows.VectorField) -> None:
        super().__init__()
        self.field, self.space, self.context_width, self.calls = field, field.space, field.context_width, 0

    def forward(self, t: Any, x: Any, context: Any = None) -> Any:
        self.calls += 1
        return self.field(t, x, context)

    def with_divergence(self, t: Any, x: Any, context: Any = None, noise: Any = None) -> Any:
        self.calls += 1
        return self.field.with_divergence(t, x, context, noise)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 6, 9, 20])
def test_quadrature_is_exact_for_polynomials(steps: int) -> None:
    """Up to degree 5 where there are five steps; symmetric, and positive, so that rounding does not grow."""
    weights = gregory(steps)
    for degree in range(min(steps, 5) + 1):
        found = sum(weight * k**degree for k, weight in enumerate(weights))
        assert found == pytest.approx(steps ** (degree + 1) / (degree + 1), rel=1e-13)
    assert weights == pytest.approx(weights[::-1], rel=1e-14)
    assert min(weights) > 0


@pytest.mark.parametrize("method", ["euler", "midpoint", "rk4"])
@pytest.mark.parametrize("density", [True, False])
def test_evaluations_of_a_fixed_grid(method: str, density: bool) -> None:
    """One a stage, and one for the divergence at the end."""
    field = Counted(shared.field(flows.Sphere(2)))
    solution = flows.FixedGrid(7, method).solve(field, shared.points(field.space, 3), 0.0, 1.0, density=density)
    assert solution.evaluations == field.calls == 7 * {"euler": 1, "midpoint": 2, "rk4": 4}[method] + density
    assert (solution.integral is None) is not density


@pytest.mark.parametrize("method", ["dopri5", "dopri8", "bosh3", "fehlberg2", "adaptive_heun"])
def test_adaptive_methods(method: str, torchdiffeq: Any) -> None:
    """Calls are counted; fewer at looser tolerances; 1e-8 is reached to 1e-5 by methods of low order too."""
    field, x = Counted(shared.field(flows.Sphere(2))), shared.points(flows.Sphere(2), 6)
    want = flows.FixedGrid(80).solve(field, x, 1.0, 0.0)
    counts = []
    with torch.no_grad():
        for tolerance in (1e-3, 1e-8):
            field.calls = 0
            solver = flows.Adaptive(tolerance, tolerance, method, max_evaluations=10_000)
            found = solver.solve(field, x, 1.0, 0.0)
            counts.append(found.evaluations)
            assert found.evaluations == field.calls
    assert counts[0] < counts[1]
    assert want.integral is not None
    assert found.integral is not None
    torch.testing.assert_close(found.x, want.x, rtol=0.0, atol=1e-5)
    torch.testing.assert_close(found.integral, want.integral, rtol=0.0, atol=1e-5)


@pytest.mark.parametrize("space", shared.SPACES, ids=_id)
def test_fixed_and_adaptive_agree(space: flows.Space, torchdiffeq: Any) -> None:
    field, x = shared.field(space, strength=0.3), shared.points(space, 5)
    with torch.no_grad():
        ours = flows.FixedGrid(40).solve(field, x, 0.0, 1.0)
        theirs = flows.Adaptive(1e-9, 1e-9).solve(field, x, 0.0, 1.0)
        back = flows.Adaptive(1e-9, 1e-9).solve(field, theirs.x, 1.0, 0.0)
    space.check(theirs.x)
    assert ours.integral is not None
    assert theirs.integral is not None
    assert back.integral is not None
    torch.testing.assert_close(ours.x, theirs.x, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(ours.integral, theirs.integral, rtol=0.0, atol=1e-6)
    assert space.dist_sq(back.x, x).max() < 1e-12
    torch.testing.assert_close(back.integral, -theirs.integral, rtol=0.0, atol=1e-7)


def test_a_rotation_turns() -> None:
    """The generator of coordinates 1 and 2, u = angle, takes (1, 0) to (cos, sin) there."""
    field = shared.field(flows.Sphere(2))
    with torch.no_grad():
        field.network.output.weight.zero_()
        field.network.output.bias.copy_(torch.tensor([0.0, 0.0, 0.7]))
    x = torch.tensor([[0.6, 0.8, 0.0]], dtype=shared.DOUBLE)
    want = torch.tensor([[0.6, 0.8 * math.cos(0.7), 0.8 * math.sin(0.7)]], dtype=shared.DOUBLE)
    solution = flows.FixedGrid(20).solve(field, x, 0.0, 1.0)
    torch.testing.assert_close(solution.x, want, rtol=0.0, atol=1e-7)
    assert (solution.integral == 0.0).all()


def _gradients(field: flows.VectorField, x: Any, context: Any, solver: Any) -> list[Any]:
    x, context = x.detach().requires_grad_(), context.detach().requires_grad_()
    solution = solver.solve(field, x, 1.0, 0.0, context=context)
    value = (solution.x.sin().sum(dim=-1) + solution.integral * solution.x[..., 0]).sum()
    at_x, *others = torch.autograd.grad(value, [x, context, *field.parameters()])
    # What a solve makes of points off the space is its own affair.
    return [(at_x * field.space.basis(x.detach())).sum(dim=-1), *others]


@pytest.mark.parametrize("space", shared.SURFACES, ids=_id)
def test_gradients_of_every_way_back(space: flows.Space, torchdiffeq: Any) -> None:
    """In points, context and parameters: the adjoint solve, backpropagation through its steps and a fixed grid's.

    Through an adaptive solve's steps the choice of the steps is differentiated too, which costs some hundred times its
    tolerance.
    """
    field = shared.field(space, strength=0.3, hidden=4, context_width=1)
    x, context = shared.points(space, 4), torch.randn(4, 1, dtype=shared.DOUBLE)
    solvers = [flows.FixedGrid(40), flows.Adaptive(1e-10, 1e-10), flows.Adaptive(1e-10, 1e-10, adjoint=True)]
    want, *others = (_gradients(field, x, context, solver) for solver in solvers)
    for found in others:
        for a, b in zip(found, want, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_recomputed_steps_give_the_same_gradients() -> None:
    field = shared.field(flows.Sphere(2), context_width=1)
    x, context = shared.points(field.space, 4), torch.randn(4, 1, dtype=shared.DOUBLE)
    kept, recomputed = (_gradients(field, x, context, flows.FixedGrid(6, checkpoint=c)) for c in (False, True))
    assert all(torch.equal(a, b) for a, b in zip(kept, recomputed, strict=True))


def _saved(field: flows.VectorField, x: Any, solver: Any) -> tuple[int, int]:
    """Numbers that a solve keeps for the way back, and its calls of the field."""
    kept: dict[int, int] = {}

    def pack(tensor: Any) -> Any:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        solution = solver.solve(field, x, 1.0, 0.0)
    assert solution.integral is not None
    solution.integral.sum().backward()
    return sum(kept.values()), solution.evaluations


def test_memory_of_every_way_back(torchdiffeq: Any) -> None:
    """The adjoint keeps the same whatever the number of steps; so does a checkpointed grid, but for the points."""
    field, x = shared.field(flows.Sphere(2), hidden=64), shared.points(flows.Sphere(2), 32)
    few, many = (_saved(field, x, flows.Adaptive(tol, tol, adjoint=True)) for tol in (1e-3, 1e-9))
    assert many[1] > 2 * few[1]
    assert many[0] == few[0]
    plain = [_saved(field, x, flows.Adaptive(tol, tol))[0] for tol in (1e-3, 1e-9)]
    assert plain[1] > 2 * plain[0] > 20 * few[0]
    grid = [_saved(field, x, flows.FixedGrid(steps, checkpoint=True))[0] for steps in (5, 20)]
    assert grid[1] - grid[0] <= 4 * 15 * x.numel() * x.element_size()
    assert _saved(field, x, flows.FixedGrid(20))[0] > 10 * grid[1]


def stiff(space: flows.Space, rate: float) -> flows.FunctionField:
    return flows.FunctionField(space, lambda t, x: -rate * (x - torch.cos(rate * t)))


@torch.no_grad()
def test_a_stiff_solve_says_so(torchdiffeq: Any) -> None:
    space = flows.Euclidean(2)
    x = shared.points(space, 3)
    with pytest.raises(flows.SolverError, match=r"asked 60 times \(max_evaluations\) and the time is \S+: .*stiff"):
        flows.Adaptive(max_evaluations=60).solve(stiff(space, 1e5), x, 0.0, 1.0)
    with pytest.raises(flows.SolverError, match="3 of 3 points are not finite after 20 steps of rk4"):
        flows.FixedGrid(20).solve(stiff(space, 1e30), x, 0.0, 1.0)


@torch.no_grad()
def test_a_field_that_is_not_finite_says_so(torchdiffeq: Any) -> None:
    space = flows.Euclidean(2)
    x = torch.zeros(3, 2, dtype=shared.DOUBLE)
    x[1] = 1.0
    field = flows.FunctionField(space, lambda t, x: torch.where(x > 0.5, torch.nan, x))
    for solver, where in ((flows.FixedGrid(4), "after 4 steps of rk4"), (flows.Adaptive(), "in evaluation 1")):
        for density in (True, False):
            with pytest.raises(flows.SolverError, match=f"1 of 3 (points|velocities) are not finite {where}"):
                solver.solve(field, x, 0.0, 1.0, density=density)


@torch.no_grad()
def test_a_step_that_leaves_the_ball_says_so(torchdiffeq: Any) -> None:
    """A field of constant speed 10 is smooth there; two steps of it land outside, twenty and adaptive ones do not."""
    space = flows.PoincareBall(2, 0.8)

    def outward(t: Any, x: Any) -> Any:
        return 5.0 * (1.0 - 0.8 * x.square().sum(-1, keepdim=True)) * x / (x.norm(dim=-1, keepdim=True) + 0.1)

    field, x = flows.FunctionField(space, outward), 0.5 * shared.points(space, 50)
    for density in (True, False):
        with pytest.raises(flows.SolverError, match=r"50 points are not finite after 2 .* a step that leaves it"):
            flows.FixedGrid(2).solve(field, x, 0.0, 1.0, density=density)
        for solver in (flows.FixedGrid(20), flows.Adaptive()):
            assert space.check(solver.solve(field, x, 0.0, 1.0, density=density).x) is not None


def test_the_way_back_has_calls_of_its_own(torchdiffeq: Any) -> None:
    """An adjoint solve may ask as often as the solve before it, and says so where that is too little."""
    field, x = shared.field(flows.Sphere(2)), shared.points(flows.Sphere(2), 4)
    with torch.no_grad():
        forward = flows.Adaptive(1e-7, 1e-7).solve(field, x, 1.0, 0.0).evaluations
    counted = Counted(field)
    _gradients_of_integral(counted, x, flows.Adaptive(1e-7, 1e-7, adjoint=True))
    back = counted.calls - forward
    _gradients_of_integral(field, x, flows.Adaptive(1e-7, 1e-7, adjoint=True, max_evaluations=max(forward, back)))
    solution = flows.Adaptive(1e-7, 1e-7, adjoint=True, max_evaluations=forward).solve(counted, x, 1.0, 0.0)
    assert solution.integral is not None
    if back > forward:
        with pytest.raises(flows.SolverError, match="max_evaluations"):
            solution.integral.sum().backward()


def _gradients_of_integral(field: flows.VectorField, x: Any, solver: Any) -> None:
    integral = solver.solve(field, x, 1.0, 0.0).integral
    assert integral is not None
    torch.autograd.grad(integral.sum(), list(field.parameters()))


@pytest.mark.parametrize("adaptive", [False, True])
def test_no_points(adaptive: bool, torchdiffeq: Any) -> None:
    solver = flows.Adaptive() if adaptive else flows.FixedGrid(3)
    field = shared.field(flows.Sphere(2))
    solution = solver.solve(field, torch.zeros(0, 3, dtype=shared.DOUBLE), 0.0, 1.0)
    assert solution.x.shape == (0, 3)
    assert solution.integral is not None
    assert solution.integral.shape == (0,)


def test_without_torchdiffeq(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchdiffeq", None)
    field = shared.field(flows.Sphere(2))
    with pytest.raises(ImportError, match=r"adaptive solvers need torchdiffeq: pip install 'hyperdist\[experiments\]'"):
        flows.Adaptive().solve(field, shared.points(field.space, 2), 0.0, 1.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: flows.FixedGrid(0), "steps must be an integer >= 1, got 0"),
        (lambda: flows.FixedGrid(method="rk5"), "method must be one of euler, midpoint, rk4, got 'rk5'"),
        (lambda: flows.Adaptive(rtol=0.0), r"rtol must be > 0, got .*0\.0"),
        (lambda: flows.Adaptive(atol=math.nan), "atol must be finite, got .*nan"),
        (lambda: flows.Adaptive(method="rk4"), "method must be one of dopri5, .*got 'rk4'"),
        (lambda: flows.Adaptive(max_evaluations=0), "max_evaluations must be .*>= 1, got 0"),
    ],
)
def test_options(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
