"""Derivatives of maps and layers on and beside the points where a kernel changes its form: those of mpmath's values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from mpmath import mp, mpf  # noqa: E402

from hyperdist.geometry import conversions, lorentz, poincare, polar, sphere, tangent  # noqa: E402
from hyperdist.geometry import gyroplane as planes  # noqa: E402
from hyperdist.geometry.fast import translation  # noqa: E402
from hyperdist_torch import nn  # noqa: E402
from hyperdist_torch.fast import distance as _distance  # noqa: E402
from hyperdist_torch.fast import polar as _polar  # noqa: E402
from tests.support import oracles_derivatives as oracle  # noqa: E402
from tests.support.torch.derivatives import at_points, compare, weights  # noqa: E402

# torch's own warning, where its forward-mode derivatives load
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

BESIDE = (0.0, 1e-9)
"""On a point and on that side of it which does not belong to the form that holds on it."""


def agree(
    f: Callable[[Any], Any],
    exact: Callable[[list[Any]], Sequence[Any]],
    points: Sequence[Sequence[float]],
    tolerance: float = 1e-10,
    beside: Sequence[float] = BESIDE,
    forward: bool = True,
) -> None:
    """Value and first two derivatives at the points and beside them, relative to the largest number at each."""
    moved = [[t * (1.0 + step) + step * math.sin(3.0 + i) for i, t in enumerate(p)] for p in points for step in beside]
    with mp.workdps(60):
        want = [oracle.differences(exact, [mpf(t) for t in p]) for p in moved]
    x = torch.tensor(moved, dtype=torch.float64)
    orders = at_points(f, x, forward)
    for row, (at, right) in enumerate(zip(x, want, strict=True)):
        compare({f"value at {at.tolist()}": f(at)}, x.new_tensor(right.value), tolerance)
        weighted = x.new_tensor(right.second).mul(weights(f(at))[:, None, None]).sum(dim=0)
        for order, numbers in enumerate((x.new_tensor(right.first), weighted)):
            found = {f"{order + 1} by {name} at {at.tolist()}": both[order][row] for name, both in orders.items()}
            compare(found, numbers, tolerance * 10.0**order)


def one(value: Any) -> Any:
    return value.reshape(1)


PAIRS = {
    "equal": ([0.3, 0.4, 0.3, 0.4], [3.0, 4.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0]),
    "origin": ([0.0, 0.0, 0.3, 0.4], [0.6, -0.3, 0.0, 0.0], [0.0, 0.0, 3.0, 1.0]),
    "aligned": ([0.3, 0.4, 0.6, 0.8], [3.0, 4.0, 1.5, 2.0], [0.5, 0.5, 1.5, 1.5]),
    "opposite": ([0.3, 0.4, -0.3, -0.4], [3.0, 4.0, -3.0, -4.0], [0.0, 1.0, 0.0, -1.0]),
    "orthogonal": ([2.0, 0.0, 0.0, 1.5], [0.5, 0.0, 0.0, 0.5]),
    "switches": ([1.0, 0.0, 0.6, 0.8], [0.25, 0.0, 0.0, 2.0], [3.0, 4.0, 4.0, 3.0], [0.1, 0.2, 0.0, 2.0]),
}
"""Two points of the plane, where a form of the half-way vector begins, ends or has a vanishing term."""


@pytest.mark.parametrize("kind", PAIRS)
def test_distance(kind: str) -> None:
    points = [[*p, 1.0] for p in PAIRS[kind]]

    def exact(v: list[Any]) -> list[Any]:
        return [oracle.dist_sq(v[:2], v[2:4], v[4])]

    agree(lambda v: one(tangent.dist_sq(v[:2], v[2:4], v[4])), exact, points)
    # In forward mode the node gives way to the kernel.
    agree(lambda v: one(_distance.dist_sq(v[:2], v[2:4], v[4])), exact, points, forward=False)
    for model, kernels in (("lorentz", lorentz), ("poincare", poincare)):

        def between(v: Any, model: str = model, kernels: Any = kernels) -> Any:
            return one(kernels.dist_sq(*(conversions.from_tangent(x, v[4], model) for x in (v[:2], v[2:4])), v[4]))

        # 1 - c|x|^2 is exp(-5) at the farthest of these points: the ball loses that of the distance, and of slopes more
        agree(between, exact, points, 1e-10 if model == "lorentz" else 1e-8)


@pytest.mark.parametrize("kind", PAIRS)
def test_logarithm_and_translation(kind: str) -> None:
    points = [[*p, 1.0] for p in PAIRS[kind]]
    agree(lambda v: tangent.log_frame(v[:2], v[2:4], v[4]), lambda v: oracle.logarithm(v[:2], v[2:4], v[4]), points)
    agree(lambda v: translation.translate(v[:2], v[2:4], v[4]), lambda v: oracle.boost(v[:2], v[2:4], v[4]), points)


def test_at_no_curvature() -> None:
    """c = 0, where both sides of it are known to the oracle."""
    points = [[*p, 0.0] for kind in ("equal", "origin", "switches") for p in PAIRS[kind][:2]]
    agree(
        lambda v: tangent.log_frame(v[:2], v[2:4], v[4]), lambda v: oracle.logarithm(v[:2], v[2:4], v[4]), points,
        beside=(0.0,),
    )  # fmt: skip
    agree(
        lambda v: translation.translate(v[:2], v[2:4], v[4]), lambda v: oracle.boost(v[:2], v[2:4], v[4]), points,
        beside=(0.0,),
    )  # fmt: skip


POLAR = {
    "centre at 0": ([0.0, 0.0, 0.7], [0.0, 0.0, 0.0]),
    "no way": ([0.3, 0.4, 0.0], [3.0, 4.0, 0.0]),
    "switch": ([0.1, 0.0, 0.5], [0.06, 0.08, 0.5], [0.6, 0.8, 1.0]),
    "straight on": ([0.5, 0.0, 0.7], [5.0, 0.0, 3.0]),
    "back": ([-0.5, 0.0, 0.7], [-0.5, 0.0, 0.25], [-5.0, 0.0, 3.0]),
    "back to 0": ([-0.5, 0.0, 0.5], [-2.0, 0.0, 2.0]),
}
"""A centre and a length, along the first axis."""


@pytest.mark.parametrize("kind", POLAR)
@pytest.mark.parametrize("model", conversions.MODELS)
def test_polar_exponential(model: str, kind: str) -> None:
    points = [[*p, 1.0] for p in POLAR[kind]]

    def exact(v: list[Any]) -> list[Any]:
        return oracle.from_tangent(oracle.boost(v[:2], [v[2], mpf(0)], v[3]), v[3], model)

    for exp_polar in (polar.exp_polar, _polar.exp_polar):

        def place(v: Any, exp_polar: Any = exp_polar) -> Any:
            return exp_polar(v[:2], v[2], v.new_tensor([1.0, 0.0]), v[3], model)

        agree(place, exact, points, forward=exp_polar is polar.exp_polar)


MAPS = [[0.0, 0.0], [0.6, 0.8], [0.1, 0.2], [0.3, -0.4], [3.0, 4.0]]


@pytest.mark.parametrize("model", ["poincare", "lorentz"])
def test_charts(model: str) -> None:
    """From tangent coordinates and back."""
    points = [[*p, 1.0] for p in MAPS]
    agree(
        lambda v: conversions.from_tangent(v[:2], v[2], model),
        lambda v: oracle.from_tangent(v[:2], v[2], model),
        points,
    )

    def there_and_back(v: Any) -> Any:
        return conversions.to_tangent(conversions.from_tangent(v[:2], v[2], model), v[2], model)

    agree(there_and_back, lambda v: v[:2], points, 1e-8)  # the ball's 1 - c|x|^2 is exp(-5) at the farthest


LAYERS: dict[str, tuple[Any, Any]] = {
    "gyroplane": (nn.gyroplane, oracle.to_plane),
    "horosphere": (nn.horosphere, oracle.to_horosphere),
    "klein": (nn.klein, oracle.to_klein),
}
# (x, a, b): at 0, on a plane, a plane through 0, before and behind a plane, along its normal, across it, and far
SURFACES = [
    [0.0, 0.0, 0.6, 0.8, 0.5], [0.8, -0.6, 0.6, 0.8, 0.0], [0.0, 0.0, 0.6, 0.8, 0.0], [0.3, 0.4, 0.6, 0.8, -0.5],
    [1.2, 1.6, 0.3, 0.4, -0.5], [-1.2, -1.6, 0.3, 0.4, -0.5], [1.6, -1.2, 0.3, 0.4, 0.7], [3.0, 4.0, 1.0, 0.2, -3.0],
]  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("c", [1.0, 0.0])
def test_layer(name: str, c: float) -> None:
    layer, exact = LAYERS[name]
    if c == 0.0 and name == "horosphere":
        pytest.skip("it has a term in sqrt(c)")
    agree(
        lambda v: layer(v[:2], v[None, 2:4], v[4:5], v[5]),
        lambda v: [exact(v[:2], v[2:4], v[4], v[5])],
        [[*p, c] for p in SURFACES],
        1e-9,
        BESIDE if c else (0.0,),
    )


@pytest.mark.parametrize("c", [1.0, 0.0])
def test_distance_to_a_plane(c: float) -> None:
    """The core's, of a unit normal and a distance."""

    def exact(v: list[Any]) -> list[Any]:
        return [oracle.to_plane(v[:2], v[2:4], -v[4] * mp.sqrt(v[2] ** 2 + v[3] ** 2), v[5]) / mp.hypot(v[2], v[3])]

    def dist(v: Any) -> Any:
        n = v[2:4] / torch.linalg.vector_norm(v[2:4])
        return one(planes.dist(v[:2], n, v[4], v[5]))

    agree(dist, exact, [[*p, c] for p in SURFACES], 1e-9, BESIDE if c else (0.0,))


