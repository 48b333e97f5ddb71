"""The grid: which laws are drawn, in which dimension, scale, curvature, dtype, model and method."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from validation.families import SPHERICAL

FAMILIES = ("RiemannianNormal", "WrappedNormal", *SPHERICAL, "SphericalUniform", "ToroidalWrappedNormal",
            "ToroidalUniform", "Mixture", "Product")  # fmt: skip
HYPERBOLIC = ("RiemannianNormal", "WrappedNormal")
GRID_D = (2, 3, 5, 10, 20, 40, 50, 100)
GRID_S = (1e-3, 1e-2, 0.1, 0.3, 1.0, 1.18, 2.0, 5.0, 7.0)
BATCH = 8
"""Laws in a batched case; each has its own centre and scale."""


@dataclass(frozen=True)
class Case:
    """One law to validate. ``scale`` is s = sqrt(c) sigma on hyperbolic space, kappa or sigma elsewhere.

    ``spread`` : coordinates of scales exp(-spread) to exp(spread);  ``correlated`` : of a full covariance beside it.
    """

    family: str
    d: int
    scale: float = 1.0
    c: float = 1.0
    dtype: str = "float64"
    method: str = "rejection"
    model: str = ""
    centre: float = 0.0
    spread: float = 0.0
    correlated: bool = False
    batch: bool = False
    mmd: bool = False
    n: int = 20_000

    @property
    def hyperbolic(self) -> bool:
        return self.family in HYPERBOLIC or (self.family in ("Mixture", "Product") and self.model != "")

    @property
    def mixture(self) -> bool:
        return self.family == "Mixture"

    @property
    def factors(self) -> tuple[Case, ...]:
        """The laws of a product: a Riemannian normal with the case's settings, then laws of other kinds."""
        others = (Case("VonMisesFisher", 2, 11.0), Case("ToroidalWrappedNormal", 2, 0.7))
        shared = {"dtype": self.dtype, "method": self.method, "batch": self.batch, "n": self.n}
        first = replace(self, family="RiemannianNormal", mmd=False)
        return (first, *(replace(other, **shared) for other in others))

    @property
    def shape(self) -> tuple[int, ...]:
        """The batch shape."""
        return (BATCH,) if self.batch else ()

    @property
    def key(self) -> str:
        """A readable name; also what seeds are derived from."""
        symbol = "s" if self.hyperbolic else SPHERICAL[self.family].symbol if self.family in SPHERICAL else "sigma"
        parts = [self.family, f"d={self.d}"]
        if "Uniform" not in self.family:
            parts.append(f"{symbol}={self.scale:g}")
        if self.hyperbolic:
            parts.append(f"c={self.c:g}")
        parts += [f"centre={self.centre:g}"] if self.centre else []
        parts += ["correlated"] if self.correlated else ["anisotropic"] if self.spread else []
        parts += [f"batch={BATCH}"] if self.batch else []
        parts += [word for word in (self.model, self.dtype, self.method) if word not in ("", "float64", "rejection")]
        return " ".join(parts)

    def settings(self) -> dict[str, Any]:
        return asdict(self)


def seed_of(seed: int, *words: str) -> list[int]:
    """Entropy for ``default_rng`` from a run's seed and a name."""
    digest = hashlib.sha256("/".join(words).encode()).digest()
    return [seed, int.from_bytes(digest[:8], "big")]


def model_for(d: int, s: float, centre: float, dtype: str) -> str:
    """The first of ball, Lorentz and tangent coordinates whose rounding stays below what the tests resolve."""
    reach = max(s * s * (d - 1), s * np.sqrt(d)) + 5.0 * s + centre
    ball, lorentz = (5.0, 35.0) if dtype == "float32" else (13.0, 300.0)
    return "poincare" if reach <= ball else "lorentz" if reach <= lorentz else "tangent"


def _hyperbolic(family: str, d: int, s: float, **options: Any) -> Case:
    """A case in the model that can hold it, unless one is asked for; flat space has no hyperboloid."""
    flat = "tangent" if options.get("c") == 0.0 and d > 3 else ""
    model = options.pop("model", flat) or model_for(d, s, options.get("centre", 0.0), options.get("dtype", "float64"))
    return Case(family, d, s, model=model, **options)


def _riemannian(full: bool) -> Iterator[Case]:
    curvatures, centres = itertools.cycle((1.0, 0.25, 4.0)), itertools.cycle((0.0, 0.7))
    for d, s in itertools.product(GRID_D, GRID_S):
        pairs = itertools.product((1.0, 0.25, 4.0), (0.0, 0.7)) if full else [(next(curvatures), next(centres))]
        for c, centre in pairs:
            mmd = full or (s in (1e-3, 0.3, 1.18, 7.0) and d in (2, 5, 20, 100))
            yield _hyperbolic("RiemannianNormal", d, s, c=c, centre=centre, mmd=mmd and c <= 1)
    for d, s in itertools.product(GRID_D if full else (2, 10, 100), GRID_S if full else (0.1, 1.0, 5.0)):
        yield _hyperbolic("RiemannianNormal", d, s, dtype="float32", centre=0.7)
        yield _hyperbolic("RiemannianNormal", d, s, method="inverse", centre=0.7)
    for s in (0.1, 1.0, 5.0):
        yield _hyperbolic("RiemannianNormal", 1, s, centre=0.7, mmd=s == 1.0)
    for model, d in itertools.product(("lorentz", "tangent"), (2, 10)):
        yield _hyperbolic("RiemannianNormal", d, 0.5, model=model, centre=2.0, c=2.0)
    yield _hyperbolic("RiemannianNormal", 2, 0.3, centre=4.0, mmd=True)
    for d in (2, 20):
        yield _hyperbolic("RiemannianNormal", d, 1.0, c=0.0)
    for d, s, dtype in ((2, 1.0, "float64"), (3, 0.98, "float64"), (5, 0.5, "float32"), (20, 1.0, "float64")):
        yield _hyperbolic("RiemannianNormal", d, s, dtype=dtype, centre=0.7, batch=True, n=5_000)
    yield _hyperbolic("RiemannianNormal", 5, 1.0, centre=0.7, method="inverse", batch=True, n=5_000)


