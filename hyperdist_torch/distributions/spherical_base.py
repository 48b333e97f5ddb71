"""What laws on the unit sphere share."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.distributions import constraints

from hyperdist.distributions.area import log_sphere_area
from hyperdist.distributions.summaries import SphericalSummary
from hyperdist.geometry import sphere
from hyperdist.spaces import Sphere
from hyperdist_torch import _parameters
from hyperdist_torch._law import Fixed, Law, Measure
from hyperdist_torch.constraints import UnitSphere, unit_sphere, widened
from hyperdist_torch.distributions._radial import KernelRadial
from hyperdist_torch.distributions._summaries import radial
from hyperdist_torch.distributions.base import CentredDistribution, draw_radius
from hyperdist_torch.distributions.radius import Radius


def unit(x: Tensor) -> Tensor:
    """x to the last bit of its dtype on the sphere; gradients are tangent to it."""
    return x / torch.linalg.vector_norm(x, dim=-1, keepdim=True)


class OnSphere(CentredDistribution):
    """A law on the unit sphere S^d in R^m, m = d + 1.

    >>> import torch, hyperdist_torch as ht
    >>> ht.VonMisesFisher(torch.eye(3)[2], 10.0).support.check(torch.tensor([[0.0, 0.6, 0.8], [0.0, 0.6, 0.9]]))
    tensor([ True, False])
    """

    space = Sphere()

    @constraints.dependent_property(is_discrete=False, event_dim=1)
    def support(self) -> UnitSphere:  # type: ignore[override]
        """The unit sphere."""
        return unit_sphere

    def _read(self, value: Any) -> tuple[Tensor, Tensor]:
        """(x, inside): unit vectors, with another one standing in for those off the sphere."""
        x = self._check_value(widened(value, "value"), unit_sphere, self.event_shape[0])
        inside = unit_sphere.check(x)
        return unit(torch.where(inside[..., None], x, 1.0)), inside


class SphericalDistribution(OnSphere):
    """A law on S^d in R^m, m = d + 1, that depends on the angle to a unit vector mu and one parameter.

    >>> import torch, hyperdist_torch as ht
    >>> law = ht.SphericalRiemannianNormal(torch.eye(3)[2], 0.1)
    >>> law.variance, law.radius.icdf(torch.tensor(0.5))  # about 2 sigma^2; the median angle, about sigma sqrt(2 log 2)
    (tensor(0.0199), tensor(0.1175))
    """

    _name: str
    """The parameter's name: sigma or kappa."""

    _summary: type[SphericalSummary] = SphericalSummary
    """What divergences know the law's kernel by."""

    def _set(self, mu: Tensor, parameter: Tensor, validate_args: bool | None) -> None:
        _parameters.vector(mu, "mu", 2)
        batch = _parameters.batch(mu=mu.shape[:-1], **{self._name: parameter.shape})
        self.mu = mu.expand(batch + mu.shape[-1:])
        setattr(self, self._name, parameter.expand(batch))
        super().__init__(batch, mu.shape[-1:], validate_args=validate_args)

    @property
    def _batched(self) -> tuple[str, ...]:  # type: ignore[override]
        return "mu", self._name

    @property
    def variance(self) -> Tensor:
        """E of the squared angle to mu, (*batch)."""
        measure = self._measure()
        return measure.mean(measure.y.square()).to(self._dtype)

    @property
    def radius(self) -> Radius:
        """The law of the angle to mu, (*batch)."""
        law = KernelRadial(self._law)
        parameter = getattr(self, self._name)
        return Radius(law, parameter, dtype=self._dtype, validate_args=self._validate_args)

    @property
    @abstractmethod
    def _law(self) -> Law: ...

    @property
    def _theta(self) -> Tensor:
        return getattr(self, self._name).double()

    def summary(self) -> SphericalSummary:
        """What divergences ask of the law."""
        d, mu, theta = self.event_shape[0] - 1, unit(self.mu.double()), self._theta
        radius = radial(self._law, theta, log_sphere_area(d))
        return self._summary(d, len(self.batch_shape), radius, mu, **{self._name: theta})

    def _measure(self) -> Measure:
        return self._law.measure(self._theta)

    def _fixed(self) -> Fixed:
        return Fixed(self._law, self._theta, self._dtype)

    def _log_z(self, radial: Measure | Fixed) -> Tensor:
        """Log integral of the kernel over the sphere from that of the angle's law, float64."""
        return log_sphere_area(self.event_shape[0] - 1) + radial.log_normalizer

    @abstractmethod
    def _kernel(self, angle: Tensor) -> Tensor:
        """The law's log kernel at an angle, float64."""

    def _draw(
        self, shape: torch.Size, model: str | None, method: str, generator: torch.Generator | None, density: bool
    ) -> tuple[Tensor, Tensor | None]:
        fixed = self._fixed()
        angle, direction = draw_radius(fixed, shape, method, generator)
        x = sphere.exp_polar(unit(self.mu), angle.to(self._dtype), direction)
        if not density:
            return x, None
        return x, (self._kernel(angle) - self._log_z(fixed)).to(self._dtype)
