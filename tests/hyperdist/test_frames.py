"""Frames of vector fields: adjoints, divergences along geodesics, isometries, and the namespaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import array_api_strict
import numpy as np
import pytest

from hyperdist.geometry import euclidean, lorentz, poincare, sphere, torus, vector_fields

pytestmark = pytest.mark.torch

EPS = float(np.finfo(np.float64).eps)
KERNELS = {"sphere": sphere, "torus": torus, "euclidean": euclidean, "lorentz": lorentz, "poincare": poincare}


@dataclass(frozen=True)
class Case:
    """A kind of frame on a space of dimension d, of curvature -c where it is hyperbolic."""

    space: str
    kind: str
    d: int
    c: float | None = None

    def __str__(self) -> str:
        return f"{self.space}{'' if self.c is None else self.c}-{self.kind}-d{self.d}"

    @property
    def frame(self) -> vector_fields.Frame:
        return vector_fields.frame(self.space, self.kind, self.d, self.c)

    @property
    def more(self) -> tuple[Any, ...]:
        return () if self.c is None else (np.float64(self.c),)

    def kernel(self, name: str, *arrays: Any) -> Any:
        return getattr(KERNELS[self.space], name)(*arrays, *self.more)

    def points(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Up to about 1 from the origin, in units of the radius of curvature, and the origin itself."""
        v = 0.4 * rng.standard_normal((n, self.d)).clip(-2.0, 2.0)
        v[0] = 0.0
        unit = 1.0 if not self.c else self.c**-0.5
        width = self.d + (self.space in ("sphere", "lorentz"))
        origin = np.zeros((n, width))
        if width > self.d:
            origin[:, 0] = unit
        return self.kernel("exp", origin, self.kernel("from_frame", origin, unit * v))

    def norm(self, x: np.ndarray, u: np.ndarray) -> np.ndarray:
        return np.sqrt(self.kernel("inner", x, u, u))


TABLE = [
    *(("sphere", kind, None) for kind in vector_fields.KINDS),
    *((space, kind, None) for space in ("torus", "euclidean") for kind in ("local", "generators")),
    *(("lorentz", kind, c) for kind in vector_fields.KINDS for c in (0.01, 1.0, 30.0)),
    *(("poincare", kind, c) for kind in ("local", "generators") for c in (0.0, 0.01, 1.0, 30.0)),
]
CASES = [Case(space, kind, d, c) for space, kind, c in TABLE for d in (1, 2, 3, 5)]
KILLING = [case for case in CASES if case.kind == "generators"]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_pull_is_the_adjoint_of_push(case: Case, rng: np.random.Generator) -> None:
    x, frame = case.points(rng, 6), case.frame
    u = rng.standard_normal((6, frame.size))
    e = case.kernel("from_frame", x, rng.standard_normal((6, case.d)))
    pushed = frame.push(x, u)
    assert pushed.shape == x.shape
    got, want = (u * frame.pull(x, e)).sum(axis=-1), case.kernel("inner", x, e, pushed)
    scale = case.norm(x, e) * case.norm(x, pushed)
    assert (np.abs(got - want) <= 100 * EPS * scale).all()
    several = frame.pull(x, np.stack([e, 2.0 * e]))
    np.testing.assert_allclose(several[1], 2.0 * frame.pull(x, e), rtol=4 * EPS, atol=4 * EPS)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_fields_span_the_tangent_space(case: Case, rng: np.random.Generator) -> None:
    """Tangents with pull 0 are 0: the Gram matrix of pulls of an orthonormal basis is not singular."""
    x = case.points(rng, 6)
    basis = [case.kernel("from_frame", x, np.broadcast_to(axis, (6, case.d)).copy()) for axis in np.eye(case.d)]
    pulled = np.stack([case.frame.pull(x, e) for e in basis], axis=1)
    unit = 1.0 if not case.c else case.c**-0.5  # rotations of the hyperboloid have the length of the radius
    pulled = pulled / (unit if case.space == "lorentz" and case.kind == "generators" else 1.0)
    # On the sphere the local fields are those of a chart that leaves out -e_0, times what vanishes there.
    fading = case.kind == "local" and case.space == "sphere" and case.d > 1
    length = 0.5 * (1.0 + x[:, 0]) if fading else np.ones(6)
    assert (np.linalg.svd(pulled, compute_uv=False)[:, -1] > 0.5 * length).all()
    if case.kind == "local":
        gram = length[:, None, None] ** 2 * np.eye(case.d)
        np.testing.assert_allclose(pulled @ pulled.swapaxes(-1, -2), gram, rtol=0, atol=100 * EPS)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_divergence_along_geodesics(case: Case, rng: np.random.Generator) -> None:
    """div f = sum_i d/ds <f(gamma_i(s)), gamma_i'(s)> along the geodesics of an orthonormal basis, central differences.

    Error of the differences of order 6 with h = 1/50: 1e-11, and of rounding eps/h.
    """
    x, frame = case.points(rng, 6), case.frame
    u = rng.standard_normal((6, frame.size))
    h = 0.02 * (1.0 if not case.c else case.c**-0.5)
    found = np.zeros(6)
    for axis in np.eye(case.d):
        e = case.kernel("from_frame", x, np.broadcast_to(axis, (6, case.d)).copy())
        for k, weight in ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60)):
            for sign in (1.0, -1.0):
                y = case.kernel("exp", x, sign * k * h * e)
                found += (
                    sign * weight / h * case.kernel("inner", y, frame.push(y, u), case.kernel("transport", x, y, e))
                )
    scale = 1.0 + np.abs(u).sum(axis=-1) * (1.0 if not case.c else case.c**0.5)
    assert (np.abs(frame.divergence(x, u) - found) <= 1e-9 * scale).all()


