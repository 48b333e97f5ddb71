"""Maps from unconstrained vectors to points of curved spaces: what ``biject_to`` and ``transform_to`` give for them.

A determinant here is that of the map to the space with its Riemannian volume, the measure of every law's ``log_prob``,
so that ``law.log_prob(T(v)) + T.log_abs_det_jacobian(v, T(v))`` is a density on R^k of mass 1: what Hamiltonian Monte
Carlo, variational inference and ``TransformedDistribution`` add up. Other maps to R^k, of Lebesgue measure, follow on
the inverse as usual. A density of your own with respect to dx in a chart becomes one per volume less ``log_volume``:

>>> import torch
>>> from hyperdist.geometry import poincare
>>> x, c = torch.tensor([0.3, 0.1]), 1.0
>>> per_dx = torch.tensor(0.7)
>>> per_volume = per_dx - poincare.log_volume(x, c)
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.distributions import biject_to, constraints, transform_to
from torch.distributions.transforms import ExpTransform, Transform

from hyperdist.arrays.stable import log_sinhc_sq
from hyperdist.geometry import conversions, lorentz, torus
from hyperdist_torch._host import beside
from hyperdist_torch.constraints import (
    Angles,
    EachCoordinate,
    FiniteVector,
    Hyperboloid,
    PoincareBall,
    Positive,
    Scale,
    TangentVector,
    UnitSphere,
    angles,
    square,
    unit_sphere,
)


def _direction(x: Tensor) -> Tensor:
    """x/|x|, x not 0, where squares under- or overflow too."""
    y = x / x.detach().abs().amax(dim=-1, keepdim=True)
    return y / torch.linalg.vector_norm(y, dim=-1, keepdim=True)


def _somewhere(x: Tensor) -> Tensor:
    """x, or the first axis where x is 0."""
    axis = torch.zeros_like(x)
    axis[..., 0] = 1.0
    return torch.where((x == 0.0).all(dim=-1, keepdim=True), axis, x)


class ExponentialTransform(Transform):
    """From R^d to hyperbolic space of curvature -c, v -> exp_0(v): v are the exponential coordinates at the origin.

    c : (*batch)  size of the curvature, c >= 0, a number or a tensor that may carry a gradient; its batch broadcasts
                  against v's (``forward_shape``). At c = 0 the map is an isometry.
    The determinant is that with respect to Riemannian volume, (d - 1) log(sinh(kr)/(kr)), k = sqrt(c), r = |v|,
    whatever the model. So ``TransformedDistribution(Normal, [T])`` is the law of exp_0(v), and with mean 0
    ``WrappedNormal``'s at the origin.
    Range     any finite v has a point, and a finite determinant, which is that of v. Beyond the largest radius that the
              model's coordinates hold all v of one direction have one point: there the map is no bijection, and a
              law with mass so far out must be asked for with ``model="tangent"``.
    Gradients in v and c, of any order, right at v = 0 and c = 0.

    >>> import torch, hyperdist_torch as ht
    >>> from torch.distributions import Normal, biject_to
    >>> law, v = ht.WrappedNormal(torch.zeros(2), 0.5), torch.tensor([1.0, 0.5])
    >>> T = biject_to(law.support)
    >>> T, torch.allclose(T.inv(T(v)), v)
    (BallTransform(), True)
    >>> density = law.log_prob(T(v)) + T.log_abs_det_jacobian(v, T(v))  # of v, with mass 1 over R^2
    >>> torch.allclose(density, Normal(0.0, 0.5).log_prob(v).sum())
    True
    """

    domain = constraints.real_vector
    bijective = True
    _more = 0
    """Coordinates of a point beyond d."""

    def __init__(self, c: Any = 1.0, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        self.c = c

    @abstractmethod
    def _limit(self, c: Tensor, dtype: torch.dtype) -> Any:
        """The largest k r that coordinates of the dtype hold."""

    @abstractmethod
    def _place(self, v: Tensor, c: Tensor) -> Tensor:
        """exp_0(v), v within the limit."""

    def with_cache(self, cache_size: int = 1) -> ExponentialTransform:
        """This transform with another cache size."""
        return self if self._cache_size == cache_size else type(self)(self.c, cache_size)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return False
        c = torch.as_tensor(self.c)
        theirs = torch.as_tensor(other.c).to(c)
        return c.shape == theirs.shape and bool((c == theirs).all())

    def forward_shape(self, shape: Any) -> torch.Size:
        """That of T(v), v of ``shape``."""
        return self._shape(shape, self._more)

    def inverse_shape(self, shape: Any) -> torch.Size:
        """That of v, T(v) of ``shape``."""
        return self._shape(shape, -self._more)

    def _shape(self, shape: Any, more: int) -> torch.Size:
        batch = torch.broadcast_shapes(shape[:-1], torch.as_tensor(self.c).shape)
        return torch.Size((*batch, shape[-1] + more))

    def _curvature(self, x: Tensor) -> Tensor:
        return beside(self.c, x)

    def _call(self, x: Tensor) -> Tensor:
        c, one = self._curvature(x), torch.ones_like(x)
        # The square of a length must be held whatever c is.
        longest = 0.5 * math.sqrt(torch.finfo(x.dtype).max)
        known = c.detach()
        curved = known > 0.0
        length = torch.where(curved, self._limit(known, x.dtype) / torch.where(curved, known, 1.0).sqrt(), longest)
        length = length.clamp(max=longest)
        far = (square(x) > length * length)[..., None]
        last = _direction(torch.where(far, x, one)) * length[..., None]
        return self._place(torch.where(far, last, x), c)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Log of Riemannian volume at y = T(x) over dx, (*batch): (d - 1) log(sinh(kr)/(kr)), r = |x|."""
        d, c, top = x.shape[-1], self._curvature(x), torch.finfo(x.dtype).max
        held = c * (x * x).sum(dim=-1) < top
        near = log_sinhc_sq(c * square(torch.where(held[..., None], x, 0.0)))
        # Where the square overflows, log(sinh(a)/a) is a to the last bit.
        beyond = ~held & (c > 0.0)
        far = torch.where(beyond[..., None], x, 1.0)
        size = far.detach().abs().amax(dim=-1)
        k = torch.where(beyond, c, 1.0).sqrt()
        a = (k * size).clamp(max=top / (2.0 * d**1.5)) * torch.linalg.vector_norm(far / size[..., None], dim=-1)
        return (d - 1) * torch.where(beyond, a, near)


