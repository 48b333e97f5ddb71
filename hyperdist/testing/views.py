"""Laws in float64, and their draws turned into what is uniform if they are right."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special, stats

from hyperdist import distributions
from hyperdist.checks.matrices import SPREADS
from hyperdist.distributions import Components, Distribution, Mixture, Product
from hyperdist.distributions.hyperbolic import HyperbolicDistribution
from hyperdist.distributions.spherical import SphericalDistribution
from hyperdist.distributions.toroidal import ToroidalDistribution
from hyperdist.testing import geometry

FEW_ANGLES = 5
"""Correlated angles up to which the sums of all pairs are looked at."""


@dataclass
class View:
    """Draws as what is uniform under the law, and what the score tests take.

    pit : (n, *batch)            probability transform of the radius, uniform on (0, 1); of correlated angles those of
                                 some sums of them, (n, *batch, k), which depend on each other
    directions : (n, *batch, m)  uniform on the unit sphere and independent of pit; None on the torus
    cube : (n, *batch, d)        independent uniforms, on the torus only; one of correlated angles
    radius : (n, *batch)         distance from the centre, where the law has a radius; on the torus of each coordinate
    white : (n, *batch, d)       independent standard normals, of coordinates that differ in scale or correlate
    """

    pit: np.ndarray | None = None
    directions: np.ndarray | None = None
    cube: np.ndarray | None = None
    radius: np.ndarray | None = None
    white: np.ndarray | None = None


def array(x: Any) -> np.ndarray:
    """A NumPy array of an array or a tensor, on any device and with or without a gradient."""
    if hasattr(x, "detach"):
        x = x.detach().cpu().numpy()
    return np.asarray(x)


def is_law(law: Any) -> bool:
    """Whether it is a law of this package or its twin for torch, or a subclass's."""
    return _class_of(law) is not None


def _class_of(law: Any) -> Any:
    ours = (base for base in type(law).__mro__ if base.__module__.partition(".")[0] in ("hyperdist", "hyperdist_torch"))
    found = (getattr(distributions, base.__name__, None) for base in ours if base.__name__ in distributions.__all__)
    return next((cls for cls in found if cls is not None and cls is not Distribution), None)


def exact(law: Any) -> Any:
    """The float64 law of NumPy with a law's parameters: it judges float32 draws and those of torch."""
    cls = _class_of(law)
    if cls is Mixture:
        return Mixture(array(law.weights).astype(np.float64), exact(law.component))
    if cls is Components:
        return Components([exact(part) for part in law.laws])
    if cls is Product:
        return Product(*(exact(part) for part in law.laws))
    if issubclass(cls, (distributions.SphericalUniform, distributions.ToroidalUniform)):
        return cls(law.event_shape[0] - issubclass(cls, SphericalDistribution))
    given: dict[str, Any] = {}
    spread = [name for name in SPREADS if getattr(law, name, None) is not None][:1]
    for name in inspect.signature(cls.__init__).parameters:
        value = getattr(law, name, None)
        if value is not None and (name not in SPREADS or name in spread):
            given[name] = value if isinstance(value, str) else array(value).astype(np.float64)
    return cls(**given)


def geometry_of(law: Any) -> type:
    """HyperbolicDistribution, SphericalDistribution, ToroidalDistribution, or Distribution for anything else."""
    part = law.component if isinstance(law, Mixture) else law
    part = part.laws[0] if isinstance(part, Components) else part
    kinds = (HyperbolicDistribution, SphericalDistribution, ToroidalDistribution)
    return next((kind for kind in kinds if isinstance(part, kind)), Distribution)


def product_of(law: Any) -> Product | None:
    """The law as a product, of a mixture its first component, which has the space of all; None where it is none."""
    if isinstance(law, Mixture):
        first = product_of(law.component.laws[0] if isinstance(law.component, Components) else law.component)
        return first[..., 0] if first is not None and first.batch_shape else first
    return law if isinstance(law, Product) else None


