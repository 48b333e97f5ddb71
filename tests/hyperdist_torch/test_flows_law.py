"""The law of a flow: its integral, its order in the step, draws, symmetries, contexts, coordinates, precisions."""

from __future__ import annotations

import math
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import hyperdist as hd  # noqa: E402
import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch import flows  # noqa: E402
from tests.support.torch import flows as shared  # noqa: E402

# torch.func.jvp with torch 2.13
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

ORDERS = {"euler": 1, "midpoint": 2, "rk4": 4}
FRAMES = [(space, kind) for space in shared.SURFACES for kind in shared.kinds(space)]


def _id(value: Any) -> str:
    return str(value).replace(" ", "")


def law(space: flows.Space, kind: str = "generators", steps: int = 20, **options: Any) -> flows.RiemannianCNF:
    made = shared.field(space, kind, strength=0.3)
    return flows.RiemannianCNF(shared.base(space), made, solver=flows.FixedGrid(steps), **options)


@pytest.mark.parametrize(("space", "kind"), FRAMES, ids=_id)
def test_density_integrates_to_one(space: flows.Space, kind: str) -> None:
    """A product rule of 32 x 32, or 32 x 64, points is right to 1e-7 here; 20 steps of rk4 are to 1e-6."""
    assert abs(shared.mass(law(space, kind), 16) - 1.0) < 1e-6


def test_density_of_an_adaptive_solve_integrates_to_one() -> None:
    pytest.importorskip("torchdiffeq")
    q = law(flows.Sphere(2))
    assert abs(shared.mass(flows.RiemannianCNF(q.base, q.field, solver=flows.Adaptive(1e-9, 1e-9))) - 1.0) < 1e-8


@pytest.mark.parametrize("method", ORDERS)
@pytest.mark.parametrize("space", shared.SURFACES, ids=_id)
def test_error_falls_with_the_step(space: flows.Space, method: str) -> None:
    """The integral of |density - that of 64 steps of rk4|: half the step takes 2^(order - 1/2) off at least."""
    shared.error_falls(law(space, "local" if space.name == "poincare" else "generators"), method, ORDERS[method])


@pytest.mark.parametrize(
    ("space", "kind"), [(space, kind) for space in shared.SPACES for kind in shared.kinds(space)], ids=_id
)
def test_density_is_the_pushed_forward_one(space: flows.Space, kind: str) -> None:
    """By the Jacobian of the discrete map, whose own error is of the order of the step to the fourth."""
    shared.density_is_pushed_forward(law(space, kind, 40), 1e-6)


def test_draws_near_the_antipode_of_a_local_frame() -> None:
    """Base and data about -e_0, where the chart ends, and velocities about 1: density and draws are of one law.

    The means of 4,000 draws against a product rule, six standard errors. -e_0 itself rests, and has a density.
    """
    pole = -torch.eye(1, 3, dtype=shared.DOUBLE)[0]
    made = shared.field(flows.Sphere(2), "local", strength=1.0)
    q = flows.RiemannianCNF(ht.VonMisesFisher(pole, torch.tensor(4.0).double()), made, solver=flows.FixedGrid(40))
    assert abs(shared.mass(q) - 1.0) < 1e-6
    nodes, weights = shared.rule(q.space)
    with torch.no_grad():
        x, log_prob = q.rsample_and_log_prob((4000,), generator=torch.Generator().manual_seed(1))
        torch.testing.assert_close(q.log_prob(x), log_prob, rtol=0.0, atol=1e-6)
        mean = (weights * shared.carried(q, nodes).exp()) @ nodes
        assert bool(((x.mean(dim=0) - mean).abs() < 6.0 * x.std(dim=0) / 4000**0.5).all())
        assert float(q.log_prob(pole)) == pytest.approx(float(q.base.log_prob(pole)))


@pytest.mark.parametrize("space", shared.SPACES, ids=_id)
def test_density_of_a_draw(space: flows.Space) -> None:
    """rsample_and_log_prob against log_prob, in every model; draws lie on the space and are those of rsample."""
    q = law(space, steps=40)
    for model in ("poincare", "lorentz", "tangent") if space.model else (None,):
        seeds = [torch.Generator().manual_seed(5) for _ in range(2)]
        options: dict[str, Any] = {"model": model} if model else {}
        hand_over = not isinstance(space, flows.Euclidean)  # torch's own laws take no generator
        given = [{"generator": seed} if hand_over else {} for seed in seeds]
        with torch.no_grad():
            torch.manual_seed(2)
            x, log_prob = q.rsample_and_log_prob((4, 3), **options, **given[0])
            torch.manual_seed(2)
            torch.testing.assert_close(q.sample((4, 3), **options, **given[1]), x, rtol=0.0, atol=0.0)
            assert log_prob.shape == (4, 3)
            torch.testing.assert_close(q.log_prob(x, **options), log_prob, rtol=0.0, atol=1e-6)


