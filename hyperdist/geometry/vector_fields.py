"""Frames of vector fields: A_1, ..., A_K that span the tangent space at every point, and their divergences.

A field f = sum_a u_a(x) A_a(x) with coefficients u from a network has the divergence

    div f = sum_i <e_i, sum_a du_a(e_i) A_a> + sum_a u_a div A_a,    e_i any orthonormal basis of the tangent space,

so that a frame gives three things: A u, its adjoint (<e, A_a>)_a, and (div A_a)_a. There are three kinds:

ambient     projections of the constant vectors of the embedding space, which are the gradients of its coordinates; on
            the hyperboloid divided by the time coordinate. There and on the sphere alone.
local       orthonormal fields of a chart that covers the space: the coordinate fields of flat space, and the parallel
            transport of the standard frame at the origin along geodesics. On the ball the field of coordinate a is
            d_a/lambda, so that |G|^-1/2 d_a(|G|^1/2/lambda) with |G|^1/2 = lambda^d is (d - 1) c x_a. No chart covers
            the sphere: the stereographic one leaves out -e_0, about which its orthonormal fields turn twice, so that a
            sum of them jumps there and its flow does not exist. There the fields are d_a/2, those times (1 + x_0)/2:
            smooth, of unit length at e_0, and 0 at -e_0, where all their sums rest. On the circle, which is flat, the
            field is the unit one.
generators  isometries' velocities (Killing fields), which have no divergence.

Points are those of the sphere in R^(d+1), of the hyperboloid, of the ball, or of flat space and the torus.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from hyperdist.arrays.namespace import Array, namespace, place
from hyperdist.arrays.rows import column, dot
from hyperdist.arrays.types import Scalar
from hyperdist.geometry import euclidean, lorentz, poincare

KINDS = ("ambient", "local", "generators")


class Frame(ABC):
    """K vector fields on a space of dimension d."""

    d: int
    size: int
    """The number K of fields."""

    @abstractmethod
    def push(self, x: Array, u: Array) -> Array:
        """sum_a u_a A_a(x), (*batch, width), of coefficients u (*batch, K)."""

    @abstractmethod
    def pull(self, x: Array, e: Array) -> Array:
        """<e, A_a(x)> in the space's metric, (*batch, K), of tangents e (*batch, width)."""

    @abstractmethod
    def divergence(self, x: Array, u: Array) -> Array:
        """sum_a u_a div A_a(x), (*batch)."""


def _lowered(u: Array, c: float) -> Array:
    """The vector whose Euclidean product with x is its product in the embedding's metric: signs of Minkowski's."""
    return u if c < 0.0 else namespace(u).concat([-u[..., :1], u[..., 1:]], axis=-1)


def _pairs(x: Array) -> tuple[Array, Array]:
    """Matrices (m, m (m - 1)/2) that take the coordinates i, and j, of all pairs i < j out of rows x (*batch, m)."""
    xp, m = namespace(x), x.shape[-1]
    axes = xp.eye(m, dtype=x.dtype, **place(x))
    first = [xp.broadcast_to(axes[:, i : i + 1], (m, m - 1 - i)) for i in range(m - 1)]
    return xp.concat(first, axis=1), xp.concat([axes[:, i + 1 :] for i in range(m - 1)], axis=1)


def _rotate(x: Array, u: Array) -> Array:
    """sum over pairs i < j of u_ij (x_i e_j - x_j e_i), (*batch, m)."""
    i, j = _pairs(x)
    return ((x @ i) * u) @ j.T - ((x @ j) * u) @ i.T


def _turned(x: Array, e: Array) -> Array:
    """x_i e_j - x_j e_i for all pairs i < j, (*batch, m (m - 1)/2)."""
    i, j = _pairs(x)
    return (x @ i) * (e @ j) - (x @ j) * (e @ i)