SPHERES = [
    [0.0, 0.6, 0.8, 0.0, 0.6, 0.8], [0.6, 0.0, 0.8, 0.6, 0.8, 0.0], [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    [0.0, 0.0, 1.0, 0.8, 0.6, 0.0], [1.0, 0.0, 0.0, 0.9, math.sqrt(0.19), 0.0], [0.6, 0.8, 0.0, -0.8, 0.6, 0.0],
]  # fmt: skip
"""Equal, a right angle apart, and where the squared angle's series ends: |x - y|^2 = 1/5."""


def test_on_the_sphere() -> None:
    def units(v: Any) -> tuple[Any, Any]:
        return tuple(x / torch.linalg.vector_norm(x) for x in (v[:3], v[3:]))  # type: ignore[return-value]

    agree(lambda v: one(sphere.dist_sq(*units(v))), lambda v: [oracle.angle_sq(v[:3], v[3:])], SPHERES)
    agree(lambda v: sphere.log(*units(v)), lambda v: oracle.direction(v[:3], v[3:]), SPHERES)

    def there(v: Any) -> Any:
        x, y = units(v)
        return sphere.exp(x, sphere.log(x, y))

    def exact(v: list[Any]) -> list[Any]:
        return [t / mp.sqrt(mp.fsum(s * s for s in v[3:])) for t in v[3:]]

    agree(there, exact, SPHERES)