def represent(law: Any, x: np.ndarray, model: str | None) -> np.ndarray:
    """Draws in float64 and one form a space: tangent vectors at the origin, unit vectors, or angles."""
    if (product := product_of(law)) is not None:
        parts = product._each(x, model)
        return np.concatenate([represent(part, own, named) for part, own, named in parts], axis=-1)
    if geometry_of(law) is HyperbolicDistribution:
        return geometry.to_tangent(x, model or law._check_model(None), law.c)
    return np.asarray(x, np.float64)


def distances(law: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """All geodesic distances (on the torus and on products: summed over coordinates, over factors) between rows of x
    and y, as ``represent`` gives them; of the first element of a batch."""
    if (product := product_of(law)) is not None:
        parts = zip(product._each(x, "tangent"), product._each(y, "tangent"), strict=True)
        return np.sum([distances(part, a, b) for (part, a, _), (_, b, _) in parts], axis=0)
    kind = geometry_of(law)
    if kind is HyperbolicDistribution:
        return geometry.hyperbolic_distances(x, y, float(np.reshape(law.c, -1)[0]))
    if kind is ToroidalDistribution:
        return geometry.torus_distances(x, y)
    if kind is SphericalDistribution:
        return geometry.sphere_distances(x, y)
    return law.space.dist(x[:, None], y[None])


def polar(law: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance from the centre and direction in its frame of draws in the form of ``represent``."""
    mu = np.asarray(law.mu, np.float64)
    if isinstance(law, HyperbolicDistribution):
        c = np.asarray(law.c, np.float64)
        return geometry.polar_about(geometry.to_tangent(mu, law.model, c), x, c)
    return geometry.sphere_polar(mu / np.linalg.norm(mu, axis=-1, keepdims=True), x)


def view(law: Any, x: np.ndarray, model: str | None) -> View | None:
    """The draws x (n, *batch, k) of a float64 law as uniforms; None for a law whose draws have no such form."""
    x, kind = represent(law, x, model), geometry_of(law)
    if isinstance(law, Mixture) or kind is Distribution:
        return None
    if kind is ToroidalDistribution:
        return _torus_view(law, x)
    radius, unit = polar(law, x)
    if hasattr(law, "radius"):
        return View(law.radius.cdf(radius), unit, radius=radius)
    gap = radius[..., None] * unit
    white = gap / law.sigma if hasattr(law, "sigma") else np.linalg.solve(law.scale_tril, gap[..., None])[..., 0]
    length = np.linalg.norm(white, axis=-1)
    return View(stats.chi.cdf(length, white.shape[-1]), white / length[..., None], white=white)


def _torus_view(law: Any, x: np.ndarray) -> View:
    if isinstance(law, distributions.ToroidalUniform):
        return View(cube=x / (2.0 * np.pi) + 0.5)
    if not hasattr(law, "sigma"):
        return _correlated_view(law, geometry.wrap(x - law.mu))
    sigma, gap = np.asarray(law.sigma, np.float64), geometry.wrap(x - law.mu)
    return View(law.radius.cdf(np.abs(gap)), cube=_angle_cdf(gap, sigma), radius=gap)


def _angle_cdf(gap: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Distribution function of normals wrapped to [-pi, pi), each of its own scale."""
    most = max(8, int(np.ceil(2.0 * np.max(sigma))))
    turns = 2.0 * np.pi * np.arange(-most, most + 1)
    lower, upper = (-np.pi + turns) / sigma[..., None], (gap[..., None] + turns) / sigma[..., None]
    return np.sum(special.ndtr(upper) - special.ndtr(lower), axis=-1)


def _correlated_view(law: Any, gap: np.ndarray) -> View:
    """By sums m.delta of angles with integer m, which are wrapped normals of standard deviation |L^T m|: of each angle
    alone, of two and of their difference, of all pairs or, of many angles, of neighbours."""
    d = gap.shape[-1]
    pairs = [(i, j) for i in range(d) for j in range(i) if d <= FEW_ANGLES or i - j == 1]
    axes = np.eye(d)
    sums = np.stack([*axes, *(axes[i] + sign * axes[j] for i, j in pairs for sign in (1.0, -1.0))])
    sigma = np.linalg.norm(np.swapaxes(law.scale_tril, -1, -2) @ sums.T, axis=-2)
    pit = _angle_cdf(geometry.wrap(gap @ sums.T), sigma)
    return View(pit, cube=pit[..., :1])