class SphereAmbient(Frame):
    """Gradients e_a - x_a x of the coordinates of the embedding, with divergence -d x_a."""

    def __init__(self, d: int) -> None:
        self.d, self.size = d, d + 1

    def push(self, x: Array, u: Array) -> Array:
        return u - column(dot(x, u)) * x

    def pull(self, x: Array, e: Array) -> Array:
        return e + x * 0.0

    def divergence(self, x: Array, u: Array) -> Array:
        return -self.d * dot(x, u)


class LorentzAmbient(Frame):
    """Gradients of the coordinates of the embedding over cosh r = sqrt(c) x_0, r the radius.

    The gradients eta e_a + c x_a x, with divergence c d x_a, grow like e^r: their flow leaves the space in finite time.
    Divided, they are at most 1 long where they point outwards; the divergence is (c (d - 1) x_a + [a = 0]/x_0)/cosh r.
    """

    def __init__(self, d: int, c: float) -> None:
        self.d, self.c, self.size = d, c, d + 1

    def push(self, x: Array, u: Array) -> Array:
        cosh = lorentz.cosh_radius(x[..., 1:], self.c)
        return column(1.0 / cosh) * _lowered(u, self.c) + column(self.c * dot(x, u) / cosh) * x

    def pull(self, x: Array, e: Array) -> Array:
        return e / lorentz.cosh_radius(x[..., 1:], self.c)[..., None]

    def divergence(self, x: Array, u: Array) -> Array:
        cosh = lorentz.cosh_radius(x[..., 1:], self.c)
        return (self.c * (self.d - 1) * dot(x, u) + self.c**0.5 * u[..., 0] / cosh) / cosh


class Rotations(Frame):
    """Generators x_i eta e_j - x_j eta e_i, i < j, of the isometries of the sphere (c < 0) or hyperboloid (c > 0)."""

    def __init__(self, d: int, c: float) -> None:
        self.d, self.c, self.size = d, c, d * (d + 1) // 2

    def push(self, x: Array, u: Array) -> Array:
        return _lowered(_rotate(x, u), self.c)

    def pull(self, x: Array, e: Array) -> Array:
        return _turned(x, e)

    def divergence(self, x: Array, u: Array) -> Array:
        return dot(u, u) * 0.0


class Flat(Frame):
    """The coordinate fields of flat space and of the torus: local, and generators of the translations."""

    def __init__(self, d: int) -> None:
        self.d = self.size = d

    def push(self, x: Array, u: Array) -> Array:
        return euclidean.from_frame(x, u)

    def pull(self, x: Array, e: Array) -> Array:
        return euclidean.to_frame(x, e)

    def divergence(self, x: Array, u: Array) -> Array:
        return dot(u, u) * 0.0


class Motions(Frame):
    """Translations, then rotations, of flat space."""

    def __init__(self, d: int) -> None:
        self.d, self.size = d, d + d * (d - 1) // 2

    def push(self, x: Array, u: Array) -> Array:
        return u[..., : self.d] + (_rotate(x, u[..., self.d :]) if self.d > 1 else 0.0)

    def pull(self, x: Array, e: Array) -> Array:
        return namespace(x, e).concat([e + x * 0.0, *([_turned(x, e)] if self.d > 1 else [])], axis=-1)

    def divergence(self, x: Array, u: Array) -> Array:
        return dot(u, u) * 0.0


class LorentzLocal(Frame):
    """The standard frame at the origin of the hyperboloid, carried along geodesics by boosts."""

    def __init__(self, d: int, c: float) -> None:
        self.d, self.c, self.size = d, c, d

    def push(self, x: Array, u: Array) -> Array:
        return lorentz.from_frame(x, u, self.c)

    def pull(self, x: Array, e: Array) -> Array:
        return lorentz.to_frame(x, e, self.c)

    def divergence(self, x: Array, u: Array) -> Array:
        s = x[..., 1:]
        return (self.d - 1) * self.c * dot(s, u) / (1.0 + lorentz.cosh_radius(s, self.c))


