"""Hypothesis strategies for parameters and points; every one covers its edges (d = 1, c = 0, the origin, far out)."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

Strategy = st.SearchStrategy[Any]


def log_floats(low: float, high: float) -> Strategy:
    """Floats of [low, high] whose logarithm is spread evenly; both ends come up."""
    exponent = st.floats(float(np.log(low)), float(np.log(high)), allow_nan=False)
    return st.one_of(st.sampled_from([low, high]), exponent.map(lambda t: float(np.clip(np.exp(t), low, high))))


def dims(low: int = 1, high: int = 12) -> Strategy:
    """Dimensions, small ones more often."""
    return st.one_of(st.integers(low, min(3, high)) if low <= 3 else st.nothing(), st.integers(low, high))


sigmas = log_floats(1e-3, 30.0)
kappas = log_floats(1e-6, 1e8)
curvatures = st.one_of(st.just(0.0), st.just(1.0), log_floats(1e-4, 1e4))
positive_curvatures = st.one_of(st.just(1.0), log_floats(1e-4, 1e4))
radii = st.one_of(st.just(0.0), log_floats(1e-8, 10.0))
probabilities = st.one_of(log_floats(1e-300, 0.5), st.floats(0.5, 1.0, exclude_max=True))
seeds = st.integers(0, 2**32 - 1)


def shapes(max_dims: int = 2, max_side: int = 3) -> Strategy:
    """Batch shapes, the empty one and those with a 0 among them."""
    return st.lists(st.integers(0, max_side), max_size=max_dims).map(tuple)


@st.composite
def unit_vectors(draw: Any, d: int) -> np.ndarray:
    """A unit vector (d,): a coordinate axis of either sign, or anywhere."""
    if draw(st.booleans()):
        vector = np.zeros(d)
        vector[draw(st.integers(0, d - 1))] = draw(st.sampled_from([-1.0, 1.0]))
        return vector
    vector = np.random.default_rng(draw(seeds)).standard_normal(d)
    return vector / np.linalg.norm(vector)


@st.composite
def tangents(draw: Any, d: int, radius: Strategy = radii) -> np.ndarray:
    """A vector (d,) of the tangent space at the origin, of a length drawn from `radius`."""
    return draw(radius) * draw(unit_vectors(d))


@st.composite
def ball_points(draw: Any, d: int, c: float, radius: Strategy = radii) -> np.ndarray:
    """Ball coordinates (d,) of a point at sqrt(c) * distance `radius` of the origin; at c = 0 at distance `radius`."""
    r = draw(radius)
    scale = np.tanh(r / 2) / np.sqrt(c) if c > 0 else r / 2
    return scale * draw(unit_vectors(d))


@st.composite
def lorentz_points(draw: Any, d: int, c: float, radius: Strategy = radii) -> np.ndarray:
    """Hyperboloid coordinates (d + 1,), time first, of a point at sqrt(c) * distance `radius` of the origin; c > 0."""
    r = draw(radius)
    return np.concatenate([[np.cosh(r)], np.sinh(r) * draw(unit_vectors(d))]) / np.sqrt(c)


@st.composite
def angles(draw: Any, d: int) -> np.ndarray:
    """Torus points (d,) in [-pi, pi)."""
    edges = st.sampled_from([-np.pi, 0.0, float(np.nextafter(np.pi, 0))])
    inside = st.floats(-np.pi, np.pi, exclude_max=True)
    return np.array(draw(st.lists(st.one_of(edges, inside), min_size=d, max_size=d)))
