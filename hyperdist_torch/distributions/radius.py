"""The law of the radius of a draw as a distribution of its own: ``q.radius``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.distributions import constraints

from hyperdist import checks
from hyperdist.radial.base import METHODS
from hyperdist_torch import _parameters
from hyperdist_torch._host import holds, outside
from hyperdist_torch.distributions._cdf import at_cdf, log_tail
from hyperdist_torch.distributions._radial import Radial
from hyperdist_torch.distributions.batched import BatchedDistribution

_FAR = 1e100
"""So many scales out every density has vanished, long before squares overflow."""


Place = Callable[[Tensor, Any], tuple[Tensor, Tensor]]
"""(parameter, c) of a law -> (theta, scale) of its radius, (*batch), float64."""


def as_it_stands(parameter: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor]:
    """An angle is a law's of its parameter itself."""
    theta = parameter.double()
    return theta, torch.ones_like(theta)


class Radius(BatchedDistribution):
    """The law of the geodesic distance r between a draw and its centre; densities are with respect to dr.

    Made by ``q.radius``. ``log_prob``, ``cdf``, ``sf`` and their logarithms are differentiable in r and in the law's
    parameters, ``icdf`` and ``isf`` in p and in the parameters, to any order. Results have the dtype of the
    parameters, the arithmetic is float64.
    Off the support ValueError where arguments are validated, else the density is 0; NaN in gives NaN out.
    Accuracy  that of the core's radial laws; a tail keeps its relative accuracy.
    """

    has_rsample = True

    _batched = ("_parameter", "_c")

    def __init__(
        self,
        radial: Radial,
        parameter: Tensor,
        c: Tensor | None = None,
        *,
        place: Place = as_it_stands,
        dtype: torch.dtype,
        validate_args: bool | None = None,
    ) -> None:
        """The law of scale y, y that of ``radial`` with parameter theta, which ``place`` finds at each use: the law's
        own tensors are kept, and a change of theirs in place changes this law as it does that one."""
        self._radial, self._parameter, self._c = radial, parameter, c
        self._place, self._dtype = place, dtype
        super().__init__(self._theta.shape, torch.Size(), validate_args=validate_args)

    @property
    def _theta(self) -> Tensor:
        return self._place(self._parameter, self._c)[0]

    @property
    def _scale(self) -> Tensor:
        return self._place(self._parameter, self._c)[1]

    @property
    def arg_constraints(self) -> dict[str, Any]:  # type: ignore[override]
        """None of its own: the law that made it has checked its parameters."""
        return {}

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> constraints.Constraint:  # type: ignore[override]
        """Radii from 0 to the largest distance of two points."""
        end = self._radial.end
        return constraints.nonnegative if end == math.inf else constraints.interval(0.0, end)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats with respect to dr, (*broadcast); -inf off the support."""
        y, inside, r = self._read(value, ends=True)
        density = self._radial.log_density(y, self._theta) - self._scale.log()
        return self._finish(density, inside, r, -torch.inf, -torch.inf)

    def log_cdf(self, value: Tensor) -> Tensor:
        """Log probability of a radius <= value, (*broadcast)."""
        y, inside, r = self._read(value)
        return self._finish(log_tail(self._radial, y, self._theta, False), inside, r, -torch.inf, 0.0)

    def log_sf(self, value: Tensor) -> Tensor:
        """Log probability of a radius > value, (*broadcast), far below the logarithm of the smallest double too."""
        y, inside, r = self._read(value)
        return self._finish(log_tail(self._radial, y, self._theta, True), inside, r, 0.0, -torch.inf)

    def cdf(self, value: Tensor) -> Tensor:
        """Probability of a radius <= value, (*broadcast); relative accuracy in the lower tail."""
        y, inside, r = self._read(value)
        return self._finish(log_tail(self._radial, y, self._theta, False).exp(), inside, r, 0.0, 1.0)

    def sf(self, value: Tensor) -> Tensor:
        """Probability of a radius > value, (*broadcast); relative accuracy in the upper tail."""
        y, inside, r = self._read(value)
        return self._finish(log_tail(self._radial, y, self._theta, True).exp(), inside, r, 1.0, 0.0)

    def icdf(self, value: Tensor) -> Tensor:
        """The radius with cdf ``value``, (*broadcast); NaN unless 0 <= value <= 1."""
        return self._invert(value, False)

    def isf(self, value: Tensor) -> Tensor:
        """The radius with sf ``value``, (*broadcast): the form for the upper tail."""
        return self._invert(value, True)

    def rsample(
        self, sample_shape: Any = (), *, method: str = "rejection", generator: torch.Generator | None = None
    ) -> Tensor:
        """Reparametrised radii, sample_shape + batch_shape; ``method`` and ``generator`` as ``q.rsample``'s."""
        shape = torch.Size(checks.sample_shape(sample_shape, tuple(self.batch_shape))) + self.batch_shape
        checks.choice(method, "method", METHODS)
        return (self._scale * self._radial.draw(self._theta, shape, method, generator)).to(self._dtype)

    @torch.no_grad()
    def sample(
        self, sample_shape: Any = (), *, method: str = "rejection", generator: torch.Generator | None = None
    ) -> Tensor:
        """``rsample`` without gradient."""
        return self.rsample(sample_shape, method=method, generator=generator).detach()

    @property
    def mean(self) -> Tensor:
        """E r, (*batch)."""
        return (self._scale * self._radial.moments(self._theta)[0]).to(self._dtype)

    @property
    def variance(self) -> Tensor:
        """Var r, (*batch); the law's own ``variance`` is E r^2."""
        return (self._scale.square() * self._radial.moments(self._theta)[1]).to(self._dtype)

    @property
    def mode(self) -> Tensor:
        """The radius of largest density with respect to dr, (*batch); without gradient."""
        return (self._scale.detach() * self._radial.mode(self._theta.detach())).to(self._dtype)

    def entropy(self) -> Tensor:
        """Differential entropy of r in nats, (*batch)."""
        return (self._radial.entropy(self._theta) + self._scale.log()).to(self._dtype)

    def _numbers(self, value: Any) -> Tensor:
        value = _parameters.real(value, "value", self._dtype).double()
        checks.broadcast(value=tuple(value.shape), batch=tuple(self.batch_shape))
        return value

    def _read(self, value: Any, ends: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """(y, inside, r): y = r/scale with the mode in place of what is off the open support, or the closed one."""
        r, end = self._numbers(value), self._radial.end
        if self._validate_args and not holds(inside := self.support.check(value)):
            raise ValueError(f"value must lie in the support {self.support!r}, got {outside(inside, value, 0)[2]!r}")
        # pi in the value's own dtype may exceed the double: a radius that rounds to the end is the end.
        r = torch.where(value == end, end, r) + 0.0 * self._theta.detach()
        inside = (r >= 0.0) & (r <= end) if ends else (r > 0.0) & (r < end)
        inside = inside & (r < _FAR * self._scale.detach())
        stand_in = self._scale.detach() * self._radial.centre(self._theta.detach())
        return torch.where(inside, r, stand_in) / self._scale, inside, r

    def _finish(self, result: Tensor, inside: Tensor, r: Tensor, below: float, above: float) -> Tensor:
        off = torch.where(torch.isnan(r), torch.nan, torch.where(r <= 0.0, below, above).to(r.dtype))
        return torch.where(inside, result, off).to(self._dtype)

    def _invert(self, value: Any, upper: bool) -> Tensor:
        p, end = self._numbers(value), self._radial.end
        if self._validate_args and not holds(inside := (p >= 0.0) & (p <= 1.0)):
            raise ValueError(f"value must lie in [0, 1], got {outside(inside, p, 0)[2]!r}")
        p = p + 0.0 * self._theta.detach()
        inside = (p > 0.0) & (p < 1.0)
        safe = torch.where(inside, p, 0.5)
        y = self._radial.quantile(safe.detach(), self._theta.detach(), upper)
        r = self._scale * at_cdf(self._radial, y, self._theta, safe, upper)
        at_zero, at_one = (end, 0.0) if upper else (0.0, end)
        # full_like, since where() makes two numbers float32
        off = torch.where(p == 1.0, torch.full_like(p, at_one), torch.nan)
        off = torch.where(p == 0.0, torch.full_like(p, at_zero), off)
        return torch.where(inside, r, off).to(self._dtype)
