"""What the tests of torch's tools run on: every law, layer, model and flow by name."""

from __future__ import annotations

from typing import Any

import torch

import hyperdist_torch as ht
from hyperdist_torch import flows
from hyperdist_torch.vae.laws import OriginNormal
from tests.torch import flows as made
from tests.torch.laws import CASES, TORUS

DOUBLE = torch.float64


def laws() -> dict[str, Any]:
    """Laws with parameters and without, mixtures, and those of flows, in float64."""
    found: dict[str, Any] = {case.label: case.build() for case in (*CASES, *TORUS)}
    axes = torch.eye(3, dtype=DOUBLE)[:2]
    found["mixture"] = ht.Mixture([0.3, 0.7], ht.VonMisesFisher(axes, [3.0, 5.0]))
    ball = ht.WrappedNormal(0.3 * axes, 0.5, 0.7)
    found["mixture-hyperbolic"] = ht.Mixture([0.3, 0.7], ball)
    found["sphere-uniform"] = ht.SphericalUniform(2, dtype=DOUBLE)
    found["torus-uniform"] = ht.ToroidalUniform(2, dtype=DOUBLE)
    found["origin-normal"] = OriginNormal(axes, 0.5, 0.7)
    return found


def flow_laws() -> dict[str, Any]:
    """A flow on every space, and the two that are pushed onto one."""
    solver = flows.FixedGrid(2)
    spaces = (flows.Sphere(2), flows.Torus(2), flows.Euclidean(2), flows.Lorentz(2, 1.3), flows.PoincareBall(2, 0.7))
    found: dict[str, Any] = {
        space.name: flows.RiemannianCNF(made.base(space), made.field(space), solver=solver) for space in spaces
    }
    found["stereographic"] = flows.StereographicFlow(found["euclidean"])
    found["wrapped"] = flows.WrappedFlow(found["euclidean"], flows.Sphere(2))
    return found