class BallTransform(ExponentialTransform):
    """``ExponentialTransform`` to ball coordinates, which hold radii to about 14/sqrt(c) in float32, 34 in float64.

    >>> import torch, hyperdist_torch as ht
    >>> T = ht.transforms.BallTransform(c=1.0)
    >>> T(torch.tensor([2.0, 0.0])), T.codomain  # tanh 1
    (tensor([0.7616, 0.0000]), PoincareBall(sqrt(c) |x| < 1, c = 1.0))
    >>> T.log_abs_det_jacobian(v := torch.tensor([2.0, 0.0]), T(v))  # log(sinh(2)/2), by volume
    tensor(0.5952)
    """

    @property
    def codomain(self) -> PoincareBall:  # type: ignore[override]
        """The ball."""
        return PoincareBall(self.c)

    def _limit(self, c: Tensor, dtype: torch.dtype) -> float:
        # The last sphere leaves room for what rounding does to a norm.
        gap = 8.0 * torch.finfo(dtype).eps
        return math.log((2.0 - gap) / gap)

    def _place(self, v: Tensor, c: Tensor) -> Tensor:
        return conversions.tangent_to_poincare(v, c)

    def _inverse(self, y: Tensor) -> Tensor:
        return conversions.poincare_to_tangent(y, self._curvature(y))


