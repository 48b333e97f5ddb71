"""Batches of many laws: what quadrature tells of them is worked out some at a time, and is each law's own."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import hyperdist as hd
from hyperdist.radial import kernel_law


def batch(name: str, shape: tuple[int, ...]) -> Any:
    size = np.exp(np.linspace(-3.0, 1.0, int(np.prod(shape)))).reshape(shape)
    if name == "RiemannianNormal":
        return hd.RiemannianNormal([0.1, 0.2, 0.0], size, 0.7)
    if name == "SphericalRiemannianNormal":
        return hd.SphericalRiemannianNormal([0.6, 0.8, 0.0], size)
    family = hd.PowerSpherical if name == "PowerSpherical" else hd.VonMisesFisher
    return family([0.6, 0.0, 0.8, 0.0], 10.0 * size)


@pytest.mark.parametrize("name", ["RiemannianNormal", "SphericalRiemannianNormal", "VonMisesFisher", "PowerSpherical"])
@pytest.mark.parametrize("shape", [(11,), (3, 5)])
def test_some_at_a_time_is_all_at_once(name: str, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    p = np.array([[0.2], [0.9]]) if len(shape) == 1 else np.array([0.3, 0.7])[:, None, None]

    def told(law: Any) -> list[np.ndarray]:
        r = law.radius.icdf(p)
        found = [law.log_normalizer(), law.entropy(), law.variance, r, law.radius.icdf(0.3), law.radius.mean]
        found += [law.radius.log_cdf(r), law.radius.isf(1e-9), law.radius.entropy(), law.radius.cdf(0.4)]
        if name != "PowerSpherical":
            found += list(law.radius.parameter_gradient(r).values())
        return found

    whole = told(batch(name, shape))
    monkeypatch.setattr(kernel_law, "_LAWS", 4)
    for value, expected in zip(told(batch(name, shape)), whole, strict=True):
        assert value.shape == expected.shape
        np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("call", ["log_normalizer", "entropy", "icdf"])
def test_memory_of_many_laws(call: str) -> None:
    """88 nodes of 20,000 laws are 14 MB an array, of which a rule has a dozen."""
    law = hd.RiemannianNormal(np.zeros(2), np.linspace(0.1, 1.0, 20_000))
    tracemalloc.start()
    try:
        law.radius.icdf(0.3) if call == "icdf" else getattr(law, call)()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2.5e7