@pytest.mark.parametrize("case", KILLING, ids=str)
def test_generators_move_isometrically(case: Case, rng: np.random.Generator) -> None:
    """Two points carried along sum_a u_a A_a keep their distance, and the divergence is exactly 0."""
    x, frame = case.points(rng, 6), case.frame
    y = x[::-1].copy()
    unit = 1.0 if not case.c else case.c**-0.5
    u = rng.standard_normal((1, frame.size))
    if case.space == "poincare":  # translations have length 1 at the origin, those of the hyperboloid 1/sqrt(c)
        u[:, : case.d] *= unit
    assert (frame.divergence(x, u) == 0.0).all()
    before = case.kernel("dist_sq", x, y)
    for _ in range(40):
        x, y = (_runge_kutta(frame, p, u, 0.005) for p in (x, y))
    if case.space == "lorentz":
        x, y = (lorentz.lift(p[..., 1:], *case.more) for p in (x, y))
    if case.space == "torus":
        x, y = torus.wrap(x), torus.wrap(y)
    np.testing.assert_allclose(case.kernel("dist_sq", x, y), before, rtol=1e-8, atol=1e-9 * unit * unit)


def _runge_kutta(frame: vector_fields.Frame, x: np.ndarray, u: np.ndarray, h: float) -> np.ndarray:
    first = frame.push(x, u)
    second = frame.push(x + 0.5 * h * first, u)
    third = frame.push(x + 0.5 * h * second, u)
    return x + h / 6.0 * (first + 2.0 * second + 2.0 * third + frame.push(x + h * third, u))


@pytest.mark.parametrize("case", [case for case in CASES if case.d in (1, 3)], ids=str)
def test_namespaces_agree(case: Case, rng: np.random.Generator) -> None:
    x, frame = case.points(rng, 4), case.frame
    u, e = rng.standard_normal((4, frame.size)), case.kernel("from_frame", x, rng.standard_normal((4, case.d)))
    calls = [(frame.push, u), (frame.pull, e), (frame.divergence, u)]
    hosts = [array_api_strict.asarray]
    if torch := _torch():
        hosts.append(torch.as_tensor)
    for asarray in hosts:
        for call, argument in calls:
            for dtype in (np.float64, np.float32):
                got = call(asarray(x.astype(dtype)), asarray(argument.astype(dtype)))
                assert str(got.dtype).rpartition(".")[2] == np.dtype(dtype).name
                want = call(x.astype(dtype), argument.astype(dtype))
                assert want.dtype == dtype
                size = float(np.finfo(dtype).eps) * (1.0 + np.abs(want).max())
                np.testing.assert_allclose(np.asarray(got), want, rtol=0, atol=50 * size)


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        return None
    return torch


def test_what_has_no_frame() -> None:
    for space in ("torus", "euclidean", "poincare"):
        with pytest.raises(KeyError):
            vector_fields.frame(space, "ambient", 2, 1.0)


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_local_fields_are_continuous_at_the_antipode(d: int, rng: np.random.Generator) -> None:
    """From all sides of -e_0 one limit: 0 on a sphere, the same unit vector from both sides of a circle."""
    frame, u = vector_fields.frame("sphere", "local", d), np.ones((8, d)) / d**0.5
    m = rng.standard_normal((8, d))
    m *= 1e-6 / np.linalg.norm(m, axis=-1, keepdims=True)
    m[4:] = -m[:4]
    x = np.concatenate([-np.sqrt(1.0 - (m * m).sum(-1, keepdims=True)), m], axis=-1)
    pole = -np.eye(1, d + 1).repeat(8, axis=0)
    for field in (frame.push, lambda x, u: frame.divergence(x, u)[:, None]):
        np.testing.assert_allclose(field(x, u), field(pole, u), rtol=0, atol=d * 1e-6)
    if d > 1:
        assert (frame.push(pole, u) == 0.0).all()
        # Half the coordinate fields of the projection, by central differences, whose error is h^2.
        y, h = rng.standard_normal((8, d)), 1e-5
        moved = [sphere.from_stereographic(y + sign * h * u) for sign in (0.5, -0.5)]
        found = (moved[0] - moved[1]) / (2.0 * h)
        np.testing.assert_allclose(frame.push(sphere.from_stereographic(y), u), found, rtol=0, atol=1e-9)


def test_local_fields_of_the_sphere_are_a_gradient_and_a_rotation(rng: np.random.Generator) -> None:
    """Half of each, so that the divergence is half of -d x_a: to rounding."""
    x = rng.standard_normal((6, 4))
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    u, none = rng.standard_normal((6, 3)), np.zeros((6, 3))
    gradients = vector_fields.frame("sphere", "ambient", 3).push(x, np.concatenate([none[:, :1], u], axis=-1))
    rotations = vector_fields.frame("sphere", "generators", 3).push(x, np.concatenate([u, none], axis=-1))
    found = vector_fields.frame("sphere", "local", 3).push(x, u)
    np.testing.assert_allclose(found, 0.5 * (gradients + rotations), rtol=0, atol=10 * EPS)
