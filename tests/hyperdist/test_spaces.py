"""The contract of every space on every array namespace, its mutants, and what one space alone has."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from typing import Any

import array_api_strict
import numpy as np
import pytest

from hyperdist.geometry import euclidean, lorentz, poincare, sphere, tangent, torus
from tests.support import contracts_spaces as contracts
from tests.support.contracts_spaces import Case

pytestmark = pytest.mark.torch

CASES = [
    *(Case(f"poincare-{c}", poincare, c) for c in (0.0, 0.3, 1.0, 7.0)),
    *(Case(f"lorentz-{c}", lorentz, c, extra=1) for c in (0.3, 1.0, 7.0)),
    *(Case(f"tangent-{c}", tangent, c) for c in (0.0, 0.3, 1.0, 7.0)),
    Case("euclidean", euclidean),
    Case("sphere", sphere, extra=1),
    Case("torus", torus, start=3.0),
]


def variants(case: Case) -> list[Case]:
    """The case in dimensions 1, 2, 3, 10 and both dtypes on NumPy; in dimension 3 on the other namespaces.

    array_api_strict takes float32 alone: it is slow, and float32 is the dtype that a stray float64 would promote.
    """
    single, double = "float32", "float64"
    found = [replace(case, d=d, dtype=dtype) for d in (1, 2, 3, 10) for dtype in (double, single)]
    found.append(replace(case, d=3, dtype=single, asarray=array_api_strict.asarray))
    if importlib.util.find_spec("torch"):
        as_tensor = importlib.import_module("torch").as_tensor
        found += [replace(case, d=3, dtype=dtype, asarray=as_tensor) for dtype in (double, single)]
    return found


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("holds", contracts.PROPERTIES, ids=lambda f: f.__name__)
def test_contract(holds: Any, case: Case, seed: int) -> None:
    for variant in variants(case):
        holds(variant, np.random.default_rng(seed))


def _no_gyration(x: Any, y: Any, u: Any, c: Any) -> Any:
    return (poincare.gap(y, c) / poincare.gap(x, c))[..., None] * u


def _inverse_frame(x: Any, v: Any) -> Any:
    return sphere.from_frame(x * np.where(np.arange(x.shape[-1]) == 0, -1, 1), v)


MUTANTS = {
    "transport without gyration": (CASES[2], {"transport": _no_gyration}),
    "gyration the other way": (
        CASES[2],
        {"transport": lambda x, y, u, c: poincare.transport(x, y, poincare.gyration(x, -y, u, c), c)},
    ),
    "lambda for lambda^d": (
        CASES[2],
        {"log_volume": lambda x, c: np.log(poincare.conformal_factor(x, c))},
    ),
    "inner with lambda once": (
        CASES[2],
        {"inner": lambda x, u, v, c: poincare.conformal_factor(x, c) * np.sum(u * v, axis=-1)},
    ),
    "distance to 1 % of c": (CASES[3], {"dist_sq": lambda x, y, c: poincare.dist_sq(x, y, 1.01 * c)}),
    "points clamped at radius 1": (
        CASES[9],
        {
            "exp": lambda x, u, c: (
                (y := tangent.exp(x, u, c)) / np.maximum(1.0, np.linalg.norm(y, axis=-1, keepdims=True) * np.sqrt(c))
            )
        },
    ),
    "log_y(x) for log_x(y)": (CASES[9], {"log": lambda x, y, c: tangent.log(y, x, c)}),
    "tangent volume with d for d - 1": (
        CASES[9],
        {"log_volume": lambda x, c: tangent.log_volume(x, c) * x.shape[-1] / (x.shape[-1] - 1)},
    ),
    "flat frame in the tangent chart": (CASES[9], {"from_frame": lambda x, v, c: v + 0 * x}),
    "sphere transport by projection": (
        CASES[12],
        {"transport": lambda x, y, u: u - np.sum(y * u, axis=-1, keepdims=True) * y},
    ),
    "sphere frame of the mirror point": (CASES[12], {"from_frame": _inverse_frame}),
    "torus without wrapping": (CASES[13], {"log": lambda x, y: y - x}),
    "float64 constant": (CASES[11], {"log": lambda x, y: (y - x) * np.float64(1.0)}),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_contract_rejects(name: str) -> None:
    """A planted fault fails at least one property, at d = 2 or 3."""
    case, faults = MUTANTS[name]
    rejected = []
    for d in (2, 3):
        for dtype in ("float64", "float32"):
            mutant = replace(case.with_kernel(**faults), d=d, dtype=dtype)
            for holds in contracts.PROPERTIES:
                try:
                    holds(mutant, np.random.default_rng(7))
                except AssertionError:
                    rejected.append(holds.__name__)
    assert rejected, name