@pytest.mark.parametrize("space", [space for space in shared.SPACES if space.model], ids=_id)
def test_models_name_the_same_points(space: flows.Space) -> None:
    """Density is by volume, which does not depend on coordinates; the default is the base's own."""
    from hyperdist.geometry import conversions

    q, c = law(space), torch.tensor(space.c, dtype=shared.DOUBLE)
    v = 0.5 * torch.randn(5, space.d, dtype=shared.DOUBLE)
    with torch.no_grad():
        found = [q.log_prob(conversions.from_tangent(v, c, model), model=model) for model in conversions.MODELS]
        found.append(q.log_prob(conversions.from_tangent(v, c, "poincare")))
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=1e-9, atol=1e-9)
    tangent = ht.WrappedNormal(torch.zeros(space.d).double(), 0.5, space.c, model="tangent")
    assert torch.equal(
        flows.RiemannianCNF(tangent, q.field).log_prob(v),
        flows.RiemannianCNF(tangent, q.field).log_prob(v, model="tangent"),
    )


def test_flow_commutes_with_a_rotation_of_the_sphere() -> None:
    """Data, base and field turned together: the same density, to rounding, whatever the step."""
    q = law(flows.Sphere(2), "ambient", 7)
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=shared.DOUBLE))[0]
    turned = flows.FunctionField(flows.Sphere(2), lambda t, x: q.field(t, x @ turn) @ turn.T)
    base = ht.VonMisesFisher(turn @ q.base.mu, q.base.kappa)
    x = shared.points(q.space, 8)
    with torch.no_grad():
        moved = flows.RiemannianCNF(base, turned, solver=q.solver).log_prob(x @ turn.T)
        torch.testing.assert_close(moved, q.log_prob(x), rtol=1e-12, atol=1e-12)


def test_flow_commutes_with_an_isometry_of_hyperbolic_space() -> None:
    """A boost of data, base and field: lifting is not the same before and after, so the solve must be a fine one."""
    pytest.importorskip("torchdiffeq")
    from hyperdist.geometry import conversions, tangent

    space, to = flows.Lorentz(2, 1.3), torch.tensor([0.6, -0.2], dtype=shared.DOUBLE)
    c, solver = torch.tensor(space.c, dtype=shared.DOUBLE), flows.Adaptive(1e-10, 1e-10)
    q = flows.RiemannianCNF(
        ht.WrappedNormal(torch.zeros(2, dtype=shared.DOUBLE), 0.5, space.c, model="tangent"),
        shared.field(space, strength=0.3), solver=solver,
    )  # fmt: skip
    boost = _boost(conversions.tangent_to_lorentz(to, c), space.c)
    back = torch.linalg.inv(boost)
    field = flows.FunctionField(space, lambda t, x: q.field(t, x @ back.T) @ boost.T)
    base = ht.WrappedNormal(to, 0.5, space.c, model="tangent")
    v = 0.6 * torch.randn(5, 2, dtype=shared.DOUBLE)
    with torch.no_grad():
        moved = flows.RiemannianCNF(base, field, solver=solver).log_prob(tangent.boost(to, v, c))
        torch.testing.assert_close(moved, q.log_prob(v), rtol=0.0, atol=1e-8)


def _boost(x: Any, c: float) -> Any:
    """The Lorentz matrix that takes the origin of the hyperboloid to x, and the standard frame with it."""
    time, s = math.sqrt(c) * x[0], math.sqrt(c) * x[1:]
    block = torch.eye(len(s), dtype=x.dtype) + torch.outer(s, s) / (1.0 + time)
    return torch.cat([torch.cat([time[None], s])[None], torch.cat([s[:, None], block], dim=1)])


