"""The power spherical law on the unit sphere, in torch."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from hyperdist.distributions.area import log_sphere_area
from hyperdist.distributions.power_spherical import PowerSphericalSummary
from hyperdist.radial import power_spherical
from hyperdist.radial.power_spherical import PowerSphericalKernel
from hyperdist.radial.von_mises_fisher import KAPPA_MAX
from hyperdist_torch import _parameters
from hyperdist_torch._law import Fixed, Law, Measure
from hyperdist_torch.constraints import Positive, unit_sphere, widened
from hyperdist_torch.distributions.spherical_base import SphericalDistribution, unit


class PowerSpherical(SphericalDistribution):
    """Density prop. to (1 + mu.x)^kappa on the unit sphere (De Cao & Aziz 2020).

    mu    : (*batch, m)  unit vectors, m >= 2; the mean direction
    kappa : (*batch)     concentration, 0 <= kappa <= 1e15; at 0 the uniform law, of which mu is one of the means
    Sampling  exact: (1 + mu.x)/2 is a Beta variable, made of two gamma variables (at least 0.95 of the proposals for
              these accepted), or by inversion; gradients in mu and kappa.
    Accuracy  that of ``hyperdist.PowerSpherical``.

    >>> import torch, hyperdist_torch as ht
    >>> law = ht.PowerSpherical(torch.eye(3)[2], 2.0)
    >>> law.mean_resultant_length.item(), law.rsample((5,)).shape
    (0.5, torch.Size([5, 3]))
    >>> law.log_prob(torch.eye(3)[2]), law.log_normalizer()  # log(3/(4 pi)), log(16 pi/3)
    (tensor(-1.4324), tensor(2.8187))
    >>> bool(law.entropy() < ht.SphericalUniform(2).entropy())
    True
    """

    _name = "kappa"
    _summary = PowerSphericalSummary
    kappa: Tensor

    def __init__(self, mu: Any, kappa: Any, validate_args: bool | None = None) -> None:
        given = _parameters.tensors(mu=widened(mu, "mu"), kappa=kappa)
        self._set(given["mu"], given["kappa"], validate_args)

    @property
    def arg_constraints(self) -> dict[str, Any]:  # type: ignore[override]
        """What the parameters must satisfy."""
        return {"mu": unit_sphere, "kappa": Positive(KAPPA_MAX, or_zero=True)}

    @property
    def _law(self) -> Law:
        return Law(PowerSphericalKernel, self.event_shape[0] - 1)

    def _kernel(self, angle: Tensor) -> Tensor:
        """kappa log((1 + cos angle)/2), whose normaliser lacks a factor 2^kappa."""
        return self._theta * power_spherical.log_share(angle)

    def _log_z(self, radial: Measure | Fixed | None = None) -> Tensor:
        """In closed form: the radius's law is not asked."""
        d = self.event_shape[0] - 1
        return log_sphere_area(d) + power_spherical.log_normalizer(d, self._theta)

    def log_normalizer(self) -> Tensor:
        """Log integral of (1 + mu.x)^kappa over the sphere, in nats, (*batch)."""
        return (math.log(2.0) * self._theta + self._log_z()).to(self._dtype)

    @property
    def mean_resultant_length(self) -> Tensor:
        """|E x| = kappa/(kappa + m - 1), (*batch)."""
        return (self._theta / (self._theta + self._law.d)).to(self._dtype)

    def entropy(self) -> Tensor:
        """Differential entropy with respect to area, in nats, (*batch)."""
        surprise = self._theta * power_spherical.mean_log_share(self._law.d, self._theta)
        return (self._log_z() - surprise).to(self._dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density at unit vectors, (*broadcast); the gradient in value is tangent to the sphere. -inf at -mu."""
        x, inside = self._read(value)
        kernel = power_spherical.log_kernel_of_points(x, unit(self.mu), self.kappa)
        return self._outside(kernel - self._log_z().to(self._dtype), inside, value)