class SphereLocal(Frame):
    """Half the coordinate fields of the stereographic projection from -e_0, (1 + x_0)/2 long.

    With m = (x_1, ..., x_d) field a is (-(1 + x_0) x_a, (1 + x_0) e_a - x_a m)/2: half the sum of the gradient of x_a
    and of the rotation from e_0 to e_a. Its divergence is |G|^-1/2 d_a |G|^1/2 / 2 = -d x_a/2, where |G|^1/2 is
    (2/(1 + |y|^2))^d at the projection y = m/(1 + x_0).
    """

    def __init__(self, d: int) -> None:
        self.d = self.size = d

    def push(self, x: Array, u: Array) -> Array:
        height, m = 1.0 + x[..., :1], x[..., 1:]
        part = dot(m, u)[..., None]
        return 0.5 * namespace(x, u).concat([-height * part, height * u - part * m], axis=-1)

    def pull(self, x: Array, e: Array) -> Array:
        height, m = 1.0 + x[..., :1], x[..., 1:]
        return 0.5 * (height * e[..., 1:] - (height * e[..., :1] + dot(m, e[..., 1:])[..., None]) * m)

    def divergence(self, x: Array, u: Array) -> Array:
        return -0.5 * self.d * dot(x[..., 1:], u)


class BallLocal(Frame):
    """The fields d_a/lambda of ball coordinates."""

    def __init__(self, d: int, c: float) -> None:
        self.d, self.c, self.size = d, c, d

    def push(self, x: Array, u: Array) -> Array:
        return poincare.from_frame(x, u, self.c)

    def pull(self, x: Array, e: Array) -> Array:
        return poincare.to_frame(x, e, self.c)

    def divergence(self, x: Array, u: Array) -> Array:
        return (self.d - 1) * self.c * dot(x, u)


class BallMotions(Frame):
    """Translations ((1 + c|x|^2) e_a - 2 c x_a x)/2, of unit length at the origin, then rotations, of the ball."""

    def __init__(self, d: int, c: float) -> None:
        self.d, self.c, self.size = d, c, d + d * (d - 1) // 2

    def push(self, x: Array, u: Array) -> Array:
        shift = u[..., : self.d]
        moved = column(0.5 * (1.0 + self.c * dot(x, x))) * shift - column(self.c * dot(x, shift)) * x
        return moved + (_rotate(x, u[..., self.d :]) if self.d > 1 else 0.0)

    def pull(self, x: Array, e: Array) -> Array:
        moved = column(0.5 * (1.0 + self.c * dot(x, x))) * e - column(self.c * dot(x, e)) * x
        both = namespace(x, e).concat([moved, *([_turned(x, e)] if self.d > 1 else [])], axis=-1)
        factor = poincare.conformal_factor(x, self.c)
        return column(factor * factor) * both

    def divergence(self, x: Array, u: Array) -> Array:
        return dot(u, u) * 0.0


def frame(space: str, kind: str, d: int, c: Scalar = 0.0) -> Frame:
    """The frame of a kind on "sphere", "torus", "euclidean", "lorentz" or "poincare"; KeyError where there is none."""
    table: dict[tuple[str, str], Any] = {
        ("sphere", "ambient"): lambda: SphereAmbient(d),
        ("sphere", "local"): lambda: SphereLocal(d) if d > 1 else Rotations(1, -1.0),
        ("sphere", "generators"): lambda: Rotations(d, -1.0),
        ("torus", "local"): lambda: Flat(d),
        ("torus", "generators"): lambda: Flat(d),
        ("euclidean", "local"): lambda: Flat(d),
        ("euclidean", "generators"): lambda: Motions(d),
        ("lorentz", "ambient"): lambda: LorentzAmbient(d, c),
        ("lorentz", "local"): lambda: LorentzLocal(d, c),
        ("lorentz", "generators"): lambda: Rotations(d, c),
        ("poincare", "local"): lambda: BallLocal(d, c),
        ("poincare", "generators"): lambda: BallMotions(d, c),
    }
    return table[space, kind]()
