"""What is timed of the core besides its samplers at the origin: densities, inversion, fits, many laws; their peers."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

import numpy as np
from scipy import stats

import hyperdist as hd
from validation.contest import Contest
from validation.record import ROOT, row

SCALARS = 1_000_000
"""Coordinates of the points whose density is timed; n = SCALARS / d."""
DRAWS = 100_000
NORMALS, SCIPY = "normals", "SciPy"
"""As many calls of rng.standard_normal; scipy.stats.vonmises_fisher."""
CENTRED = {2: (1.7, 3.5), 10: (1.5, 2.2), 50: (1.3, 1.7)}
"""Allowed of draws about a centre at .3 in ball coordinates: in the ball, in tangent coordinates."""
FAR = {2: 3.5, 10: 2.2}
"""Of draws about a centre at distance 6."""
DENSITY = {2: (1.5, 2.0), 10: (0.5, 0.6), 50: (0.3, 0.3)}
"""Of the Riemannian and of the isotropic wrapped normal's density; several scales may take twice as long."""
INVERSE = {2: 15.0, 10: 6.0, 50: 6.0}
LAWS, LAWS_SECONDS, LAWS_MEMORY = 1_000_000, 3.0, 800.0
"""Different laws with one draw each: seconds and MiB allowed."""
MANY = {"sample": "q.sample()", "entropy": "q.entropy()", "icdf": "q.radius.icdf(0.3)",
        "log_normalizer": "q.log_normalizer()"}  # fmt: skip


FISHER: dict[str, Callable[[hd.VonMisesFisher], Any]] = {
    "entropy": lambda law: law.entropy(), "log_normalizer": lambda law: law.log_normalizer(),
    "icdf(0.3)": lambda law: law.radius.icdf(0.3),
}  # fmt: skip
"""Of a million von Mises-Fisher laws, in 2 s each."""
MEMORY_NAMES = {name: f"{LAWS:,} RiemannianNormal: {name}" for name in MANY}
"""Rows whose memory may be ``LAWS_MEMORY``."""


def _normals(n: int, d: int) -> Callable[[], np.ndarray]:
    return partial(np.random.default_rng(1).standard_normal, (n, d))


def _centre(d: int, length: float) -> np.ndarray:
    return np.full(d, length / np.sqrt(d))


