"""The torch laws that the tests run on, each beside the core's law of the same name, and gradients by quadrature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import hyperdist as hd
import hyperdist_torch as ht
from tests.support.laws import SPHERICAL


@dataclass(frozen=True)
class Case:
    """A law by name in both packages; ``parameters`` are NumPy float64 arrays in the order of the constructors.

    ``triangle`` says that the second is a ``scale_tril``.
    """

    name: str
    parameters: tuple[Any, ...]
    label: str
    triangle: bool = False

    def __str__(self) -> str:
        return self.label

    def core(self) -> Any:
        return self._of(hd, *self.parameters)

    def build(self, dtype: torch.dtype = torch.float64, grad: bool = False) -> Any:
        return self.of(*self.tensors(dtype, grad))

    def tensors(self, dtype: torch.dtype = torch.float64, grad: bool = False) -> list[Any]:
        return [torch.tensor(np.asarray(p), dtype=dtype).requires_grad_(grad) for p in self.parameters]

    def of(self, *parameters: Any, **options: Any) -> Any:
        return self._of(ht, *parameters, **options)

    def _of(self, host: Any, *parameters: Any, **options: Any) -> Any:
        if self.triangle:
            mu, tril, *others = parameters
            return getattr(host, self.name)(mu, None, *others, scale_tril=tril, **options)
        return getattr(host, self.name)(*parameters, **options)

    @property
    def hyperbolic(self) -> bool:
        return self.name in ("RiemannianNormal", "WrappedNormal")

    @property
    def models(self) -> tuple[str | None, ...]:
        if not self.hyperbolic:
            return (None,)
        curved = np.all(np.asarray(self.parameters[2]) > 0)
        return ("poincare", "lorentz", "tangent") if curved else ("poincare", "tangent")


def ball(d: int, length: float) -> np.ndarray:
    direction = np.cos(1.0 + np.arange(d))
    return length * direction / np.linalg.norm(direction)


def unit(m: int) -> np.ndarray:
    return ball(m, 1.0)


TRIANGLE = np.array([[0.5, 0.0, 0.0], [0.4, 0.3, 0.0], [-0.2, 0.1, 0.6]])
SPREAD = np.array([[0.1], [1.0], [1.5]])

CASES = [
    Case("RiemannianNormal", (ball(1, 0.3), 0.7, 1.0), "riemannian-d1"),
    Case("RiemannianNormal", (ball(2, 0.4), 2.0, 1.0), "riemannian-d2-normal-hat"),
    Case("RiemannianNormal", (ball(5, 0.5), 0.8, 0.3), "riemannian-d5"),
    Case("RiemannianNormal", (ball(3, 0.5), 0.8, 0.0), "riemannian-flat"),
    Case("RiemannianNormal", (ball(3, 0.4), SPREAD, np.array([0.5, 1.0])), "riemannian-batch"),
    Case("WrappedNormal", (ball(3, 0.4), 0.6, 1.2), "wrapped-d3"),
    Case("WrappedNormal", (ball(2, 0.4), 0.6, 0.0), "wrapped-flat"),
    Case("WrappedNormal", (ball(3, 0.4), np.array([0.2, 0.5, 0.9]), 1.0), "wrapped-anisotropic"),
    Case("WrappedNormal", (ball(3, 0.4), TRIANGLE, 1.0), "wrapped-full", triangle=True),
    *(Case(*law) for law in SPHERICAL),
]

TORUS = [
    Case("ToroidalWrappedNormal", (np.array([0.3, 3.1, -9.0]), np.array([0.2, 1.7, 3.0])), "torus-d3"),
    Case("ToroidalWrappedNormal", (np.array([0.4]), np.array([[0.5], [2.0]])), "torus-batch"),
]

CORRELATED = [
    Case(
        "ToroidalWrappedNormal",
        (
            np.array([0.3, 3.1, -2.0]),
            TRIANGLE,
        ),
        "torus-full",
        triangle=True,
    ),
    Case(
        "ToroidalWrappedNormal",
        (np.array([0.4, -3.0]), 2.0 * np.stack([TRIANGLE[1:, 1:], np.array([[0.2, 0.0], [0.1, 1.6]])])),
        "torus-full-batch",
        triangle=True,
    ),
]
"""Correlated angles: no trace holds their density, see ``ToroidalWrappedNormal``."""