def test_known_law_on_the_sphere() -> None:
    """dx/dt = e_0 - x_0 x from the uniform law: atanh x_0 grows by t, so the density is (1 - z^2)/(1 - x_0^2)/4 pi."""

    def gradient(t: Any, x: Any) -> Any:
        return torch.tensor([1.0, 0.0, 0.0], dtype=x.dtype) - x[..., :1] * x

    q = flows.RiemannianCNF(
        ht.SphericalUniform(2), flows.FunctionField(flows.Sphere(2), gradient), solver=flows.FixedGrid(40)
    )
    x = shared.points(q.space, 9)
    z = torch.tanh(torch.atanh(x[:, 0]) - 1.0)
    want = ((1.0 - z * z) / (1.0 - x[:, 0].square())).log() - math.log(4.0 * math.pi)
    torch.testing.assert_close(q.log_prob(x), want, rtol=0.0, atol=1e-7)


@pytest.mark.parametrize("base", ["torch", "hyperdist"])
def test_known_law_in_flat_space(base: str) -> None:
    """dx/dt = M x carries N(0, s^2) to N(0, s^2 e^M e^M^T), for a base of torch's and for one of this library."""
    m = 0.5 * torch.randn(3, 3, dtype=shared.DOUBLE)
    zero = torch.zeros(3, dtype=shared.DOUBLE)
    normal = torch.distributions.MultivariateNormal(zero, 0.49 * torch.eye(3, dtype=shared.DOUBLE))
    law: Any = normal if base == "torch" else ht.WrappedNormal(zero, 0.7, 0.0, model="tangent")
    q = flows.RiemannianCNF(law, flows.FunctionField(flows.Euclidean(3), lambda t, x: x @ m.T))
    push = torch.matrix_exp(m)
    want = torch.distributions.MultivariateNormal(zero, 0.49 * push @ push.T)
    x = want.sample((6,))
    torch.testing.assert_close(q.log_prob(x), want.log_prob(x), rtol=0.0, atol=1e-5)
    assert q.rsample((2,)).shape == (2, 3)


@pytest.mark.parametrize("space", shared.SURFACES, ids=_id)
def test_conditional_flow(space: flows.Space) -> None:
    """Each row of a context has its own law, whatever the batch it stands in; gradients reach the context."""
    made = shared.field(space, strength=0.3, context_width=2)
    context = torch.randn(4, 1, 2, dtype=shared.DOUBLE, requires_grad=True)
    q = flows.RiemannianCNF(shared.base(space), made, context=context, solver=flows.FixedGrid(4))
    assert q.batch_shape == (4, 1)
    options: dict[str, Any] = {"model": space.model} if space.model else {}
    x, log_prob = q.rsample_and_log_prob((3,), **options)
    assert x.shape == (3, 4, 1, space.width)
    assert log_prob.shape == (3, 4, 1)
    there = shared.points(space, 5)
    together = shared.carried(q, there)  # (4, 1) against (5,)
    assert together.shape == (4, 5)
    for k in range(4):
        alone = flows.RiemannianCNF(shared.base(space), made, context=context[k, 0], solver=q.solver)
        assert alone.batch_shape == ()
        torch.testing.assert_close(shared.carried(alone, there), together[k])
    for value in (log_prob, together):
        gradient = torch.autograd.grad(value[..., 1, 0].sum(), context, retain_graph=True)[0]
        assert gradient[1].abs().min() > 0
        assert gradient[[0, 2, 3]].abs().max() == 0
    wide = q.expand((4, 6))
    assert wide.batch_shape == (4, 6)
    assert wide.rsample((2,)).shape[:-1] == (2, 4, 6)
    torch.testing.assert_close(shared.carried(wide, there[0]), together[:, :1].expand(4, 6))


def test_expand_without_context() -> None:
    q = law(flows.Torus(2), divergence="rademacher")
    wide = q.expand((3, 2))
    assert (wide.batch_shape, wide.event_shape, wide.divergence) == ((3, 2), (2,), "rademacher")
    assert wide.field is q.field
    assert wide.solver is q.solver
    exact = law(flows.Torus(2))
    x = shared.points(exact.space, 6).reshape(3, 2, 2)
    torch.testing.assert_close(exact.expand((3, 2)).log_prob(x), exact.log_prob(x))


@pytest.mark.parametrize("space", shared.SPACES, ids=_id)
def test_single_precision(space: flows.Space) -> None:
    """Dtypes stay; densities agree with float64 to 2e-4, two thousand roundings."""
    q = law(space, steps=8)
    x = shared.points(space, 5)
    with torch.no_grad():
        want = shared.carried(q, x)
        single = flows.RiemannianCNF(shared.base(space, torch.float32), q.field.float(), solver=q.solver)
        found = shared.carried(single, space.retract(x.float()))
        assert single.rsample((2,)).dtype == torch.float32
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), want, rtol=0.0, atol=2e-4)


