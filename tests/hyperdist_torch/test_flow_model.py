"""Flows as modules: configurations, laws of every kind, files, errors."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch import flows  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

CONFIGS = [
    flows.FlowConfig("sphere", 2, frame="ambient", features="planes", n_features=4, hidden=6, layers=2, steps=6),
    flows.FlowConfig("sphere", 2, features="waves", finest=0.1, n_features=4, hidden=6, layers=2, steps=6),
    flows.FlowConfig("torus", 2, features="points", n_features=4, activation="sine", scale=2.0, hidden=6, steps=6),
    flows.FlowConfig("euclidean", 3, base_scale=2.0, hidden=6, layers=1, steps=6),
    flows.FlowConfig("lorentz", 2, c=0.7, frame="local", hidden=6, layers=1, steps=6),
    flows.FlowConfig("poincare", 2, c=0.7, hidden=6, layers=1, method="midpoint", steps=6),
    flows.FlowConfig("sphere", 2, kind="stereographic", hidden=6, layers=1, steps=6),
    flows.FlowConfig("sphere", 1, kind="wrapped", hidden=6, layers=1, steps=6),
    flows.FlowConfig("torus", 2, kind="wrapped", radius=8.0, hidden=6, layers=1, steps=6),
    flows.FlowConfig("poincare", 2, kind="wrapped", c=0.7, hidden=6, layers=1, steps=6),
]


def name(config: flows.FlowConfig) -> str:
    return f"{config.kind}-{config.space}"


def moved(config: flows.FlowConfig) -> flows.Flow:
    """A flow in double precision whose field is not 0."""
    flow = flows.Flow(config).double()
    torch.nn.init.normal_(flow.field.network.output.weight, std=0.3)
    return flow


@pytest.mark.parametrize("config", CONFIGS, ids=name)
def test_draws_and_density_agree(config: flows.FlowConfig) -> None:
    flow = moved(config)
    x, known = flow.rsample_and_log_prob(5, solver=flows.FixedGrid(30))
    assert x.shape == (5, flow.space.width)
    torch.testing.assert_close(flow.log_prob(x, solver=flows.FixedGrid(30)), known, rtol=0.0, atol=1e-5)
    assert known.requires_grad


@pytest.mark.parametrize("config", CONFIGS, ids=name)
def test_configurations_and_weights_come_back(config: flows.FlowConfig, tmp_path: Path) -> None:
    assert flows.FlowConfig.from_dict(config.to_dict()) == config
    flow = moved(config)
    flows.save(flow, tmp_path / "flow.pt")
    again = flows.load(tmp_path / "flow.pt", config)
    x = flow.rsample_and_log_prob(3)[0].detach()
    assert torch.equal(again.log_prob(x), flow.log_prob(x))


def test_a_flow_begins_as_its_base() -> None:
    x = torch.tensor([[0.6, 0.0, 0.8]])
    flow = flows.Flow(flows.FlowConfig("sphere", 2))
    assert flow.log_prob(x).item() == pytest.approx(-math.log(4.0 * math.pi), abs=1e-5)
    flow = flows.Flow(flows.FlowConfig("euclidean", 2, base_scale=2.0))
    normal = torch.distributions.Normal(0.0, 2.0)
    assert flow.log_prob(x[:, :2]).item() == pytest.approx(normal.log_prob(x[:, :2]).sum().item(), abs=1e-5)
    mu, weights = torch.eye(3)[:2], [0.25, 0.75]
    flow = flows.Flow(flows.FlowConfig("sphere", 2, base="mixture", components=2))
    flow.set_base(weights, mu, [3.0, 8.0])
    mixture = ht.Mixture(weights, ht.VonMisesFisher(mu, [3.0, 8.0]))
    torch.testing.assert_close(flow.log_prob(x), mixture.log_prob(x))


def test_solver_divergence_and_context_can_be_given() -> None:
    config = flows.FlowConfig("sphere", 2, hidden=6, layers=1, steps=2, context_width=1, divergence="gaussian")
    flow = moved(config)
    x = flow.space.retract(torch.ones(4, 3).double())
    context = torch.ones(1, 1).double()
    fine, coarse = (flow.log_prob(x, context, solver=s, divergence="exact") for s in (flows.FixedGrid(40), None))
    assert 0.0 < float((fine - coarse).abs().max().detach()) < 0.1
    assert float(flow.log_prob(x, context).std().detach()) > float(coarse.std().detach())
    assert isinstance(flows.FlowConfig("sphere", 2, method="dopri5", rtol=1e-3).make_solver(), flows.Adaptive)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"space": "cylinder"}, "space must be one of"),
        ({"kind": "projected"}, "kind must be one of"),
        ({"d": 0}, "d must be an integer >= 1, got 0"),
        ({"c": -1.0}, "c must be > 0"),
        ({"components": -1}, "components must be an integer >= 0, got -1"),
        ({"space": "torus", "kind": "stereographic"}, "kind 'stereographic' needs space 'sphere', got 'torus'"),
        ({"space": "euclidean", "kind": "wrapped"}, "kind 'wrapped' needs a space that is not flat"),
        ({"base": "normal"}, "base must be one of"),
        ({"base": "mixture"}, "components must be > 0 for base 'mixture' alone, got 0, 'mixture'"),
        ({"kind": "wrapped", "context_width": 2}, "context_width must be 0 for kind 'wrapped', got 2"),
        ({"method": "rk45"}, "method must be one of"),
        ({"scale": [1.0, 2.0]}, "scale must be one number, got shape (2,)"),
    ],
)
def test_bad_settings_are_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        flows.FlowConfig.from_dict({"space": "sphere", "d": 2, **values})


def test_bad_fields_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown fields of a FlowConfig: 'width'"):
        flows.FlowConfig.from_dict({"space": "sphere", "d": 2, "width": 3})
    with pytest.raises(ValueError, match="a FlowConfig needs d, got space"):
        flows.FlowConfig.from_dict({"space": "sphere"})
    with pytest.raises(TypeError, match="adjoint must be True or False, got 1"):
        flows.FlowConfig.from_dict({"space": "sphere", "d": 2, "adjoint": 1})
    flow = flows.Flow(flows.FlowConfig("sphere", 2, hidden=4, layers=1))
    with pytest.raises(ValueError, match="base must be 'mixture' to be set, got 'uniform'"):
        flow.set_base([1.0], torch.eye(3)[:1], [1.0])
    mixed = flows.Flow(flows.FlowConfig("sphere", 2, base="mixture", components=2))
    with pytest.raises(ValueError, match=r"base_mu must have shape \(2, 3\), got \(1, 3\)"):
        mixed.set_base([0.5, 0.5], torch.eye(3)[:1], [1.0, 1.0])
    flows.save(flow, tmp_path / "flow.pt")
    with pytest.raises(ValueError, match="hidden = 4, not 5"):
        flows.load(tmp_path / "flow.pt", flows.FlowConfig("sphere", 2, hidden=5, layers=1))
