"""One contract of derivatives: reverse, forward, functional, with gradients on or off, first and second, agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from mpmath import mp, mpf  # noqa: E402

import hyperdist_torch as ht  # noqa: E402
from hyperdist.geometry import conversions, tangent  # noqa: E402
from hyperdist_torch import flows, nn  # noqa: E402
from hyperdist_torch.nn import gyroplane  # noqa: E402
from tests.support import oracles  # noqa: E402
from tests.support.oracles_derivatives import differences  # noqa: E402
from tests.support.tables import Table  # noqa: E402
from tests.support.torch import derivatives  # noqa: E402

# torch's own warning, where its forward-mode derivatives load
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


def numbers(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def unit(v: torch.Tensor) -> torch.Tensor:
    return v / torch.linalg.vector_norm(v, dim=-1, keepdim=True)


OFF: dict[str, Any] = {"validate_args": False}
LAWS: dict[str, tuple[Callable[[torch.Tensor], Any], torch.Tensor]] = {
    "riemannian-ball": (lambda p: ht.RiemannianNormal(p[:2], p[2], p[3], **OFF), numbers(0.2, -0.1, 0.8, 0.7)),
    "riemannian-tangent": (
        lambda p: ht.RiemannianNormal(p[:2], p[2], p[3], model="tangent", **OFF), numbers(0.9, -0.4, 0.8, 0.7)
    ),
    "wrapped": (lambda p: ht.WrappedNormal(p[:2], p[2:4], p[4], **OFF), numbers(0.2, -0.1, 0.8, 0.5, 0.7)),
    "fisher": (lambda p: ht.VonMisesFisher(unit(p[:3]), p[3], **OFF), numbers(0.1, -0.6, 0.8, 3.0)),
    "fisher-circle": (lambda p: ht.VonMisesFisher(unit(p[:2]), p[2], **OFF), numbers(-0.6, 0.8, 3.0)),
    "spherical": (lambda p: ht.SphericalRiemannianNormal(unit(p[:3]), p[3], **OFF), numbers(0.1, -0.6, 0.8, 0.7)),
    "torus": (lambda p: ht.ToroidalWrappedNormal(p[:2], p[2:], **OFF), numbers(0.3, 3.0, 0.7, 1.9)),
}  # fmt: skip
"""Laws of a vector of all their parameters."""


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


@pytest.mark.parametrize("name", LAWS)
def test_density_and_constants(name: str) -> None:
    """In the parameters and in the point."""
    law, p = LAWS[name]
    y = law(p).sample(generator=generator())

    def f(v: torch.Tensor) -> torch.Tensor:
        q, x = law(v[: len(p)]), v[len(p) :]
        x = unit(x) if isinstance(q.support, type(ht.SphericalUniform(2).support)) else x
        return torch.stack([q.log_prob(x), q.entropy(), q.variance, q.log_normalizer()])

    derivatives.agree(f, torch.cat([p, y]), modes=derivatives.QUICK if name == "riemannian-ball" else ())


@pytest.mark.parametrize("name", LAWS)
def test_draws(name: str) -> None:
    """By inversion: at a fixed seed they move with the parameters at fixed cdf and direction."""
    law, p = LAWS[name]

    def f(v: torch.Tensor) -> torch.Tensor:
        x, log_q = law(v).rsample_and_log_prob(method="inverse", generator=generator())
        return torch.cat([x, log_q[None]])

    derivatives.agree(f, p, modes=() if name in ("riemannian-tangent", "torus") else derivatives.QUICK)


@pytest.mark.parametrize("scales", [(0.7, 0.9), (0.8, 0.8)], ids=str)
def test_divergences(scales: tuple[float, float]) -> None:
    """In both parameters and c, of equal laws too, where the second derivative is the Fisher information."""
    mu, pole, other = numbers(0.1, 0.2), numbers(0.6, 0.8, 0.0), numbers(0.0, 0.6, 0.8)

    def f(v: torch.Tensor) -> torch.Tensor:
        normals = [law(mu, s, v[2], **OFF) for law in (ht.RiemannianNormal, ht.WrappedNormal) for s in v[:2]]
        fisher = [ht.VonMisesFisher(at, s, **OFF) for at, s in ((pole, v[0]), (other, v[1]))]
        riemannian = [ht.SphericalRiemannianNormal(pole, s, **OFF) for s in v[:2]]
        uniform = ht.SphericalUniform(2, dtype=v.dtype)
        pairs = [(normals[i], normals[j]) for i in (0, 2) for j in (1, 3)]
        pairs += [(fisher[0], fisher[1]), (riemannian[0], riemannian[1]), (riemannian[0], fisher[1])]
        pairs += [(fisher[0], riemannian[1]), (fisher[0], uniform), (uniform, fisher[1])]
        return torch.stack([torch.distributions.kl_divergence(p, q) for p, q in pairs])

    derivatives.agree(f, numbers(*scales, 0.6), modes=derivatives.QUICK)


RADII: dict[str, tuple[Any, Any, float]] = {
    "hyperbolic": (
        lambda s: ht.RiemannianNormal(torch.zeros(2, dtype=s.dtype), s, 1.0, **OFF), oracles.hyperbolic, 0.8
    ),
    "chi": (lambda s: ht.WrappedNormal(torch.zeros(3, dtype=s.dtype), s, 1.0, **OFF), oracles.chi, 0.8),
    "fisher": (lambda s: ht.VonMisesFisher(torch.eye(3, dtype=s.dtype)[0], s, **OFF), oracles.von_mises_fisher, 3.0),
    "spherical": (
        lambda s: ht.SphericalRiemannianNormal(torch.eye(3, dtype=s.dtype)[0], s, **OFF), oracles.spherical, 0.8
    ),
    "circle": (lambda s: ht.ToroidalWrappedNormal(numbers(0.0), s[None], **OFF), lambda _, s: oracles.circle(s), 0.8),
}  # fmt: skip
"""(law of its parameter, the oracle's, a parameter)."""
DIMENSIONS = {"hyperbolic": 2, "chi": 3, "fisher": 3, "spherical": 2, "circle": 1}
AT, SHARE = 0.7, 0.3


def exact(oracle: Any, d: int, theta: Any, r: Any) -> list[Any]:
    """What the radius's law tells at a parameter and a radius."""
    table = Table(oracle(d, theta))
    mean, log_z = table.average["mean"], table.log_normaliser()
    return [
        table.log_pdf(r),
        mp.log(table.tail(r, False)[0]),
        table.quantile(mpf(SHARE), False),
        mean,
        table.average["second_moment"] - mean**2,
        log_z - table.average["phi"],
    ]


def told(law: Any, r: torch.Tensor) -> list[torch.Tensor]:
    """The same by the law, which has one batch element."""
    radius = law.radius
    p = torch.full_like(r, SHARE)
    return [
        v.reshape(())
        for v in (radius.log_prob(r), radius.log_cdf(r), radius.icdf(p), radius.mean, radius.variance, radius.entropy())
    ]


@pytest.mark.parametrize("name", RADII)
def test_the_radius(name: str) -> None:
    """First and second derivatives in parameter and radius are those of mpmath's values, in every mode."""
    build, oracle, theta = RADII[name]
    at = numbers(theta, AT)
    with mp.workdps(30):
        want = differences(lambda v: exact(oracle, DIMENSIONS[name], *v), [mpf(theta), mpf(AT)])

    def f(v: torch.Tensor) -> torch.Tensor:
        return torch.stack(told(build(v[0]), v[1]))

    derivatives.compare({"value": f(at)}, torch.tensor(want.value, dtype=at.dtype), 1e-12)
    derivatives.compare(derivatives.first(f, at), torch.tensor(want.first, dtype=at.dtype), 1e-10)
    modes = () if name == "hyperbolic" else derivatives.QUICK  # forward twice: one mechanism for all
    weights = derivatives.weights(f(at))
    hessian = (torch.tensor(want.second, dtype=at.dtype) * weights[:, None, None]).sum(dim=0)
    derivatives.compare(derivatives.second(derivatives.total(f), at, modes), hessian, 1e-9)


@pytest.mark.parametrize("name", LAWS)
def test_a_sample_has_no_derivative(name: str) -> None:
    """``sample`` is made without gradient, in forward mode too."""
    law, p = LAWS[name]
    draw = lambda v: law(v).sample(generator=generator())  # noqa: E731
    for jacobian in (derivatives.dual(draw, p), derivatives.forwards(draw)(p)):
        assert not jacobian.any()


def test_inputs_of_a_node_that_depend_on_one_another() -> None:
    """A centre in ball coordinates depends on c in the tangent coordinates of the draw's node: c counts once."""
    x = numbers(0.3, 0.2)
    for model in ("poincare", "lorentz"):
        at = x if model == "poincare" else conversions.poincare_to_lorentz(x, torch.ones((), dtype=x.dtype))

        def f(p: torch.Tensor, model: str = model, at: torch.Tensor = at) -> torch.Tensor:
            q = ht.RiemannianNormal(p[:2], 0.8, p[2], **OFF)
            draw = q.rsample(method="inverse", generator=generator(), model=model)
            return torch.cat(
                [draw, q.log_prob(at, model=model)[None], gyroplane(draw, p[None, :2], p[:1], p[2], model)]
            )

        derivatives.agree(f, numbers(0.2, -0.1, 1.0), modes=("reverse twice",))


def test_the_divergence_of_a_field_that_asks_a_law() -> None:
    """It is a ``jvp``, which ``no_grad`` around the density does not switch off."""
    space = flows.Sphere(2)
    q = ht.VonMisesFisher(unit(numbers(0.0, 0.6, 0.8)), numbers(2.0)[0], **OFF)

    def velocity(t: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        angle = torch.acos((x @ q.mu).clamp(-0.999, 0.999))
        pull = q.radius.log_prob(angle) + q.radius.cdf(angle) + q.radius.icdf(0.2 + 0.1 * x[..., 0])
        return 0.3 * pull[..., None] * (q.mu - (x @ q.mu)[..., None] * x)

    flow = flows.RiemannianCNF(
        ht.SphericalUniform(2, dtype=q.mu.dtype),
        flows.FunctionField(space, velocity),
        solver=flows.FixedGrid(1, "euler"),
    )
    x = unit(numbers(0.0, 1.0, -0.3, 0.5, -0.2, 0.7).reshape(2, 3))
    with torch.no_grad():
        without = flow.log_prob(x)
    assert torch.equal(without, flow.log_prob(x).detach())
    # The divergence by differences of the velocity along the sphere.
    field, t = flow.field, torch.zeros((), dtype=x.dtype)
    with torch.no_grad():
        _, divergence = field.with_divergence(t, x)
    for row, found in zip(x, divergence, strict=True):
        basis = space.basis(row)
        jacobian = derivatives.differences(lambda v, row=row: field(t, unit(row + v)), torch.zeros_like(row))
        assert float(torch.einsum("ki,ij,kj->", basis, jacobian, basis)) == pytest.approx(float(found), abs=1e-8)


def test_flows() -> None:
    """In the point; derivatives of features are a ``jvp``, and steps are computed again where they can be.

    Of torch's activations swish has no forward derivative of its backward one, which raises.
    """
    space = flows.Sphere(2)
    torch.manual_seed(3)
    features = flows.GeodesicDistances(space, 4)
    field = flows.FrameField(space, features=features, hidden=6, layers=1, activation="tanh").double()
    torch.nn.init.normal_(field.network.output.weight)
    law = ht.VonMisesFisher(unit(numbers(0.3, -0.4, 0.9)), 2.0)
    flow = flows.RiemannianCNF(law, field, solver=flows.FixedGrid(2, "midpoint", checkpoint=True))
    at = numbers(0.0, 0.6, 0.8)
    derivatives.agree(lambda x: flow.log_prob(unit(x)[None]), at, modes=derivatives.QUICK)


LAYERS = {layer.__name__: layer for layer in (gyroplane, nn.horosphere, nn.klein, nn.mobius_linear)}


@pytest.mark.parametrize("model", ["tangent", "lorentz"])
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str, model: str) -> None:
    """In the point, the weight, the bias and c."""

    def f(v: torch.Tensor) -> torch.Tensor:
        x, weight, bias, c = conversions.from_tangent(v[:2], v[8], model), v[2:6].reshape(2, 2), v[6:8], v[8]
        return LAYERS[name](x[None], weight, bias, c, model).flatten()

    at = numbers(0.3, -0.4, 0.5, 0.2, -0.3, 0.8, 0.1, -0.2, 0.7)
    derivatives.agree(f, at, modes=() if model == "tangent" else derivatives.QUICK)


def test_the_riemannian_gradient_is_one_map_in_both_modes() -> None:
    """Its Jacobian is the metric's inverse; torch would lose a forward derivative of a forward one, so that raises."""
    c, v = numbers(0.7)[0], numbers(1.2, -0.5)

    def f(x: torch.Tensor) -> torch.Tensor:
        return nn.riemannian_gradient(x, c)

    axes = torch.eye(2, dtype=v.dtype)
    want = torch.stack([tangent.from_frame(v, tangent.from_frame(v, e, c), c) for e in axes], dim=-1)
    derivatives.compare(derivatives.first(f, v), want, 1e-14)
    whole = derivatives.total(lambda x: f(x).square())
    names = [name for name in derivatives.SECOND if name != "jacfwd jacfwd"]
    found = derivatives.second(whole, v, names)
    derivatives.compare(found, found["reverse twice"], 1e-13)
    with pytest.raises(NotImplementedError, match="jacfwd\\(jacrev"):
        derivatives.SECOND["jacfwd jacfwd"](whole, v)