@pytest.mark.parametrize("noise", flows.fields.NOISES)
def test_noise_is_reproducible_and_unbiased(noise: str) -> None:
    """One draw a solve; z-test of the mean of 4,000 estimates at one point, six standard errors."""
    q = law(flows.Sphere(2), steps=5)
    estimate = flows.RiemannianCNF(q.base, q.field, solver=q.solver, divergence=noise)
    x = shared.points(q.space, 1)
    with torch.no_grad():
        first, again = (estimate.log_prob(x, generator=torch.Generator().manual_seed(9)) for _ in range(2))
        assert torch.equal(first, again)
        many = estimate.log_prob(x.expand(4000, 3))
        assert many.std() > 1e-3
        assert abs(float(many.mean() - q.log_prob(x))) < 6.0 * float(many.std()) / 4000**0.5


def test_mixture_as_base() -> None:
    """Draws, densities and flow matching; gradients in the field, and none that is lost without a word in the base."""
    space = flows.Sphere(2)
    kappa = torch.tensor([3.0, 8.0]).double()
    base = ht.Mixture(torch.tensor([0.25, 0.75]).double(), ht.VonMisesFisher(torch.eye(3)[:2].double(), kappa))
    q = flows.RiemannianCNF(base, shared.field(space, strength=0.3), solver=flows.FixedGrid(20))
    assert abs(shared.mass(q) - 1.0) < 1e-6
    x, log_prob = q.rsample_and_log_prob((4000,), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(log_prob, q.log_prob(x), rtol=0, atol=1e-5)
    assert torch.equal(q.sample((4000,), generator=torch.Generator().manual_seed(1)), x)
    nodes, weights = shared.rule(space)
    with torch.no_grad():
        mean = (weights * shared.carried(q, nodes).exp()) @ nodes
    assert bool(((x.mean(dim=0) - mean).abs() < 6.0 * x.std(dim=0) / 4000**0.5).all())
    log_prob.mean().backward()
    assert all(parameter.grad is not None for parameter in q.field.parameters())
    assert flows.flow_matching(q, x.detach()[:8], coupling=4).shape == (8,)
    learnt = flows.RiemannianCNF(ht.Mixture(base.weights.requires_grad_(), base.component), q.field)
    with pytest.raises(NotImplementedError, match="base Mixture has no reparametrised draws"):
        learnt.rsample((2,))
    assert learnt.sample((2,)).shape == (2, 3)


SINGLE = [
    (ht.SphericalUniform(2), flows.Sphere(2)),
    (ht.ToroidalUniform(2), flows.Torus(2)),
    (ht.RiemannianNormal([0.1, 0.2], 1.0), flows.Lorentz(2, 1.0)),
    (ht.WrappedNormal([0.1, 0.2], 1.0), flows.PoincareBall(2, 1.0)),
]


@pytest.mark.parametrize(("base", "space"), SINGLE, ids=_id)
def test_forward_mode_at_a_lone_point_in_single_precision(base: Any, space: flows.Space) -> None:
    """Of one point, without a batch, as of a row: values, first and second derivatives, in the dtype of the point."""
    q = flows.RiemannianCNF(base, flows.FrameField(space, hidden=4), solver=flows.FixedGrid(4))
    x = q.sample()
    for function in (q.log_prob, torch.func.jacfwd(q.log_prob), torch.func.hessian(q.log_prob)):
        alone, row = function(x), function(x[None])
        assert alone.dtype == torch.float32
        torch.testing.assert_close(alone.flatten(), row.flatten(), rtol=1e-3, atol=1e-3)


def test_what_a_flow_cannot_tell_says_so_and_mixtures_hold_flows() -> None:
    field = flows.FrameField(hd.Sphere(2), hidden=4, context_width=3)
    q = flows.RiemannianCNF(ht.SphericalUniform(2), field, context=torch.randn(2, 3))
    for broken in (q, ht.Product(q, ht.SphericalUniform(2))):
        with pytest.raises(NotImplementedError, match="the entropy of RiemannianCNF has no closed form"):
            broken.entropy()
    x = q.sample()[0]
    both = ht.Mixture([0.25, 0.75], q).log_prob(x)
    each = q.log_prob(x) + torch.tensor([0.25, 0.75]).log()
    torch.testing.assert_close(both, torch.logsumexp(each, dim=-1))
