"""Constraints of torch.distributions for points of curved spaces, with their maps from unconstrained vectors."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import biject_to, constraints, transform_to
from torch.distributions.transforms import ExpTransform, Transform

from hyperdist.radial.riemannian_normal import SCALE_RANGE
from hyperdist.spaces import charts, lorentz, torus
from hyperdist.stable import log_sinhc_sq

__all__ = [
    "Angles",
    "BallTransform",
    "FiniteVector",
    "Hyperboloid",
    "PoincareBall",
    "Positive",
    "Scale",
    "SphereTransform",
    "TangentVector",
    "UnitSphere",
    "WrapTransform",
    "angles",
    "finite_vector",
    "non_negative",
    "positive",
    "scale",
    "tangent_vector",
    "unit_sphere",
]


def _square(x: Tensor) -> Tensor:
    """|x|^2 or the largest number, which c = 0 takes to 0; NaN stays."""
    return (x * x).sum(dim=-1).clamp(max=torch.finfo(x.dtype).max)


def _direction(x: Tensor) -> Tensor:
    """x/|x|, x not 0, where squares under- or overflow too."""
    y = x / x.detach().abs().amax(dim=-1, keepdim=True)
    return y / torch.linalg.vector_norm(y, dim=-1, keepdim=True)


def _tolerance(x: Tensor) -> float:
    """How far from 1 rounding may take the norm of a unit vector, or cosh over the time coordinate."""
    return 64.0 * torch.finfo(x.dtype).eps * x.shape[-1] ** 0.5


def _range(c: Any) -> str:
    """Curvatures in a message."""
    if not isinstance(c, Tensor) or not c.numel():
        return str(c)
    least, largest = (f"{value:g}" for value in (c.min().item(), c.max().item()))
    return least if least == largest else f"{least} to {largest}"


class PoincareBall(constraints.Constraint):
    """Points x with sqrt(c) |x| < 1; c >= 0 broadcasts against the batch, and at c = 0 any ``TangentVector`` is one."""

    event_dim = 1

    def __init__(self, c: Any = 1.0) -> None:
        self.c = c
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        """Whether each point lies inside, (*batch)."""
        return self.c * (value * value).sum(dim=-1) < 1.0

    def __repr__(self) -> str:
        return f"PoincareBall(sqrt(c) |x| < 1, c = {_range(self.c)})"


class Hyperboloid(constraints.Constraint):
    """Points x = (x_0, s) with x_0 = sqrt(1/c + |s|^2), c > 0, to rounding."""

    event_dim = 1

    def __init__(self, c: Any = 1.0) -> None:
        self.c = c
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        """Whether each point lies on it, (*batch)."""
        c = torch.as_tensor(self.c, dtype=value.dtype, device=value.device)
        off = c.sqrt() * value[..., 0] / lorentz.cosh_radius(value[..., 1:], c) - 1.0
        return off.abs() <= _tolerance(value)

    def __repr__(self) -> str:
        return f"Hyperboloid(x_0 = sqrt(1/c + |s|^2) to 64 eps sqrt(d + 1), c = {_range(self.c)})"


class FiniteVector(constraints.Constraint):
    """Any finite vector; unlike ``real_vector`` it takes empty batches."""

    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        """Whether all coordinates are finite, (*batch)."""
        return torch.isfinite(value).all(dim=-1)

    def __repr__(self) -> str:
        return "FiniteVector()"


class TangentVector(constraints.Constraint):
    """Exponential coordinates at the origin: vectors whose squared length their dtype holds."""

    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        """Whether the square of each vector's length is finite, (*batch)."""
        return torch.isfinite((value * value).sum(dim=-1))

    def __repr__(self) -> str:
        return "TangentVector(|v|^2 finite)"


class UnitSphere(constraints.Constraint):
    """Unit vectors, to rounding: | |x| - 1 | <= 64 eps sqrt(m)."""

    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        """Whether each vector has length 1, (*batch)."""
        return (_square(value).sqrt() - 1.0).abs() <= _tolerance(value)

    def __repr__(self) -> str:
        return "UnitSphere(|x| = 1 to 64 eps sqrt(m))"


class Angles(constraints.Constraint):
    """Vectors of angles in [-pi, pi), pi rounded to their dtype: the points of the flat torus."""

    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        """Whether all angles lie there, (*batch)."""
        return ((value >= -math.pi) & (value < math.pi)).all(dim=-1)

    def __repr__(self) -> str:
        return "Angles([-pi, pi))"


angles, finite_vector, tangent_vector, unit_sphere = Angles(), FiniteVector(), TangentVector(), UnitSphere()


class Positive(constraints.Constraint):
    """Finite numbers > 0 (>= 0 with ``or_zero``) and at most ``upper``: torch's own ``positive`` lets infinity pass."""

    def __init__(self, upper: float = math.inf, or_zero: bool = False) -> None:
        self.upper, self.or_zero = upper, or_zero
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        """Whether each number lies in the range."""
        above = value >= 0.0 if self.or_zero else value > 0.0
        return above & (value <= self.upper) & torch.isfinite(value)

    def __repr__(self) -> str:
        bound = f" and <= {self.upper:g}" if self.upper < math.inf else ""
        return f"finite, {'>= 0' if self.or_zero else '> 0'}{bound}"


