"""Constraints of torch.distributions for points of curved spaces; ``transforms`` has the maps that reach them."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import constraints

from hyperdist import checks
from hyperdist.geometry import lorentz, poincare
from hyperdist.radial.riemannian_normal import SCALE_RANGE
from hyperdist_torch._host import beside
from hyperdist_torch._precision import HALVES, upcast

__all__ = [
    "Angles",
    "EachCoordinate",
    "FiniteVector",
    "Hyperboloid",
    "PoincareBall",
    "Positive",
    "Scale",
    "TangentVector",
    "UnitSphere",
    "angles",
    "finite_vector",
    "non_negative",
    "positive",
    "scale",
    "tangent_vector",
    "unit_sphere",
]


def square(x: Tensor) -> Tensor:
    """|x|^2, (*batch), or the largest number, which c = 0 takes to 0; NaN stays."""
    return (x * x).sum(dim=-1).clamp(max=torch.finfo(x.dtype).max)


def _unit_tolerance(x: Tensor) -> float:
    """How far from 1 the norm of a unit vector may be: what rounding to float32 explains, and 4 eps in half precision.

    In float64 too: data are read into it from what was written in float32 or with seven digits.
    """
    if x.dtype in HALVES:
        return 4.0 * torch.finfo(x.dtype).eps
    return checks.sphere_tolerance(x)


def _range(c: Any) -> str:
    """Curvatures in a message."""
    if not isinstance(c, Tensor) or not c.numel():
        return str(c)
    least, largest = (f"{value:g}" for value in (c.min().item(), c.max().item()))
    return least if least == largest else f"{least} to {largest}"


class PoincareBall(constraints.Constraint):
    """Points x with sqrt(c) |x| < 1; c >= 0 broadcasts against the batch, and at c = 0 any ``TangentVector`` is one.

    >>> import torch, hyperdist_torch as ht
    >>> ht.constraints.PoincareBall(c=0.25).check(torch.tensor([[1.9, 0.0], [2.1, 0.0]]))  # of radius 2
    tensor([ True, False])
    """

    event_dim = 1

    def __init__(self, c: Any = 1.0) -> None:
        self.c = c
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        """Whether each point lies inside, (*batch)."""
        return poincare.inside(value, self.c)

    def __repr__(self) -> str:
        return f"PoincareBall(sqrt(c) |x| < 1, c = {_range(self.c)})"


class Hyperboloid(constraints.Constraint):
    """Points x = (x_0, s) with x_0 = sqrt(1/c + |s|^2), c > 0, to rounding.

    >>> import torch, hyperdist_torch as ht
    >>> ht.constraints.Hyperboloid(c=1.0).check(torch.tensor([[1.25, 0.75], [1.25, 0.7]]))
    tensor([ True, False])
    """

    event_dim = 1

    def __init__(self, c: Any = 1.0) -> None:
        self.c = c
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        """Whether each point lies on it, (*batch)."""
        c = beside(self.c, value)
        return lorentz.off(value, c) <= checks.rounding(value)

    def __repr__(self) -> str:
        return f"Hyperboloid(x_0 = sqrt(1/c + |s|^2) to 64 eps sqrt(d + 1), c = {_range(self.c)})"


class FiniteVector(constraints.Constraint):
    """Any finite vector; unlike ``real_vector`` it takes empty batches.

    >>> import torch, hyperdist_torch as ht
    >>> ht.constraints.finite_vector.check(torch.tensor([[1.0, 2.0], [1.0, float("inf")]]))
    tensor([ True, False])
    """

    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        """Whether all coordinates are finite, (*batch)."""
        return torch.isfinite(value).all(dim=-1)

    def __repr__(self) -> str:
        return "FiniteVector()"


class TangentVector(constraints.Constraint):
    """Exponential coordinates at the origin of a space of curvature -c: vectors whose squared length their dtype holds.

    c decides no point, but the volume that ``biject_to`` measures; 0 (default), that of the vectors themselves.

    >>> import torch, hyperdist_torch as ht
    >>> ht.constraints.tangent_vector.check(torch.tensor([[1e3, 0.0], [1e30, 0.0]]))  # float32 does not hold 1e60
    tensor([ True, False])
    """

    event_dim = 1

    def __init__(self, c: Any = 0.0) -> None:
        self.c = c
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        """Whether the square of each vector's length is finite, (*batch)."""
        return torch.isfinite((value * value).sum(dim=-1))

    def __repr__(self) -> str:
        return "TangentVector(|v|^2 finite)"


