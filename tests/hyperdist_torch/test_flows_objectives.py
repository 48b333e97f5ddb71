"""Flow matching and reverse KL: minimisers, velocities, gradients; a compiled field."""

from __future__ import annotations

import math
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch import flows  # noqa: E402
from tests.support.torch import flows as shared  # noqa: E402

# torch.func.jvp with torch 2.13
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


def _id(value: Any) -> str:
    return str(value).replace(" ", "")


class Recorded(flows.VectorField):
    """Velocity 0; keeps what it was asked."""

    def __init__(self, space: flows.Space) -> None:
        super().__init__()
        self.space = space

    def forward(self, t: Any, x: Any, context: Any = None) -> Any:
        self.asked = t, x
        return torch.zeros_like(x)


@pytest.mark.parametrize("finest", [None, 0.05])
@pytest.mark.parametrize("space", shared.SPACES, ids=_id)
def test_points_and_velocities_of_flow_matching(
    space: flows.Space, finest: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """x_t lies on the geodesic from x_0 to x_1; its velocity is that of central differences along it, error h^2."""
    field = Recorded(space)
    q = flows.RiemannianCNF(shared.base(space), field)
    x0, x1 = shared.points(space, 7), shared.points(space, 7)
    monkeypatch.setattr(flows.RiemannianCNF, "_start", lambda self, *_: (x0, None))
    loss = flows.flow_matching(q, x1, finest=finest)
    t, at = field.asked
    assert t.shape == (7, 1)
    assert bool(((t >= 0) & (t < 1)).all())
    assert loss.shape == (7,)

    def left(s: Any) -> Any:
        return 1.0 - s if finest is None else finest**s

    def path(s: Any) -> Any:
        return space.exp(x0, (1.0 - left(s)) * space.log(x0, x1))

    torch.testing.assert_close(space.dist_sq(at, path(t)), torch.zeros(7).double(), rtol=0.0, atol=1e-20)
    end = torch.ones(1).double()
    torch.testing.assert_close(space.dist_sq(path(end), x1), left(end) ** 2 * space.dist_sq(x0, x1))
    h = 1e-5
    ends = path(t + h), path(t - h)
    speed = space.dist_sq(*ends) / (4.0 * h * h)
    weight = 1.0 if finest is None else left(t[:, 0]) ** -2
    torch.testing.assert_close(loss, weight * speed, rtol=1e-6, atol=1e-9)
    # With the true velocity as the field nothing is left: the direction is right too.
    velocity = (space.log(at, ends[0]) - space.log(at, ends[1])) / (2.0 * h)
    monkeypatch.setattr(torch, "rand", lambda *_, **__: t)
    exact = flows.RiemannianCNF(q.base, flows.FunctionField(space, lambda t, x: velocity))
    assert flows.flow_matching(exact, x1, finest=finest).max() < 1e-7


def test_flow_matching_finds_the_mean_velocity() -> None:
    """With one end point y and all its weight there, f(t, x) = log_x(y)/(1 - t): 0 loss, and the least there is."""
    space = flows.Sphere(2)
    y = shared.centre(space)
    away = torch.tensor([0.0, 0.6, 0.8], dtype=shared.DOUBLE)

    def toward(t: Any, x: Any) -> Any:
        return space.log(x, y.expand_as(x)) / (1.0 - t)

    base = ht.VonMisesFisher(away, torch.tensor(3.0).double())
    x = y.expand(400, 3)
    loss = flows.flow_matching(flows.RiemannianCNF(base, flows.FunctionField(space, toward)), x)
    assert loss.max() < 1e-15
    wrong = flows.FunctionField(space, lambda t, x: 1.1 * toward(t, x))
    assert flows.flow_matching(flows.RiemannianCNF(base, wrong), x).mean() > 1e-3


def test_flow_matching_reaches_repeated_places() -> None:
    """Twelve places alone: with a finest scale of 1e-3 the density there is what no straight path learns in the time.

    A place's share of 1/12 within some 1e-3 radians is log(1e6/(12 * 2 pi)) = 9.5 nats; the uniform law has -2.5.
    """
    torch.manual_seed(0)
    places = torch.nn.functional.normalize(torch.randn(12, 3), dim=-1)
    found = {}
    for finest in (None, 1e-3):
        config = flows.FlowConfig(
            "sphere", 2, features="waves" if finest else "coordinates", finest=finest, n_features=64, hidden=64,
            layers=2, activation="sine", scale=1.0 if finest else 5.0,
        )  # fmt: skip
        flow = flows.Flow(config)
        optimiser = torch.optim.Adam(flow.parameters(), lr=6e-3)
        for _ in range(400):
            optimiser.zero_grad()
            rows = places[torch.randint(12, (128,))]
            flows.flow_matching(flow(), rows, coupling=64, finest=finest).mean().backward()
            optimiser.step()
        with torch.no_grad():
            found[finest] = float(flow.log_prob(places, solver=flows.FixedGrid(50)).mean())
    assert found[1e-3] > 5.0, found
    assert found[1e-3] > found[None] + 3.0, found


def test_flow_matching_fits() -> None:
    """A shift on the circle is learnt: the flow's likelihood comes within 0.05 nats of the target's entropy."""
    torch.manual_seed(0)
    base = ht.ToroidalWrappedNormal(torch.zeros(1), torch.full((1,), 0.4))
    target = ht.ToroidalWrappedNormal(torch.full((1,), 1.2), torch.full((1,), 0.3))
    field = flows.FrameField(flows.Torus(1), hidden=32, layers=2)
    q = flows.RiemannianCNF(base, field, solver=flows.FixedGrid(10))
    optimiser = torch.optim.Adam(field.parameters(), lr=1e-2)
    for _ in range(300):
        optimiser.zero_grad()
        flows.flow_matching(q, target.sample((256,))).mean().backward()
        optimiser.step()
    x = target.sample((4000,))
    with torch.no_grad():
        assert abs(float((target.log_prob(x) - q.log_prob(x)).mean())) < 0.05


def test_reverse_kl() -> None:
    """The mean is KL + const: by a product rule, six standard errors; draws carry gradients; a fit lowers it."""
    space = flows.Torus(2)
    q = flows.RiemannianCNF(shared.base(space), shared.field(space), solver=flows.FixedGrid(8))
    target = ht.ToroidalWrappedNormal(torch.tensor([0.5, 0.5]).double(), torch.tensor([1.0, 1.2]).double())
    x, weights = shared.rule(space, 20)
    with torch.no_grad():
        log_q = q.log_prob(x)
        want = float((weights * log_q.exp() * (log_q - target.log_prob(x))).sum())
        rows = flows.reverse_kl(q, target.log_prob, 4000)
    assert rows.shape == (4000,)
    assert abs(float(rows.mean()) - want) < 6.0 * float(rows.std()) / 4000**0.5
    optimiser = torch.optim.Adam(q.field.parameters(), lr=1e-2)
    for _ in range(40):
        optimiser.zero_grad()
        flows.reverse_kl(q, target.log_prob, 200).mean().backward()
        optimiser.step()
    with torch.no_grad():
        assert flows.reverse_kl(q, target.log_prob, 4000).mean() < 0.3 * want


def test_reverse_kl_at_the_target_is_zero_a_row() -> None:
    """Not only in the mean: log q - log q of the same draws, to the solver's error."""
    space = flows.Sphere(2)
    q = flows.RiemannianCNF(shared.base(space), shared.field(space, strength=0.3), solver=flows.FixedGrid(40))
    with torch.no_grad():
        assert flows.reverse_kl(q, q.log_prob, 5, generator=torch.Generator().manual_seed(1)).abs().max() < 1e-6


@pytest.mark.parametrize("space", [flows.Sphere(2), flows.Torus(2), flows.PoincareBall(2)], ids=_id)
def test_compiled_field(space: flows.Space) -> None:
    """torch.compile of the field, velocity and divergence, gives the numbers and gradients that it has without."""
    made = shared.field(space, context_width=1)
    x, context = shared.points(space, 4), torch.randn(4, 1, dtype=shared.DOUBLE)
    t, noise = torch.tensor(math.pi / 7, dtype=shared.DOUBLE), torch.randn(4, space.noise_width, dtype=shared.DOUBLE)
    for e in (None, noise):
        values = []
        for call in (made.with_divergence, torch.compile(made.with_divergence, backend="aot_eager", fullgraph=True)):
            velocity, divergence = call(t, x, context, e)
            loss = (velocity.sin().sum(dim=-1) + divergence).sum()
            values.append([velocity, divergence, *torch.autograd.grad(loss, list(made.parameters()))])
        for plain, compiled in zip(*values, strict=True):
            torch.testing.assert_close(compiled, plain, rtol=1e-12, atol=1e-12)
