"""The laws under JAX against NumPy's: values, first and second derivatives, transformations, checks, precision."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import hyperdist as hd
from tests.support.laws import unit

jax = pytest.importorskip("jax")

import hyperdist.jax as hj  # noqa: E402

jnp = jax.numpy

TOLERANCE = 1e-12
"""Of quadrature, 1e-13 (1 + |value|) in each host."""
H = 2.0**-13
"""Step of differences to order 6: truncation h^6 is 1e-24, rounding eps/h 2e-12 and eps/h^2 2e-8 of the sum's size."""

QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""A program that runs once is not worth compiling well."""


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


class Case(NamedTuple):
    """A law by the name of its class; parameters in the order of the constructors."""

    name: str
    parameters: tuple[Any, ...]
    options: dict[str, Any]

    def law(self, package: Any, parameters: tuple[Any, ...]) -> Any:
        return getattr(package, self.name)(*parameters, **self.options)

    def __str__(self) -> str:
        return self.name


CASES = [
    Case("RiemannianNormal", (np.array([0.2, -0.1]), np.array([0.3, 0.9]), np.array(1.3)), {}),
    Case("RiemannianNormal", (np.array([1.2, 0.3, -0.4]), np.array([0.5, 2.0]), 0.7), {"model": "tangent"}),
    Case("WrappedNormal", (np.array([0.2, -0.1]), np.array([0.5, 0.8]), np.array([0.1, 1.0])), {}),
    Case("VonMisesFisher", (unit(3), np.array([0.3, 5.0, 300.0])), {}),
    Case("SphericalRiemannianNormal", (unit(3), np.array([0.2, 3.0])), {}),
    Case("PowerSpherical", (unit(4), np.array([0.4, 5.0, 300.0])), {}),
    Case("ToroidalWrappedNormal", (np.array([3.0, 0.0]), np.array([[0.5, 2.0], [0.1, 7.0]])), {}),
]

R, P = np.array([0.3, 1.2]), np.array([1e-3, 0.3, 0.98])


def columns(values: np.ndarray, radius: Any) -> np.ndarray:
    """Values for every element of a radial law's batch, (n, *batch of ones)."""
    return values[(...,) + (None,) * len(radius.batch_shape)]


def told(law: Any, x: Any) -> dict[str, Any]:
    """All that a law tells, at points x, of either package."""
    found = {
        "log_prob": law.log_prob(x), "entropy": law.entropy(), "log_normalizer": law.log_normalizer(),
        "variance": law.variance,
    }  # fmt: skip
    if type(law).__name__ == "WrappedNormal":  # its scales differ
        return found
    radius = law.radius
    found |= {f"radius.{name}": getattr(radius, name)(columns(R, radius)) for name in ("log_prob", "cdf", "log_sf")}
    found |= {f"radius.{name}": getattr(radius, name)() for name in ("entropy", "log_normalizer")}
    found |= {f"radius.{name}": getattr(radius, name) for name in ("mean", "variance")}
    return found | {f"radius.{name}": getattr(radius, name)(columns(P, radius)) for name in ("icdf", "isf")}


def moved(parameters: tuple[Any, ...], t: Any) -> tuple[Any, ...]:
    """The parameters a step along a curve, to which numbers of any size are as near."""
    return tuple(p * (1.0 + t * np.cos(1.0 + np.arange(np.size(p))).reshape(np.shape(p))) for p in parameters)


def weighed(found: list[Any]) -> Any:
    """One number of them all, each with a weight of its own."""
    return sum((part * np.cos(np.arange(part.size)).reshape(part.shape)).sum() for part in found)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_and_derivatives(case: Case) -> None:
    """A law of traced parameters: all that it tells, and the derivatives of what the rest is made of."""
    x, radial = case.law(hd, case.parameters).sample((2,), rng=0), case.name != "WrappedNormal"

    def curve(t: Any, package: Any = hj) -> Any:
        law = case.law(package, _on_space(case, moved(case.parameters, t)))
        found = [law.log_prob(x), law.entropy()]
        return weighed([*found, law.radius.icdf(columns(P, law.radius))] if radial else found)

    with jax.disable_jit():
        found = told(case.law(hj, case.parameters), x)
        first, second = jax.jvp(jax.grad(curve), (0.0,), (1.0,))
    for name, want in told(case.law(hd, case.parameters), x).items():
        np.testing.assert_allclose(found[name], want, rtol=TOLERANCE, atol=TOLERANCE, err_msg=name)
        assert found[name].dtype == np.float64
    at = {k: curve(k * H, hd) for k in range(-3, 4)}
    odd = [at[k] - at[-k] for k in (1, 2, 3)]
    even = [at[k] + at[-k] - 2.0 * at[0] for k in (1, 2, 3)]
    np.testing.assert_allclose(first, (45.0 * odd[0] - 9.0 * odd[1] + odd[2]) / (60.0 * H), rtol=1e-8)
    np.testing.assert_allclose(second, (270.0 * even[0] - 27.0 * even[1] + 2.0 * even[2]) / (180.0 * H * H), rtol=1e-5)


def _on_space(case: Case, parameters: tuple[Any, ...]) -> tuple[Any, ...]:
    """On the sphere mu is a unit vector."""
    if not (case.name == "VonMisesFisher" or "Spherical" in case.name):
        return parameters
    mu, *rest = parameters
    return mu / (mu * mu).sum() ** 0.5, *rest
