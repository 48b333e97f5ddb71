"""Derivatives of hyperbolic geodesics at both ends, where the points are equal, and where a form changes."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from hyperdist.geometry import conversions, lorentz, poincare, tangent  # noqa: E402
from tests.hyperdist_torch.test_derivative_kernels import agree  # noqa: E402
from tests.support import oracles_derivatives as oracle  # noqa: E402

# torch's own warning, where its forward-mode derivatives load
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

MODELS: dict[str, Any] = {"tangent": tangent, "lorentz": lorentz, "poincare": poincare}
POINTS = [[0.3, 0.4, 0.3, 0.4, 0.0], [0.0, 0.0, 0.6, 0.8, 1.0], [0.6, 0.8, -0.3, 0.0, 0.5]]
"""(x, y, t): equal at the start, from the origin to a radius of 1 at the end, half-way."""


@pytest.mark.parametrize("model", MODELS)
def test_geodesic(model: str) -> None:
    def place(v: Any) -> Any:
        x, y = (conversions.from_tangent(p, v[5], model) for p in (v[:2], v[2:4]))
        return MODELS[model].geodesic(x, y, v[4], v[5])

    def exact(v: list[Any]) -> list[Any]:
        way = [v[4] * t for t in oracle.logarithm(v[:2], v[2:4], v[5])]
        return oracle.from_tangent(oracle.boost(v[:2], way, v[5]), v[5], model)

    agree(place, exact, [[*p, 1.0] for p in POINTS], 1e-9, beside=(1e-9,), forward=False)