def _wrapped(full: bool) -> Iterator[Case]:
    for d, s in itertools.product((1, 2, 5, 20, 50) if full else (1, 2, 5, 20), (0.1, 1.0, 3.0)):
        for spread in (0.0, 0.6) if d > 1 else (0.0,):
            yield _hyperbolic("WrappedNormal", d, s, centre=0.7, spread=spread, mmd=s == 1.0, c=1.0 if spread else 2.0)
    for d in (2, 10):
        yield _hyperbolic("WrappedNormal", d, 0.5, dtype="float32", centre=1.0)
        yield _hyperbolic("WrappedNormal", d, 0.5, method="inverse", centre=1.0)
    yield _hyperbolic("WrappedNormal", 3, 1.0, c=0.0, centre=1.0)
    yield _hyperbolic("WrappedNormal", 5, 0.5, centre=0.7, batch=True, n=5_000)
    correlated: dict[str, Any] = {"spread": 0.6, "correlated": True, "centre": 0.7}
    for d, s in itertools.product((2, 5, 20), (0.1, 1.0)):
        yield _hyperbolic("WrappedNormal", d, s, mmd=s == 1.0, **correlated)
    yield _hyperbolic("WrappedNormal", 3, 0.5, dtype="float32", **correlated)
    yield _hyperbolic("WrappedNormal", 3, 1.0, c=0.0, **correlated)
    yield _hyperbolic("WrappedNormal", 5, 0.5, batch=True, n=5_000, **correlated)


def _spherical(full: bool) -> Iterator[Case]:
    for name, family in SPHERICAL.items():
        for d, scale in itertools.product(family.dimensions, family.scales):
            yield Case(name, d, scale, mmd=full or (d, scale) in family.compared)
    for name, family in SPHERICAL.items():
        for d in (1, 2, 9, 99) if full else (2, 9):
            yield Case(name, d, family.common, dtype="float32")
            yield Case(name, d, family.common, method="inverse")
        yield Case(name, 4, family.common, batch=True, n=5_000)
    for d in (1, 2, 5, 50):
        yield Case("SphericalUniform", d, mmd=d in (2, 5))


def _toroidal(full: bool) -> Iterator[Case]:
    for d, sigma in itertools.product((1, 2, 10, 50) if full else (1, 2, 10), (0.3, 1.0, 3.0)):
        for spread in (0.0, 0.6) if d > 1 else (0.0,):
            yield Case("ToroidalWrappedNormal", d, sigma, spread=spread, mmd=sigma == 1.0)
    yield Case("ToroidalWrappedNormal", 3, 0.5, dtype="float32")
    yield Case("ToroidalWrappedNormal", 3, 0.5, method="inverse")
    yield Case("ToroidalWrappedNormal", 3, 0.5, batch=True, n=5_000)
    for d, sigma in itertools.product((2, 5), (0.3, 1.0, 3.0)):
        yield Case("ToroidalWrappedNormal", d, sigma, spread=0.6, correlated=True, mmd=True)
    yield Case("ToroidalWrappedNormal", 3, 0.5, dtype="float32", spread=0.6, correlated=True)
    yield Case("ToroidalWrappedNormal", 3, 0.5, batch=True, n=5_000, spread=0.6, correlated=True)
    for d in (1, 2, 10):
        yield Case("ToroidalUniform", d, mmd=d == 2)


def _mixtures() -> Iterator[Case]:
    yield Case("Mixture", 2, 0.5, model="poincare", centre=1.5, mmd=True)
    yield Case("Mixture", 10, 0.7, model="tangent", centre=1.5, mmd=True)
    yield Case("Mixture", 2, 20.0, mmd=True)


def _products() -> Iterator[Case]:
    for d, s in ((2, 1.0), (10, 0.3)):
        yield _hyperbolic("Product", d, s, centre=0.7, mmd=True)
    yield _hyperbolic("Product", 2, 0.5, model="lorentz", centre=2.0, c=2.0)
    yield _hyperbolic("Product", 2, 0.5, dtype="float32", centre=0.7)
    yield _hyperbolic("Product", 2, 0.5, method="inverse", centre=0.7)
    yield _hyperbolic("Product", 3, 0.8, centre=0.7, batch=True, n=5_000)


def grid(full: bool = False) -> list[Case]:
    """Every case of a run; ``full`` crosses the Riemannian normal with curvatures and centres, 10 times the draws."""
    found = [*_riemannian(full), *_wrapped(full), *_spherical(full), *_toroidal(full), *_mixtures(), *_products()]
    cases = {case.key: case for case in found}.values()
    return [replace(case, n=_draws(case, full)) for case in cases]


def _draws(case: Case, full: bool) -> int:
    """Draws of a case: ten times as many in a full run, half as many where each takes a Newton iteration."""
    return case.n * (10 if full else 1) // (2 if case.method == "inverse" else 1)