_SCALES = {torch.float32: (1e-15, 1e15), torch.float64: SCALE_RANGE}


class Scale(constraints.Constraint):
    """Scales whose squares, and those of the lengths that draws have, their dtype holds to all its digits."""

    def check(self, value: Tensor) -> Tensor:
        """Whether each number lies in the range of its dtype."""
        low, high = _SCALES.get(value.dtype, SCALE_RANGE)
        return (value >= low) & (value <= high)

    def __repr__(self) -> str:
        return "Scale(" + ", ".join(f"{low:g} to {high:g} in {dtype}" for dtype, (low, high) in _SCALES.items()) + ")"


positive, non_negative, scale = Positive(), Positive(or_zero=True), Scale()


class BallTransform(Transform):
    """From R^d to the ball, v -> exp_0(v): v is the vector of exponential coordinates at the origin.

    The determinant is that of the coordinates, with respect to Lebesgue measure on both sides, as torch's transforms
    have it; v is the ball point's own |v| away from the origin, so that any v of length below about 14/sqrt(c) in
    float32 and 34/sqrt(c) in float64 can be told from its neighbours. Beyond, all go to the last sphere that is inside
    to rounding, as torch's own transforms to an interval do it; the determinant is that of v all the same, -inf where
    c |v|^2 overflows.
    """

    domain = constraints.real_vector
    bijective = True

    def __init__(self, c: Any = 1.0, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        self.c = c

    @property
    def codomain(self) -> PoincareBall:  # type: ignore[override]
        """The ball."""
        return PoincareBall(self.c)

    def with_cache(self, cache_size: int = 1) -> BallTransform:
        """This transform with another cache size."""
        return self if self._cache_size == cache_size else BallTransform(self.c, cache_size)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BallTransform) and bool(torch.equal(torch.as_tensor(self.c), torch.as_tensor(other.c)))

    def _call(self, x: Tensor) -> Tensor:
        # The last sphere leaves room for what rounding does to a norm.
        gap = 8.0 * torch.finfo(x.dtype).eps
        limit = math.log((2.0 - gap) / gap)
        c = torch.as_tensor(self.c, dtype=x.dtype, device=x.device)
        far = (c * _square(x) > limit * limit)[..., None]
        one = torch.ones_like(x)
        k = torch.where(far, c[..., None].sqrt(), one)
        return charts.tangent_to_poincare(torch.where(far, _direction(torch.where(far, x, one)) * (limit / k), x), c)

    def _inverse(self, y: Tensor) -> Tensor:
        return charts.poincare_to_tangent(y, self.c)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """log|det dy/dx|, (*batch): the ratio of the volume factors (sinh a/a)^(d-1) and lambda^d, a = sqrt(c)|x|.

        lambda/2 = cosh^2(a/2), and cosh(a/2) = sinhc(a)/sinhc(a/2), which does not cancel far out.
        """
        d, square = x.shape[-1], self.c * _square(x)
        held = square < torch.finfo(x.dtype).max
        z = torch.where(held, square, torch.zeros_like(square))
        whole, half = log_sinhc_sq(z), log_sinhc_sq(0.25 * z)
        log_det = (d - 1) * whole - 2.0 * d * (whole - half) - d * math.log(2.0)
        return torch.where(held, log_det, -math.inf)


class SphereTransform(Transform):
    """From R^m to the unit sphere, x -> x/|x|, 0 to the first axis; many to one, so for ``transform_to`` only."""

    domain = constraints.real_vector
    codomain = unit_sphere

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SphereTransform)

    def _call(self, x: Tensor) -> Tensor:
        axis = torch.zeros_like(x)
        axis[..., 0] = 1.0
        return _direction(torch.where((x == 0.0).all(dim=-1, keepdim=True), axis, x))

    def _inverse(self, y: Tensor) -> Tensor:
        return y


class WrapTransform(Transform):
    """From R^d to the angles in [-pi, pi)^d, modulo 2 pi; many to one, so for ``transform_to`` only."""

    domain = constraints.real_vector
    codomain = angles

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WrapTransform)

    def _call(self, x: Tensor) -> Tensor:
        return torus.wrap(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """0, (*batch)."""
        return (x * 0.0).sum(dim=-1)


@biject_to.register(PoincareBall)
@transform_to.register(PoincareBall)
def _ball(constraint: PoincareBall) -> BallTransform:
    return BallTransform(constraint.c)


@transform_to.register(UnitSphere)
def _sphere(constraint: UnitSphere) -> SphereTransform:
    return SphereTransform()


@transform_to.register(Angles)
def _wrap(constraint: Angles) -> WrapTransform:
    return WrapTransform()


@biject_to.register(Angles)
def _cut(constraint: Angles) -> Transform:
    """The torus cut open at -pi, coordinate by coordinate: no bijection from R^d is continuous across the cut."""
    return biject_to(constraints.independent(constraints.half_open_interval(-math.pi, math.pi), 1))


@biject_to.register(Positive)
@transform_to.register(Positive)
@biject_to.register(Scale)
@transform_to.register(Scale)
def _positive(constraint: Positive | Scale) -> ExpTransform:
    return ExpTransform()
