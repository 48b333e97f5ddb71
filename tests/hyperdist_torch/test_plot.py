"""Pictures of torch laws and flows: by their log_prob, without a trace in torch's own state."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import hyperdist as hd
import hyperdist_torch as ht
from hyperdist_torch import flows

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib.figure import Figure  # noqa: E402

from hyperdist import plot  # noqa: E402
from hyperdist.plot._globe import Mollweide  # noqa: E402

PIXELS = 30
MU = torch.tensor([0.3, -0.2], dtype=torch.float64)
UNIT = torch.tensor([0.0, 0.6, 0.8], dtype=torch.float64)


def disc():
    return Figure().add_subplot()


def oval():
    return Figure().add_subplot(projection="mollweide")


def on_ball(model):
    mu = MU.clone() if model == "poincare" else torch.as_tensor(hd.PoincareBall(2.0).to_tangent(MU.numpy()))
    return ht.WrappedNormal(mu.requires_grad_(), torch.tensor([0.3, 0.5], dtype=torch.float64), 2.0, model=model)


@pytest.mark.parametrize("model", ["poincare", "tangent"])
def test_hyperbolic_laws_show_the_density_of_the_core(model):
    known = plot.disc_density(hd.WrappedNormal(MU.numpy(), [0.3, 0.5], 2.0), disc(), pixels=PIXELS)
    law = on_ball(model)
    image = plot.disc_density(law, disc(), pixels=PIXELS)
    np.testing.assert_allclose(image.get_array(), known.get_array(), rtol=1e-9, atol=1e-12)
    mixed = plot.disc_density(ht.Mixture([1.0], law.expand((1,))), disc(), pixels=PIXELS)
    np.testing.assert_allclose(mixed.get_array(), known.get_array(), rtol=1e-9, atol=1e-12)


def test_other_spaces_show_the_density_of_the_core():
    known = plot.sphere_density(hd.PowerSpherical(UNIT.numpy(), 6.0), oval(), pixels=PIXELS)
    image = plot.sphere_density(ht.PowerSpherical(UNIT, 6.0), oval(), pixels=PIXELS)
    np.testing.assert_allclose(image.get_array(), known.get_array(), rtol=1e-9, atol=1e-300)
    uniform = plot.sphere_density(ht.SphericalUniform(2), oval(), pixels=PIXELS)
    np.testing.assert_allclose(uniform.get_array(), 1 / (4 * np.pi), rtol=1e-6)
    mu, sigma = [0.0, 3.0, 1.0], [0.5, 1.0, 0.2]
    for law in (ht.ToroidalWrappedNormal, hd.ToroidalWrappedNormal):
        torus = law(torch.tensor(mu, dtype=torch.float64) if law is ht.ToroidalWrappedNormal else mu, sigma)
        image = plot.torus_density(torus, disc(), axes=(2, 0), pixels=PIXELS)
        known = plot.torus_density(hd.ToroidalWrappedNormal([1.0, 0.0], [0.2, 0.5]), disc(), pixels=PIXELS)
        np.testing.assert_allclose(image.get_array(), known.get_array(), rtol=1e-6)
    ball = plot.ball_density(
        ht.RiemannianNormal(torch.zeros(3), 0.3), Figure().add_subplot(projection="3d"), points=100
    )
    assert len(ball.get_array()) == 100


def test_narrow_laws_are_ringed_as_those_of_the_core():
    image = plot.disc_density(ht.RiemannianNormal(MU, 1e-4), disc(), pixels=200)
    known = plot.disc_density(hd.RiemannianNormal(MU.numpy(), 1e-4), disc(), pixels=200)
    assert image.get_array().max() == pytest.approx(known.get_array().max(), rel=0.05)
    (rings,) = (a for a in image.axes.collections if len(a.get_offsets()) and hasattr(a, "get_sizes"))
    np.testing.assert_allclose(rings.get_offsets(), [MU.numpy()], atol=1e-3)


FLOWS = {
    "disc": (hd.PoincareBall(1.0, d=2), lambda: ht.WrappedNormal(torch.zeros(2), 0.5)),
    "disc, tangent base": (hd.Lorentz(1.0, d=2), lambda: ht.WrappedNormal(torch.zeros(2), 0.5, model="tangent")),
    "sphere": (hd.Sphere(2), lambda: ht.SphericalUniform(2)),
    "torus": (hd.Torus(2), lambda: ht.ToroidalUniform(2)),
    "plane": (hd.Euclidean(2), lambda: torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2))),
}


@pytest.mark.parametrize("name", FLOWS)
def test_flows_show_their_own_density(name):
    torch.manual_seed(5)
    space, base = FLOWS[name]
    q = flows.RiemannianCNF(base(), flows.FrameField(space, hidden=8))
    if name == "sphere":
        image = plot.sphere_density(q, oval(), pixels=PIXELS)
        chart = Mollweide((0.0, 0.0)).chart(PIXELS)
        x = torch.tensor(chart.at(chart.centres(np.array([[40, 18]]), 0)), dtype=torch.float32)
        with torch.no_grad():
            assert image.get_array()[18, 40] == pytest.approx(q.log_prob(x).exp().item(), rel=1e-4)
    elif name == "torus":
        image = plot.torus_density(q, disc(), pixels=PIXELS)
        x = torch.tensor([[-np.pi + 2 * np.pi * 10.5 / PIXELS, -np.pi + 2 * np.pi * 20.5 / PIXELS]]).float()
        with torch.no_grad():
            assert image.get_array()[20, 10] == pytest.approx(q.log_prob(x).exp().item(), rel=1e-4)
        assert image.get_array().mean() * 4 * np.pi**2 == pytest.approx(1.0, abs=0.02)
    else:
        image = plot.disc_density(q, disc(), pixels=PIXELS)
        x = torch.tensor([[10.5, 18.5]]) / PIXELS * 2 - 1
        x = 4.0 * x if name == "plane" else x  # lengths of the plane are twice its coordinates, which reach to 2
        with torch.no_grad():
            options = {} if name == "plane" else {"model": "poincare"}
            expected = q.log_prob(x, **options).exp().item()
        assert image.get_array()[18, 10] == pytest.approx(expected, rel=1e-4)
        assert image.axes.get_xlim()[1] == pytest.approx(2.04 if name == "plane" else 1.02)


@pytest.mark.parametrize(
    ("space", "kind"), [("lorentz", "riemannian"), ("poincare", "wrapped"), ("sphere", "stereographic")]
)
def test_flows_of_a_configuration_are_shown_as_their_law(space, kind):
    torch.manual_seed(6)
    flow = flows.Flow(flows.FlowConfig(space, 2, hidden=8, kind=kind))
    draw, axes = (plot.sphere_density, oval) if space == "sphere" else (plot.disc_density, disc)
    known, image = (draw(q, axes(), pixels=PIXELS).get_array() for q in (flow(), flow))
    np.testing.assert_allclose(image, known, rtol=2e-3, atol=1e-6)


def test_pictures_leave_no_trace_in_torch():
    mu = MU.clone().requires_grad_()
    q = ht.RiemannianNormal(mu, 0.3)
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    plot.disc_density(q, disc(), pixels=PIXELS)
    assert torch.equal(before, torch.random.get_rng_state())
    assert mu.grad is None
    artist = plot.disc_points(q.rsample((5,)), disc(), values=torch.arange(5.0), groups=None)
    assert artist.get_array().tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    ends = q.rsample((2, 3))
    assert len(plot.disc_geodesic(ends[0], ends[1], disc()).get_segments()) == 3
    assert len(plot.sphere_points(ht.SphericalUniform(2).sample((4,)), oval(), groups=torch.tensor([0, 1, 0, 1]))) == 2


def test_laws_say_their_space():
    ball = ht.RiemannianNormal(MU, 0.3, 2.0).space
    assert (type(ball), ball.c.item()) == (hd.PoincareBall, 2.0)
    assert type(on_ball("tangent").space) is hd.Tangent
    assert ht.VonMisesFisher(UNIT, 3.0).space == hd.Sphere()
    assert ht.ToroidalUniform(2).space == hd.Torus()
    mixture = ht.Mixture([0.5, 0.5], ht.RiemannianNormal(torch.zeros(2, 2), 0.3, 2.0))
    assert mixture.space.c.tolist() == 2.0
    assert ht.Mixture([0.5, 0.5], ht.VonMisesFisher(torch.eye(3)[:2], 2.0)).space == hd.Sphere()
    with pytest.raises(ValueError, match="q must be a hyperbolic law of dimension 2"):
        plot.disc_density(ht.RiemannianNormal(torch.zeros(3), 0.3), disc())
    with pytest.raises(ValueError, match="q must be a law on the sphere"):
        plot.sphere_density(ht.RiemannianNormal(torch.zeros(3), 0.3), oval())
