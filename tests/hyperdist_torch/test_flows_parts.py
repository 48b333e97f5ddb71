"""Flows as modules, and with fields of one's own: what they train, save and load, and whether a field is tangent."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch import flows  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


class Own(flows.VectorField):
    """A plain network of cosines of the coordinates, slow far out, with or without the projection at its end."""

    def __init__(self, space: flows.Space, tangent: bool = True, width: int = 5) -> None:
        super().__init__()
        self.space, self.tangent = space, tangent
        self.body = nn.Sequential(nn.Linear(space.width, width), nn.Tanh(), nn.Linear(width, space.width))

    def forward(self, t: Tensor, x: Tensor, context: Tensor | None = None) -> Tensor:
        square = self.space.c * x.square().sum(dim=-1, keepdim=True)
        f = self.body(x.cos()) * (1.0 - square if self.space.name == "poincare" else 1.0 / (1.0 + square))
        return self.space.project(x, f) if self.tangent else f


SPACES = [flows.Sphere(2), flows.Torus(2), flows.Lorentz(2, 0.7), flows.PoincareBall(2, 0.7), flows.Euclidean(3)]


def base(space: flows.Space) -> Any:
    if isinstance(space, flows.Sphere):
        return ht.SphericalUniform(space.d)
    if isinstance(space, flows.Torus):
        return ht.ToroidalUniform(space.d)
    return ht.WrappedNormal(torch.zeros(space.d), 1.0, space.c)


def law(space: flows.Space, **options: Any) -> flows.RiemannianCNF:
    return flows.RiemannianCNF(base(space), flows.FrameField(space, hidden=4), solver=flows.FixedGrid(4), **options)


@pytest.mark.parametrize("space", SPACES, ids=repr)
def test_a_law_is_a_module(space: flows.Space, tmp_path: Path) -> None:
    """Parameters, state, calls, training mode; saved and loaded, pickled and copied, to the same densities."""
    one = law(space)
    nn.init.normal_(one.field.network.output.weight, std=0.3)
    assert [name for name, _ in one.named_parameters()] == [f"field.{name}" for name, _ in one.field.named_parameters()]
    assert one.eval().training is False
    x = one.sample((3,))
    known = one.log_prob(x)
    torch.testing.assert_close(one(x), known)
    one.save(tmp_path / "law.pt")
    field = flows.FrameField(space, hidden=4)
    read = flows.RiemannianCNF.load(tmp_path / "law.pt", base(space), field, solver=flows.FixedGrid(4))
    other = law(space)
    other.load_state_dict(one.state_dict())
    for again in (read, other, copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert torch.equal(again.log_prob(x), known)
    assert one.expand((2,)).log_prob(x[0]).shape == (2,)
    known.sum().backward()
    assert all(parameter.grad is not None for parameter in one.parameters())


def test_what_a_law_does_not_know_it_says_in_its_own_words() -> None:
    with pytest.raises(AttributeError, match="the mean of RiemannianCNF has no closed form: estimate it from draws"):
        law(flows.Sphere(2)).mean  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'colour'"):
        law(flows.Sphere(2)).colour  # noqa: B018
    assert not hasattr(law(flows.Sphere(2)), "radius")


def test_files_of_other_laws(tmp_path: Path) -> None:
    path, sphere = tmp_path / "law.pt", flows.Sphere(2)
    law(sphere).save(path)
    mu = torch.tensor([0.0, 0.0, 1.0])
    for other, field, options, match in (
        (
            ht.VonMisesFisher(mu, 2.0),
            flows.FrameField(sphere, hidden=4),
            {},
            "base = 'SphericalUniform .*, not 'VonMis",
        ),
        (
            base(sphere),
            flows.FrameField(sphere, hidden=4),
            {"divergence": "gaussian"},
            "divergence = 'exact', not 'gau",
        ),
        (base(sphere), flows.FrameField(sphere, hidden=5), {}, r"has shape \(4, 4\) in the file, \(5, 4\)"),
        (ht.SphericalUniform(3), flows.FrameField(flows.Sphere(3), hidden=4), {}, "d = 2, not 3"),
    ):
        with pytest.raises(ValueError, match=match):
            flows.RiemannianCNF.load(path, other, field, **options)
    fisher = flows.RiemannianCNF(ht.VonMisesFisher(mu, 2.0), flows.FrameField(sphere, hidden=4))
    fisher.save(path)
    with pytest.raises(ValueError, match="holds another model: base = 'VonMisesFisher"):
        flows.RiemannianCNF.load(path, ht.VonMisesFisher(mu, 2.5), flows.FrameField(sphere, hidden=4))
    learnt = ht.VonMisesFisher(mu, torch.tensor(2.0, requires_grad=True))
    with pytest.raises(ValueError, match=r"base.kappa must be fixed for the law to be saved"):
        flows.RiemannianCNF(learnt, flows.FrameField(sphere, hidden=4)).save(path)


@pytest.mark.parametrize("space", SPACES, ids=repr)
def test_own_fields_are_looked_at(space: flows.Space) -> None:
    """Tangent fields pass; a network's raw output does not on the embedded spaces, where every vector is no tangent."""
    x = base(space).sample((20,), **({"model": space.model} if space.model else {}))
    for field in (
        Own(space),
        flows.FrameField(space, hidden=4),
        flows.FunctionField(space, lambda t, x: x.cos() + 1.0),
    ):
        flows.check_tangent(field, x)
    raw = Own(space, tangent=False)
    if isinstance(space, flows.Sphere | flows.Lorentz):
        with pytest.raises(ValueError, match=r"field must return tangents of .*\(20 of 20 points\): return space.proj"):
            flows.check_tangent(raw, x)
    else:
        flows.check_tangent(raw, x)
    raw.body[2] = nn.Linear(5, space.width + 1)
    raw.tangent = False
    with pytest.raises(ValueError, match="field must return the shape of its points"):
        flows.check_tangent(raw, x)
    raw.body[2] = nn.Linear(5, space.width)
    nn.init.constant_(raw.body[2].bias, torch.nan)
    with pytest.raises(ValueError, match="field must return finite numbers, got nan"):
        flows.check_tangent(raw, x)


@pytest.mark.parametrize("name", ["sphere", "torus", "lorentz", "poincare", "euclidean"])
def test_a_flow_with_a_field_of_ones_own(name: str, tmp_path: Path) -> None:
    config, path = flows.FlowConfig(name, 2, steps=4), tmp_path / "flow.pt"
    flow = flows.Flow(config, field=Own(config.field_space))
    x, log_prob = flow.rsample_and_log_prob(3)
    log_prob.sum().backward()
    assert all(parameter.grad is not None for parameter in flow.parameters())
    flows.save(flow, path)
    for read in (
        flows.load(path, config, field=Own(config.field_space)),
        flows.load(path, factory=lambda config: flows.Flow(config, field=Own(config.field_space))),
    ):
        assert torch.equal(read.log_prob(x.detach()), flow.log_prob(x.detach()))
    with pytest.raises(ValueError, match=r"holds a Flow with parts of one's own: field \(Own\)"):
        flows.load(path)
    with pytest.raises(ValueError, match=r"field must be on .*, got one on "):
        flows.Flow(config, field=Own(flows.Euclidean(3)))
    with pytest.raises(ValueError, match="field must have context_width 1, got 0"):
        flows.Flow(flows.FlowConfig(name, 2, context_width=1), field=Own(config.field_space))
    if name in ("sphere", "lorentz"):
        with pytest.raises(ValueError, match="field must return tangents of"):
            flows.Flow(config, field=Own(config.field_space, tangent=False))