class UnitSphere(constraints.Constraint):
    """Unit vectors, to rounding: | |x| - 1 | <= 64 eps sqrt(m), eps that of float32, and 4 eps in half precision.

    >>> import torch, hyperdist_torch as ht
    >>> ht.constraints.unit_sphere.check(torch.tensor([[0.6, 0.8], [0.6, 0.7]]))
    tensor([ True, False])
    """

    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        """Whether each vector has length 1, (*batch)."""
        wide = value.float() if value.dtype in HALVES else value
        return (square(wide).sqrt() - 1.0).abs() <= _unit_tolerance(value)

    def __repr__(self) -> str:
        return "UnitSphere(|x| = 1 to 64 eps sqrt(m), eps of float32)"


class Angles(constraints.Constraint):
    """Vectors of angles in [-pi, pi), pi rounded to their dtype: the points of the flat torus.

    >>> import torch, hyperdist_torch as ht
    >>> ht.constraints.angles.check(torch.tensor([[0.0, 3.0], [0.0, 4.0]]))  # 4 stands for 4 - 2 pi
    tensor([ True, False])
    """

    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        """Whether all angles lie there, (*batch)."""
        return ((value >= -math.pi) & (value < math.pi)).all(dim=-1)

    def __repr__(self) -> str:
        return "Angles([-pi, pi))"


angles, finite_vector, tangent_vector, unit_sphere = Angles(), FiniteVector(), TangentVector(), UnitSphere()


def widened(x: Any, name: str) -> Any:
    """Unit vectors of half precision, under autocast, as those of float32; the rest of x, whatever it is, unchanged."""
    if not isinstance(x, Tensor) or x.dtype not in HALVES or not x.ndim:
        return x
    wide, fits = upcast(x, name), unit_sphere.check(x)[..., None]
    return torch.where(fits, wide / torch.linalg.vector_norm(torch.where(fits, wide, 1.0), dim=-1, keepdim=True), wide)


class Positive(constraints.Constraint):
    """Finite numbers > 0 (>= 0 with ``or_zero``) and at most ``upper``: torch's own ``positive`` lets infinity pass.

    >>> import torch, hyperdist_torch as ht
    >>> x = torch.tensor([0.0, 1.0, 1e20, float("inf")])
    >>> ht.constraints.positive.check(x), ht.constraints.Positive(1e15, or_zero=True).check(x)
    (tensor([False,  True,  True, False]), tensor([ True,  True, False, False]))
    """

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


SCALES = {torch.float32: (1e-15, 1e15), torch.float64: SCALE_RANGE}
"""The least and the largest scale by dtype."""


class Scale(constraints.Constraint):
    """Scales whose squares, and those of the lengths that draws have, their dtype holds to all its digits.

    >>> import torch, hyperdist_torch as ht
    >>> sigma = torch.tensor([0.5, 1e-20])
    >>> ht.constraints.scale.check(sigma), ht.constraints.scale.check(sigma.double())
    (tensor([ True, False]), tensor([True, True]))
    """

    def check(self, value: Tensor) -> Tensor:
        """Whether each number lies in the range of its dtype."""
        low, high = SCALES.get(value.dtype, SCALE_RANGE)
        return (value >= low) & (value <= high)

    def __repr__(self) -> str:
        return "Scale(" + ", ".join(f"{low:g} to {high:g} in {dtype}" for dtype, (low, high) in SCALES.items()) + ")"


class EachCoordinate(constraints.independent):
    """A constraint of each coordinate of vectors; unlike torch's own ``independent`` it takes empty batches.

    >>> import torch, hyperdist_torch as ht
    >>> each = ht.constraints.EachCoordinate(ht.constraints.scale)
    >>> each.check(torch.tensor([[0.5, 1.0], [0.5, -1.0]])), each.check(torch.ones(0, 2)).shape
    (tensor([ True, False]), torch.Size([0]))
    """

    def __init__(self, constraint: constraints.Constraint) -> None:
        super().__init__(constraint, 1)

    def check(self, value: Tensor) -> Tensor:
        """Whether all coordinates of each vector are in range, (*batch)."""
        return self.base_constraint.check(value).all(dim=-1)

    def __repr__(self) -> str:
        return f"EachCoordinate({self.base_constraint!r})"


positive, non_negative, scale = Positive(), Positive(or_zero=True), Scale()