def _centred() -> Iterator[Contest]:
    rng = np.random.default_rng(11)
    for d, targets in CENTRED.items():
        law = hd.RiemannianNormal(_centre(d, 0.3), 0.5)
        for model, target in zip(("poincare", "tangent"), targets, strict=True):
            draw = partial(law.sample, SCALARS // d, rng, model=model)
            yield Contest(f"RiemannianNormal about .3, d={d} {model}", NORMALS, draw, _normals(SCALARS // d, d), target)
    for d, target in FAR.items():
        law = hd.RiemannianNormal(_centre(d, 6.0), 0.5, model="tangent")
        yield Contest(f"RiemannianNormal at distance 6, d={d}", NORMALS, partial(law.sample, SCALARS // d, rng),
                      _normals(SCALARS // d, d), target)  # fmt: skip


def _densities() -> Iterator[Contest]:
    rng = np.random.default_rng(12)
    for d, (riemannian, wrapped) in DENSITY.items():
        mu, n = _centre(d, 0.3), SCALARS // d
        scales = np.linspace(0.4, 0.6, d)
        laws = {"RiemannianNormal": (hd.RiemannianNormal(mu, 0.5), riemannian),
                "WrappedNormal": (hd.WrappedNormal(mu, 0.5), wrapped),
                "WrappedNormal of several scales": (hd.WrappedNormal(mu, scales), 2.0 * wrapped)}  # fmt: skip
        for name, (law, target) in laws.items():
            density = partial(law.log_prob, law.sample(n, rng))
            yield Contest(f"{name}: log_prob d={d}", NORMALS, density, _normals(n, d), target)


def _inverse() -> Iterator[Contest]:
    rng = np.random.default_rng(13)
    for d, target in INVERSE.items():
        law, against = hd.RiemannianNormal(np.zeros(d), 0.5), _normals(DRAWS, d)
        yield Contest(f"RiemannianNormal by inversion, d={d}, {DRAWS:,} draws", NORMALS,
                      partial(law.sample, DRAWS, rng, method="inverse"), against, target, share=0.5)  # fmt: skip
        yield Contest(f"RiemannianNormal by inversion, d={d}, {DRAWS:,} draws, the law made anew", NORMALS,
                      lambda d=d: hd.RiemannianNormal(np.zeros(d), 0.5).sample(DRAWS, rng, method="inverse"), against,
                      share=0.2)  # fmt: skip


def _von_mises_fisher() -> Iterator[Contest]:
    rng, theirs = np.random.default_rng(14), cast(Any, stats.vonmises_fisher)
    for m in (2, 3, 10, 50):
        mu = np.eye(m)[0]
        ours, other = hd.VonMisesFisher(mu, 100.0), theirs(mu, 100.0)
        x = ours.sample(DRAWS, rng)
        density, fit = partial(ours.log_prob, x), partial(hd.VonMisesFisher.fit, x)
        yield Contest(f"VonMisesFisher: log_prob m={m}", SCIPY, density, partial(other.logpdf, x), 1.2)
        yield Contest(f"VonMisesFisher.fit m={m}", SCIPY, fit, partial(theirs.fit, x), 1.0, share=0.3)


def _many_laws() -> Iterator[Contest]:
    """A million laws, no two alike."""
    rng = np.random.default_rng(15)
    mu, sigma = 0.3 * rng.random((LAWS, 2)), 0.1 + rng.random(LAWS)
    against = _normals(LAWS, 2)
    yield Contest(f"{LAWS:,} RiemannianNormal, one draw each", NORMALS,
                  lambda: hd.RiemannianNormal(mu, sigma).sample((), rng), against, share=0.0,
                  limit=1e3 * LAWS_SECONDS)  # fmt: skip
    centres, kappa = np.broadcast_to(np.eye(3)[0], (LAWS, 3)), 0.1 + 30.0 * rng.random(LAWS)
    for name, call in FISHER.items():
        yield Contest(f"{name} of {LAWS:,} VonMisesFisher", NORMALS,
                      lambda call=call: call(hd.VonMisesFisher(centres, kappa)), against, share=0.0,
                      limit=2e3)  # fmt: skip


def _means() -> Iterator[Contest]:
    """Means and fits in high dimensions."""
    rng = np.random.default_rng(16)
    kinds = {"concentrated": np.eye(768)[0] + 0.02 * rng.standard_normal((1000, 768)),
             "nearly uniform": 0.05 * np.eye(768)[0] * 27.7 + rng.standard_normal((1000, 768))}  # fmt: skip
    for kind, x in kinds.items():
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
        yield Contest(f"Sphere.frechet_mean, {kind}, n=1000 d=768", NORMALS, partial(hd.Sphere().frechet_mean, x),
                      _normals(*x.shape), share=0.1, limit=100.0)  # fmt: skip
    x = 0.3 * rng.standard_normal((300, 2000)) / np.sqrt(2000)
    yield Contest("RiemannianNormal.fit, n=300 d=2000", NORMALS, partial(hd.RiemannianNormal.fit, x),
                  _normals(*x.shape), share=0.0, limit=500.0)  # fmt: skip


def _mixtures() -> Iterator[Contest]:
    """Mixtures; an iteration's share of the slow ones is their M-step."""
    rng = np.random.default_rng(17)
    centres = rng.standard_normal((5, 768))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    x = hd.Mixture(np.full(5, 0.2), hd.VonMisesFisher(centres, 300.0)).sample(2000, rng)
    yield Contest("Mixture.fit of 5 VonMisesFisher, n=2000 d=768", NORMALS,
                  partial(hd.Mixture.fit, x, hd.VonMisesFisher, 5, rng=1), _normals(*x.shape), share=0.0,
                  limit=1500.0)  # fmt: skip
    poles = np.concatenate([np.eye(3), -np.eye(3)[:1]])
    x = hd.Mixture(np.full(4, 0.25), hd.VonMisesFisher(poles, [20.0, 10.0, 5.0, 10.0])).sample(5000, rng)
    for tol, limit in ((1e-3, 1000.0), (1e-8, None)):
        yield Contest(f"Mixture.fit of 4 VonMisesFisher, n=5000 m=3, 8 starts, tol={tol:g}", NORMALS,
                      partial(_quietly, x, 4, tol), _normals(*x.shape), share=0.1, limit=limit)  # fmt: skip
    for k in (6, 7):
        # More than there are: without acceleration none of the starts has converged after 500 steps, in 10 and 14 s.
        yield Contest(f"Mixture.fit of {k} VonMisesFisher to draws of 4, n=5000 m=3, 8 starts, tol=1e-08", NORMALS,
                      partial(_quietly, x, k, 1e-8), _normals(*x.shape), share=0.0, limit=10000.0)  # fmt: skip
    yield Contest("Mixture.select of 1 to 6 VonMisesFisher to 1000 draws of 4, 8 starts", NORMALS,
                  partial(hd.Mixture.select, x[:1000], hd.VonMisesFisher, range(1, 7), rng=2), _normals(*x.shape),
                  share=0.0)  # fmt: skip
    x = 0.2 * rng.standard_normal((1182, 10)) / np.sqrt(10)
    weights = rng.random((1182, 3))
    yield Contest("WrappedNormal.fit, n=1182 d=10, 3 components", NORMALS,
                  partial(hd.WrappedNormal.fit, x, weights), _normals(*x.shape), share=0.3, limit=100.0)  # fmt: skip
    angles, shares = rng.uniform(-3.0, 3.0, (490, 2)), rng.dirichlet(np.full(6, 0.1), 490)
    yield Contest("ToroidalWrappedNormal.fit, n=490 d=2, 6 components", NORMALS,
                  partial(hd.ToroidalWrappedNormal.fit, angles, shares), _normals(490, 2), limit=2.0)  # fmt: skip


def _quietly(x: np.ndarray, k: int, tol: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hd.Mixture.fit(x, hd.VonMisesFisher, k, rng=2, tol=tol)


def contests() -> Iterator[Contest]:
    """All of them."""
    for part in (_centred, _densities, _inverse, _von_mises_fisher, _many_laws, _means, _mixtures):
        yield from part()


def memory() -> list[dict[str, Any]]:
    """Rows with the peak of the memory of a process of its own, for a million laws."""
    rows = []
    for name, call in MANY.items():
        done = subprocess.run([sys.executable, "-c", _PROGRAM.format(laws=LAWS, call=call)], cwd=ROOT,
                              capture_output=True, text=True, check=True)  # fmt: skip
        rows.append(row(MEMORY_NAMES[name], "peak memory, MiB", float(done.stdout), n=1))
    return rows


_PROGRAM = """
import numpy as np
import hyperdist as hd
from validation.peak import peak_memory
rng = np.random.default_rng(0)
q = hd.RiemannianNormal(0.3 * rng.random(({laws}, 2)), 0.1 + rng.random({laws}))
{call}
print(peak_memory())
"""