class HyperboloidTransform(ExponentialTransform):
    """``ExponentialTransform`` to the hyperboloid, (*batch, d) to (*batch, d + 1), c > 0: radii to about 72/sqrt(c) in
    float32, 693 in float64.

    >>> import torch, hyperdist_torch as ht
    >>> T = ht.transforms.HyperboloidTransform(c=1.0)
    >>> T(torch.tensor([1.0, 0.0])), T.codomain.check(T(torch.tensor([1.0, 0.0])))  # cosh 1, sinh 1
    (tensor([1.5431, 1.1752, 0.0000]), tensor(True))
    """

    _more = 1

    @property
    def codomain(self) -> Hyperboloid:  # type: ignore[override]
        """The hyperboloid."""
        return Hyperboloid(self.c)

    def _limit(self, c: Tensor, dtype: torch.dtype) -> Tensor:
        # cosh(kr)/k is held, and so are its derivatives, e^16 times as large at most.
        return math.log(torch.finfo(dtype).max) - 16.0 + (0.5 * c.log()).clamp(max=0.0)

    def _place(self, v: Tensor, c: Tensor) -> Tensor:
        # The time coordinate of the space part, so that rounding takes no point off the hyperboloid.
        return lorentz.lift(conversions.tangent_to_lorentz(v, c)[..., 1:], c)

    def _inverse(self, y: Tensor) -> Tensor:
        return conversions.lorentz_to_tangent(y, self._curvature(y))


class TangentTransform(ExponentialTransform):
    """``ExponentialTransform`` to the exponential coordinates themselves: v -> v, at any radius.

    >>> import torch, hyperdist_torch as ht
    >>> T, v = ht.transforms.TangentTransform(c=1.0), torch.tensor([300.0, 0.0])
    >>> torch.equal(T(v), v), T.log_abs_det_jacobian(v, T(v)), T.codomain.check(v)  # log(sinh(300)/300)
    (True, tensor(293.6031), tensor(True))
    """

    @property
    def codomain(self) -> TangentVector:  # type: ignore[override]
        """Tangent vectors."""
        return TangentVector(self.c)

    def _limit(self, c: Tensor, dtype: torch.dtype) -> float:
        return math.inf

    def _place(self, v: Tensor, c: Tensor) -> Tensor:
        return v

    def _inverse(self, y: Tensor) -> Tensor:
        return y.expand(self.inverse_shape(y.shape))


class SphereTransform(Transform):
    """From R^n to the unit sphere in it, v -> v/|v|, 0 to the first axis: many to one, without a seam.

    The determinant is log f(|v|), f the density that makes |v| a chi variable with n degrees whatever the direction:
    -|v|^2/2 - log(2^(n/2 - 1) Gamma(n/2)). So a law's ``log_prob(T(v))`` plus it has mass 1 over R^n, and the law's
    own marginal of v/|v|: chains and guides on v infer the law's points. The inverse of x is x itself.
    ``bijective`` is False: ``TransformedDistribution(base, [T])`` draws v/|v|, but its ``log_prob`` is that of the
    pair (direction, |v| = 1), the law's own for a standard normal base alone.
    Source   Stan's unit vectors (Stan Reference Manual, "Unit vector"; Marsaglia 1972).

    >>> import torch, hyperdist_torch as ht
    >>> T, v = ht.transforms.SphereTransform(), torch.tensor([3.0, 4.0])
    >>> T(v), T.log_abs_det_jacobian(v, T(v)), T.bijective  # -|v|^2/2
    (tensor([0.6000, 0.8000]), tensor(-12.5000), False)
    """

    domain = constraints.real_vector
    codomain = unit_sphere

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SphereTransform)

    def _call(self, x: Tensor) -> Tensor:
        return _direction(_somewhere(x))

    def _inverse(self, y: Tensor) -> Tensor:
        return y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """-|x|^2/2 - log(2^(n/2 - 1) Gamma(n/2)), (*batch)."""
        half = 0.5 * int(x.shape[-1])
        return -0.5 * square(x) - ((half - 1.0) * math.log(2.0) + math.lgamma(half))


