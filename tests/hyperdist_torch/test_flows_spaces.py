"""Flows take the spaces of hyperdist, and what they do there is those spaces' own; old names, pickles."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import hyperdist as hd  # noqa: E402
import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch import flows  # noqa: E402
from tests.support.torch.flows import SPACES, points  # noqa: E402

PAIRS = [
    (hd.Sphere(2), flows.Sphere(2)),
    (hd.Torus(3), flows.Torus(3)),
    (hd.Euclidean(2), flows.Euclidean(2)),
    (hd.Lorentz(1.3, d=2), flows.Lorentz(2, 1.3)),
    (hd.PoincareBall(0.7, d=2), flows.PoincareBall(2, 0.7)),
]


@pytest.mark.parametrize(("space", "named"), PAIRS, ids=repr)
def test_flows_take_spaces(space: Any, named: Any) -> None:
    there = flows.on(space)
    assert type(there) is type(named)
    assert (repr(there), there.core) == (repr(named), space)
    assert flows.on(there) is there
    for made in (
        flows.FrameField(space, hidden=4),
        flows.FunctionField(space, lambda t, x: x),
        flows.Coordinates(space),
        flows.Waves(space, 4, 0.1),
        flows.GeodesicDistances(space, 4),
    ):
        assert made.space.core == space


@pytest.mark.parametrize("space", SPACES, ids=repr)
def test_maps_are_those_of_the_space(space: Any) -> None:
    x, y = points(space, 5), points(space, 5)
    u = space.core.log(x, y)
    torch.testing.assert_close(space.log(x, y), u, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(space.exp(x, u), y, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(space.dist_sq(x, y), space.core.dist_sq(x, y), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(space.inner(x, u, u), space.core.inner(x, u, u), rtol=1e-9, atol=1e-9)
    assert space.core.contains(space.retract(x)).all()


def test_a_law_on_a_space() -> None:
    q = flows.RiemannianCNF(ht.SphericalUniform(2), flows.FrameField(hd.Sphere(2), hidden=4))
    assert q.sample((3,)).shape == (3, 3)
    flat = flows.RiemannianCNF(ht.WrappedNormal(torch.zeros(2), 1.0, 0.0), flows.FrameField(hd.Euclidean(2), hidden=4))
    assert flows.WrappedFlow(flat, hd.PoincareBall(1.0, d=2)).space.core == hd.PoincareBall(1.0, d=2)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (hd.Sphere(), r"space must name its dimension d, as Sphere\(d=2\) does, got Sphere\(\)"),
        (hd.PoincareBall([1.0, 2.0], d=2), "space must have one number for c, which a flow does not learn"),
        (hd.PoincareBall(0.0, d=2), "c must be > 0"),
        (hd.Tangent(1.0, d=2), "space must be a Sphere, Torus, Euclidean, Lorentz or PoincareBall of hyperdist"),
    ],
)
def test_refuses_other_spaces(space: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        flows.FrameField(space)


def test_pickles_of_the_old_names_load() -> None:
    written = pickle.dumps(flows.Lorentz(2, 1.3), protocol=0)
    assert b"OnLorentz" in written
    assert repr(pickle.loads(written.replace(b"OnLorentz", b"Lorentz"))) == "Lorentz(2, c=1.3)"
