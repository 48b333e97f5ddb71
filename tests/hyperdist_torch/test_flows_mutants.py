"""Flows with one planted fault each: the checks of flows must reject every one, or they prove nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from hyperdist.geometry import vector_fields  # noqa: E402
from hyperdist_torch import flows  # noqa: E402
from hyperdist_torch.flows import features, fields, networks, solvers, spaces  # noqa: E402
from tests.support.torch import flows as shared  # noqa: E402

# torch.func.jvp with torch 2.13
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

BALL, SPHERE, HYPERBOLOID = flows.PoincareBall(2, 1.3), flows.Sphere(2), flows.Lorentz(2, 1.3)


def law(space: flows.Space, kind: str = "generators", *, function: bool = False, **options: Any) -> flows.RiemannianCNF:
    made: flows.VectorField = shared.field(space, kind, strength=0.3, **options)
    if function:
        made = shared.function_of(made)
    return flows.RiemannianCNF(shared.base(space), made, solver=flows.FixedGrid(20))


def _mass(q: flows.RiemannianCNF) -> None:
    assert abs(shared.mass(q, 16) - 1.0) < 1e-6


def _pushed_forward(q: flows.RiemannianCNF) -> None:
    shared.density_is_pushed_forward(q, 1e-5)


def _divergence(q: flows.RiemannianCNF) -> None:
    shared.divergences_agree(q.field)


def _noise(q: flows.RiemannianCNF) -> None:
    shared.noise_averages_out(q.field)


def _order(q: flows.RiemannianCNF) -> None:
    shared.error_falls(q, "rk4", 4)


def _on_the_space(q: flows.RiemannianCNF) -> None:
    """Draws are points, to rounding, however coarse the grid."""
    coarse = flows.RiemannianCNF(q.base, q.field, solver=flows.FixedGrid(3))
    x = coarse.sample((5,), model=q.space.model)
    assert bool(q.space.support.check(x).all())
    if isinstance(q.space, spaces.Sphere):
        # the support takes what float32 has rounded; the solver's points are those of their own dtype
        assert float((torch.linalg.vector_norm(x, dim=-1) - 1.0).abs().max()) <= 64.0 * torch.finfo(x.dtype).eps


@dataclass(frozen=True)
class Fault:
    """What stands in for an attribute, and the flow on which checks must see it."""

    owner: Any
    name: str
    put: Any
    flow: Callable[[], flows.RiemannianCNF]
    checks: tuple[Callable[[flows.RiemannianCNF], None], ...]


def _trapezoid(steps: int) -> list[float]:
    return [0.5, *[1.0] * (steps - 1), 0.5]


def _backwards(self: Any, *args: Any, density: bool = True, **options: Any) -> solvers.Solution:
    found = SOLVE(self, *args, density=density, **options)
    return found if found.integral is None else solvers.Solution(found.x, -found.integral, found.evaluations)


def _late(self: Any, field: Any, t: Any, x: Any, step: float, *rest: Any) -> Any:
    class Frozen:
        """Every stage at the time of the first."""

        space = field.space

        def __call__(self, _: Any, *args: Any) -> Any:
            return field(t, *args)

        def with_divergence(self, _: Any, *args: Any) -> Any:
            return field.with_divergence(t, *args)

    return STEP(self, Frozen(), t, x, step, *rest)


SOLVE, STEP = solvers.FixedGrid.solve, solvers.FixedGrid._step

FAULTS = {
    # |G|^1/2 = lambda: then lambda^-1 d_a(lambda/lambda) = 0
    "lambda for lambda^d, in a frame": Fault(
        vector_fields.BallLocal, "divergence", lambda self, x, u: 0.0 * x[..., 0],
        lambda: law(BALL, "local"), (_mass, _pushed_forward, _divergence),
    ),
    "lambda for lambda^d, of a function": Fault(
        spaces.PoincareBall, "log_volume", lambda self, x: torch.log(2.0 / (1.0 - self.c * (x * x).sum(dim=-1))),
        lambda: law(BALL, "local", function=True), (_mass, _pushed_forward),
    ),
    # d_a(1/lambda) = -c x_a
    "no sqrt|G|, in a frame": Fault(
        vector_fields.BallLocal, "divergence", lambda self, x, u: -self.c * (x * u).sum(dim=-1),
        lambda: law(BALL, "local"), (_mass, _pushed_forward, _divergence),
    ),
    "no sqrt|G|, of a function": Fault(
        spaces.PoincareBall, "log_volume", lambda self, x: 0.0 * x[..., 0],
        lambda: law(BALL, "generators", function=True), (_mass, _pushed_forward),
    ),
    "no |G|^1/2 of the stereographic chart": Fault(
        vector_fields.SphereLocal, "divergence", lambda self, x, u: 0.0 * x[..., 0],
        lambda: law(SPHERE, "local"), (_mass, _pushed_forward, _divergence),
    ),
    "no curvature term, sphere": Fault(
        vector_fields.SphereAmbient, "divergence", lambda self, x, u: 0.0 * x[..., 0],
        lambda: law(SPHERE, "ambient"), (_mass, _pushed_forward, _divergence),
    ),
    "no curvature term, hyperboloid": Fault(
        vector_fields.LorentzAmbient, "divergence", lambda self, x, u: 0.0 * x[..., 0],
        lambda: law(HYPERBOLOID, "ambient"), (_mass, _pushed_forward, _divergence),
    ),
    "Euclidean signs on the hyperboloid": Fault(
        spaces.Lorentz, "embedded_inner", lambda self, x, u, v: (u * v).sum(dim=-1),
        lambda: law(HYPERBOLOID, function=True), (_mass,),
    ),
    "no retraction of the sphere": Fault(
        spaces.Sphere, "retract", lambda self, x: x, lambda: law(SPHERE, "ambient"), (_on_the_space,)
    ),
    "no retraction of the hyperboloid": Fault(
        spaces.Lorentz, "retract", lambda self, x: x, lambda: law(HYPERBOLOID), (_on_the_space,)
    ),
    "the integral's sign": Fault(
        solvers.FixedGrid, "solve", _backwards, lambda: law(SPHERE, "ambient"), (_mass, _pushed_forward)
    ),
    "the trapezoidal rule": Fault(solvers, "gregory", _trapezoid, lambda: law(SPHERE, "ambient"), (_order,)),
    "time stands still in a step": Fault(solvers.FixedGrid, "_step", _late, lambda: law(SPHERE, "ambient"), (_order,)),
    "noise not projected": Fault(
        spaces.Sphere, "random_tangent", lambda self, x, noise: noise, lambda: law(SPHERE, "ambient"), (_noise,)
    ),
    "noise in the ball's coordinates": Fault(
        spaces.PoincareBall, "random_tangent", lambda self, x, noise: noise, lambda: law(BALL, "local"), (_noise,)
    ),
    "the slope of an activation": Fault(
        networks, "ACTIVATIONS", {"tanh": networks.ACTIVATIONS["tanh"]._replace(slope=lambda a, y: 1.0 - y.abs())},
        lambda: law(SPHERE), (_mass, _divergence),
    ),
    "the derivative of cosines": Fault(
        features.Coordinates, "linearised",
        lambda self, x, t, e: (self(x, t), torch.cat([x.sin() * e, x.cos() * e], dim=-1)),
        lambda: law(flows.Torus(2)), (_mass, _divergence),
    ),
    "the derivative of waves that fade": Fault(
        features.Waves, "linearised",
        lambda self, x, t, e: (self(x, t), torch.cat([e, self.waves(x).cos() * (e @ self.waves.weight.T)], dim=-1)),
        lambda: law(SPHERE, features=flows.Waves(SPHERE, 5, 0.1), finest=0.1), (_mass, _divergence),
    ),
    "velocities without the divergence's": Fault(
        fields.FrameField, "forward", lambda self, t, x, context=None: 1.01 * FORWARD(self, t, x, context),
        lambda: law(SPHERE), (_divergence, _order),
    ),
}  # fmt: skip
FORWARD = fields.FrameField.forward


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_rejected(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By each of its checks, which all hold without it."""
    fault = FAULTS[name]
    q = fault.flow()
    for check in fault.checks:
        check(q)
    monkeypatch.setattr(fault.owner, fault.name, fault.put)
    for check in fault.checks:
        with pytest.raises(AssertionError):
            check(q)