class CircleTransform(Transform):
    """From R^2d to d angles in [-pi, pi), two reals an angle: (v_1, v_2, ...) to (atan2(v_2, v_1), ...), without a cut.

    As ``SphereTransform`` on each circle: many to one, ``bijective`` is False, a pair (0, 0) is the angle 0, the
    inverse of an angle a is (cos a, sin a), and the determinant, -|v|^2/2, gives ``log_prob(T(v))`` plus it the mass
    1 over R^2d. So a chain passes pi as any other angle.

    >>> import torch, hyperdist_torch as ht
    >>> T, v = ht.transforms.CircleTransform(), torch.tensor([0.0, 2.0, -1.0, 0.0])
    >>> T(v), T.log_abs_det_jacobian(v, T(v))  # pi/2, and pi, which is -pi
    (tensor([ 1.5708, -3.1416]), tensor(-2.5000))
    >>> T(v[:3])
    Traceback (most recent call last):
    ValueError: x must have two coordinates an angle on its last axis, got shape (3,)
    """

    domain = constraints.real_vector
    codomain = angles

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CircleTransform)

    def forward_shape(self, shape: Any) -> torch.Size:
        """(*batch, 2d) to (*batch, d); ValueError for an odd last axis."""
        if shape[-1] % 2:
            raise ValueError(f"x must have two coordinates an angle on its last axis, got shape {tuple(shape)}")
        return torch.Size((*shape[:-1], shape[-1] // 2))

    def inverse_shape(self, shape: Any) -> torch.Size:
        """(*batch, d) to (*batch, 2d)."""
        return torch.Size((*shape[:-1], 2 * shape[-1]))

    def _call(self, x: Tensor) -> Tensor:
        self.forward_shape(x.shape)
        cosine, sine = _direction(_somewhere(x.unflatten(-1, (-1, 2)))).unbind(dim=-1)
        return torus.wrap(torch.atan2(sine, cosine))

    def _inverse(self, y: Tensor) -> Tensor:
        return torch.stack([y.cos(), y.sin()], dim=-1).flatten(-2)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """-|x|^2/2, (*batch)."""
        return -0.5 * square(x)


@biject_to.register(PoincareBall)
@transform_to.register(PoincareBall)
def _ball(constraint: PoincareBall) -> BallTransform:
    return BallTransform(constraint.c)


@biject_to.register(Hyperboloid)
@transform_to.register(Hyperboloid)
def _hyperboloid(constraint: Hyperboloid) -> HyperboloidTransform:
    return HyperboloidTransform(constraint.c)


@biject_to.register(TangentVector)
@transform_to.register(TangentVector)
def _tangent(constraint: TangentVector) -> TangentTransform:
    return TangentTransform(constraint.c)


@biject_to.register(FiniteVector)
@transform_to.register(FiniteVector)
def _real(constraint: FiniteVector) -> Transform:
    return biject_to(constraints.real_vector)


@biject_to.register(UnitSphere)
@transform_to.register(UnitSphere)
def _sphere(constraint: UnitSphere) -> SphereTransform:
    return SphereTransform()


@biject_to.register(Angles)
@transform_to.register(Angles)
def _circles(constraint: Angles) -> CircleTransform:
    return CircleTransform()


@biject_to.register(Positive)
@transform_to.register(Positive)
@biject_to.register(Scale)
@transform_to.register(Scale)
def _positive(constraint: Positive | Scale) -> ExpTransform:
    return ExpTransform()


@biject_to.register(EachCoordinate)
@transform_to.register(EachCoordinate)
def _each(constraint: EachCoordinate) -> Transform:
    return biject_to(constraints.independent(constraint.base_constraint, 1))
