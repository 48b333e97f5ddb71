"""Laws on the unit sphere, in torch: Riemannian normal, von Mises-Fisher, uniform."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from hyperdist import checks
from hyperdist.distributions.area import log_sphere_area
from hyperdist.radial.von_mises_fisher import KAPPA_MAX
from hyperdist.spaces import sphere
from hyperdist_torch import _parameters, _random
from hyperdist_torch._law import Fixed, Law, Measure
from hyperdist_torch._laws import FisherLaw, SphericalNormalLaw
from hyperdist_torch.constraints import Positive, UnitSphere, positive, unit_sphere
from hyperdist_torch.distributions.base import ManifoldDistribution, draw_radius


def _unit(x: Tensor) -> Tensor:
    """x to the last bit of its dtype on the sphere; gradients are tangent to it."""
    return x / torch.linalg.vector_norm(x, dim=-1, keepdim=True)


class SphericalDistribution(ManifoldDistribution):
    """A law on S^d in R^m, m = d + 1, that depends on the angle to a unit vector mu and one parameter."""

    _name: str
    """The parameter's name: sigma or kappa."""

    mu: Tensor

    def _set(self, mu: Tensor, parameter: Tensor, validate_args: bool | None) -> None:
        _parameters.vector(mu, "mu", 2)
        batch = _parameters.batch(mu=mu.shape[:-1], **{self._name: parameter.shape})
        self.mu = mu.expand(batch + mu.shape[-1:])
        setattr(self, self._name, parameter.expand(batch))
        super().__init__(batch, mu.shape[-1:], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=1)
    def support(self) -> UnitSphere:  # type: ignore[override]
        """The unit sphere."""
        return unit_sphere

    def expand(self, batch_shape: Any, _instance: Any = None) -> Self:
        """This law with its parameters expanded to ``batch_shape``."""
        new: Any = self._get_checked_instance(type(self), _instance)
        batch = torch.Size(batch_shape)
        new.mu = self.mu.expand(batch + self.event_shape)
        setattr(new, self._name, getattr(self, self._name).expand(batch))
        Distribution.__init__(new, batch, self.event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @property
    def mean(self) -> Tensor:
        """The Frechet mean mu, (*batch, m)."""
        return self.mu

    @property
    def mode(self) -> Tensor:
        """The direction of largest density, mu, (*batch, m)."""
        return self.mu

    @property
    def variance(self) -> Tensor:
        """E of the squared angle to mu, (*batch)."""
        measure = self._measure()
        return measure.mean(measure.nodes.square()).to(self._dtype)

    @property
    def _dtype(self) -> torch.dtype:
        return self.mu.dtype

    @property
    @abstractmethod
    def _law(self) -> Law: ...

    @property
    def _theta(self) -> Tensor:
        return getattr(self, self._name).double()

    def _measure(self) -> Measure:
        return self._law.measure(self._theta)

    def _fixed(self) -> Fixed:
        return Fixed(self._law, self._theta)

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
        x = sphere.exp_polar(_unit(self.mu), angle.to(self._dtype), direction.to(self._dtype))
        if not density:
            return x, None
        return x, (self._kernel(angle) - self._log_z(fixed)).to(self._dtype)


class SphericalRiemannianNormal(SphericalDistribution):
    """Density prop. to exp(-dist(x, mu)^2/(2 sigma^2)) on the unit sphere (Pennec 2006; Hauberg 2018).

    mu    : (*batch, m)  unit vectors, m >= 2; the Frechet mean
    sigma : (*batch)     scale in radians
    Sampling and accuracy  as ``RiemannianNormal``.
    """

    _name = "sigma"
    sigma: Tensor

    def __init__(self, mu: Any, sigma: Any, validate_args: bool | None = None) -> None:
        given = _parameters.tensors(mu=mu, sigma=sigma)
        self._set(given["mu"], given["sigma"], validate_args)

    @property
    def arg_constraints(self) -> dict[str, Any]:  # type: ignore[override]
        """What the parameters must satisfy."""
        return {"mu": unit_sphere, "sigma": positive}

    @property
    def _law(self) -> SphericalNormalLaw:
        return SphericalNormalLaw(self.event_shape[0] - 1)

    def _kernel(self, angle: Tensor) -> Tensor:
        return -0.5 * (angle / self._theta).square()

    def log_normalizer(self) -> Tensor:
        """Log integral of exp(-dist^2/(2 sigma^2)) over the sphere, in nats, (*batch)."""
        return self._log_z(self._fixed()).to(self._dtype)

    def entropy(self) -> Tensor:
        """Differential entropy with respect to area, in nats, (*batch)."""
        measure = self._measure()
        second = measure.mean(measure.nodes.square())
        return (self._log_z(measure) + 0.5 * second / self._theta.square()).to(self._dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density at unit vectors, (*broadcast); the gradient in value is tangent to the sphere."""
        x = self._check_value(value, unit_sphere, self.event_shape[0])
        square = sphere.dist_sq(_unit(x), _unit(self.mu))
        return -0.5 * square / (self.sigma * self.sigma) - self.log_normalizer()


class VonMisesFisher(SphericalDistribution):
    """Density prop. to exp(kappa mu.x) on the unit sphere (Fisher 1953; Mardia & Jupp 2000, 9.3.2).

    mu    : (*batch, m)  unit vectors, m >= 2; the mean direction
    kappa : (*batch)     concentration, 0 < kappa <= 1e15
    Sampling  exact, by rejection (Wood's hat or a gamma hat), or by inversion; gradients in mu and kappa.
    Accuracy  that of ``hyperdist.VonMisesFisher``.
    """

    _name = "kappa"
    kappa: Tensor

    def __init__(self, mu: Any, kappa: Any, validate_args: bool | None = None) -> None:
        given = _parameters.tensors(mu=mu, kappa=kappa)
        self._set(given["mu"], given["kappa"], validate_args)

    @property
    def arg_constraints(self) -> dict[str, Any]:  # type: ignore[override]
        """What the parameters must satisfy."""
        return {"mu": unit_sphere, "kappa": Positive(KAPPA_MAX)}

    @property
    def _law(self) -> FisherLaw:
        return FisherLaw(self.event_shape[0] - 1)

    def _kernel(self, angle: Tensor) -> Tensor:
        """kappa (cos angle - 1), whose normaliser lacks a factor e^kappa."""
        return self._theta * self._law.score(angle, self._theta)

    def log_normalizer(self) -> Tensor:
        """Log integral of exp(kappa mu.x) over the sphere, in nats, (*batch)."""
        return (self._theta + self._log_z(self._fixed())).to(self._dtype)

    @property
    def mean_resultant_length(self) -> Tensor:
        """|E x| = I_(m/2)(kappa)/I_(m/2-1)(kappa), (*batch)."""
        measure = self._measure()
        # By parts, kappa E sin^2/d: right for small kappa too.
        return (self._theta * measure.mean(measure.nodes.sin().square()) / self._law.d).to(self._dtype)

    def _mean_versine(self, measure: Measure) -> Tensor:
        """1 - E mu.x, float64."""
        return -measure.mean(self._law.score(measure.nodes, self._theta))

    def entropy(self) -> Tensor:
        """Differential entropy with respect to area, in nats, (*batch)."""
        measure = self._measure()
        return (self._log_z(measure) + self._theta * self._mean_versine(measure)).to(self._dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density at unit vectors, (*broadcast); the gradient in value is tangent to the sphere."""
        x = self._check_value(value, unit_sphere, self.event_shape[0])
        chord = _unit(x) - _unit(self.mu)
        # kappa (mu.x - 1) without cancellation near mu
        return -0.5 * self.kappa * (chord * chord).sum(dim=-1) - self._log_z(self._fixed()).to(self._dtype)


class SphericalUniform(ManifoldDistribution):
    """The uniform law on the unit sphere S^d in R^(d+1).

    d : int >= 1; dtype and device are those of the draws. Every point is a Frechet mean and a mode; ``mean`` and
    ``mode`` are the first axis.
    """

    def __init__(
        self,
        d: Any,
        *,
        dtype: torch.dtype | None = None,
        device: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        d = checks.dimension(d)
        self._first = _parameters.tensors(axis=torch.eye(1, d + 1, dtype=dtype, device=device)[0])["axis"]
        super().__init__(torch.Size(), torch.Size((d + 1,)), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Self:
        """This law with batch shape ``batch_shape``."""
        new: Any = self._get_checked_instance(type(self), _instance)
        new._first = self._first
        Distribution.__init__(new, torch.Size(batch_shape), self.event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @property
    def arg_constraints(self) -> dict[str, Any]:  # type: ignore[override]
        """It has no parameters."""
        return {}

    @constraints.dependent_property(is_discrete=False, event_dim=1)
    def support(self) -> UnitSphere:  # type: ignore[override]
        """The unit sphere."""
        return unit_sphere

    @property
    def _dtype(self) -> torch.dtype:
        return self._first.dtype

    @property
    def mean(self) -> Tensor:
        """The first axis, (*batch, d + 1)."""
        return self._first.expand(self.batch_shape + self.event_shape)

    @property
    def mode(self) -> Tensor:
        """The first axis, (*batch, d + 1)."""
        return self.mean

    def _even(self, value: Tensor) -> Tensor:
        return value.to(self._dtype).expand(self.batch_shape)

    def _measure(self) -> Measure:
        """The angle to any point: the von Mises-Fisher law's at kappa = 0."""
        law = FisherLaw(self.event_shape[0] - 1)
        return law.measure(torch.zeros((), dtype=torch.float64, device=self._first.device))

    @property
    def variance(self) -> Tensor:
        """E of the squared angle to any one point, (*batch)."""
        measure = self._measure()
        return self._even(measure.mean(measure.nodes.square()))

    def entropy(self) -> Tensor:
        """Log area of the sphere, (*batch)."""
        area = log_sphere_area(self.event_shape[0])
        return torch.full(self.batch_shape, area, dtype=self._dtype, device=self._first.device)

    def log_prob(self, value: Tensor) -> Tensor:
        """Minus the log area, (*broadcast)."""
        x = self._check_value(value, unit_sphere, self.event_shape[0])
        return (x * 0.0).sum(dim=-1) - self.entropy()

    def _draw(
        self, shape: torch.Size, model: str | None, method: str, generator: torch.Generator | None, density: bool
    ) -> tuple[Tensor, Tensor | None]:
        m = self.event_shape[0]
        x = _random.directions(shape.numel(), m, self._first.double(), generator).reshape((*shape, m)).to(self._dtype)
        return x, -self.entropy().expand(shape) if density else None
