"""Laws on the unit sphere about a direction, in torch: Riemannian normal and von Mises-Fisher."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from hyperdist.geometry import sphere
from hyperdist.radial.spherical_normal import SphericalNormalKernel
from hyperdist.radial.von_mises_fisher import KAPPA_MAX, VonMisesFisherKernel
from hyperdist_torch import _parameters
from hyperdist_torch._law import Law, Measure
from hyperdist_torch.constraints import Positive, scale, unit_sphere, widened
from hyperdist_torch.distributions.spherical_base import SphericalDistribution, unit


class SphericalRiemannianNormal(SphericalDistribution):
    """Density prop. to exp(-dist(x, mu)^2/(2 sigma^2)) on the unit sphere (Pennec 2006; Hauberg 2018).

    mu    : (*batch, m)  unit vectors, m >= 2; the Frechet mean
    sigma : (*batch)     scale in radians
    Sampling  exact, by rejection from a gamma or a spherical Cauchy hat (at least 0.92 of the proposals accepted), on
              the circle by inversion or, where it is nearly uniform, from the second; gradients in mu and sigma.
    Accuracy  as ``RiemannianNormal``.

    >>> import torch, hyperdist_torch as ht
    >>> law = ht.SphericalRiemannianNormal(torch.eye(3)[2], torch.tensor([0.1, 0.5]))
    >>> law.log_prob(torch.eye(3)[2]) + law.log_normalizer()  # the kernel is 1 at mu
    tensor([0., 0.])
    >>> law.entropy(), law.rsample((4,)).shape
    (tensor([-1.7740,  1.2870]), torch.Size([4, 2, 3]))
    """

    _name = "sigma"
    sigma: Tensor

    def __init__(self, mu: Any, sigma: Any, validate_args: bool | None = None) -> None:
        given = _parameters.tensors(mu=widened(mu, "mu"), sigma=sigma)
        self._set(given["mu"], given["sigma"], validate_args)

    @property
    def arg_constraints(self) -> dict[str, Any]:  # type: ignore[override]
        """What the parameters must satisfy."""
        return {"mu": unit_sphere, "sigma": scale}

    @property
    def _law(self) -> Law:
        return Law(SphericalNormalKernel, self.event_shape[0] - 1)

    def _kernel(self, angle: Tensor) -> Tensor:
        return -0.5 * (angle / self._theta).square()

    def log_normalizer(self) -> Tensor:
        """Log integral of exp(-dist^2/(2 sigma^2)) over the sphere, in nats, (*batch)."""
        return self._log_z(self._fixed()).to(self._dtype)

    def entropy(self) -> Tensor:
        """Differential entropy with respect to area, in nats, (*batch)."""
        measure = self._measure()
        second = measure.mean(measure.y.square())
        return (self._log_z(measure) + 0.5 * second / self._theta.square()).to(self._dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density at unit vectors, (*broadcast); the gradient in value is tangent to the sphere."""
        x, inside = self._read(value)
        square = sphere.dist_sq(x, unit(self.mu))
        return self._outside(-0.5 * square / (self.sigma * self.sigma) - self.log_normalizer(), inside, value)


class VonMisesFisher(SphericalDistribution):
    """Density prop. to exp(kappa mu.x) on the unit sphere (Fisher 1953; Mardia & Jupp 2000, 9.3.2).

    mu    : (*batch, m)  unit vectors, m >= 2; the mean direction
    kappa : (*batch)     concentration, 0 <= kappa <= 1e15; at 0 the uniform law, of which mu is one of the means
    Sampling  exact, by rejection from a gamma or a spherical Cauchy hat (Wood 1994), on the circle from two arcs (at
              least 0.90 of the proposals accepted), or by inversion; gradients in mu and kappa.
    Accuracy  that of ``hyperdist.VonMisesFisher``.

    >>> import torch, hyperdist_torch as ht
    >>> law = ht.VonMisesFisher(torch.eye(3)[2], torch.tensor([0.0, 10.0]))  # kappa = 0 is the uniform law
    >>> law.log_normalizer(), law.entropy()  # log(4 pi sinh(kappa)/kappa)
    (tensor([2.5310, 9.5353]), tensor([2.5310, 0.5353]))
    >>> law.mean_resultant_length, law.log_prob(torch.eye(3)[2])  # coth(kappa) - 1/kappa
    (tensor([0.0000, 0.9000]), tensor([-2.5310,  0.4647]))
    >>> law.rsample((5,)).shape
    torch.Size([5, 2, 3])
    """

    _name = "kappa"
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
        return Law(VonMisesFisherKernel, self.event_shape[0] - 1)

    def _kernel(self, angle: Tensor) -> Tensor:
        """kappa (cos angle - 1), whose normaliser lacks a factor e^kappa."""
        return self._theta * self._law.score(angle, self._theta)

    def log_normalizer(self) -> Tensor:
        """Log integral of exp(kappa mu.x) over the sphere, in nats, (*batch)."""
        return (self._theta + self._log_z(self._fixed())).to(self._dtype)

    @property
    def mean_resultant_length(self) -> Tensor:
        """|E x| = I_(m/2)(kappa)/I_(m/2-1)(kappa), (*batch)."""
        return self._resultant(self._measure()).to(self._dtype)

    def _resultant(self, measure: Measure) -> Tensor:
        """|E x|, float64; by parts, kappa E sin^2/d: right for small kappa too."""
        return self._theta * measure.mean(measure.y.sin().square()) / self._law.d

    def _mean_versine(self, measure: Measure) -> Tensor:
        """1 - E mu.x, float64."""
        return -measure.mean(self._law.score(measure.y, self._theta))

    def entropy(self) -> Tensor:
        """Differential entropy with respect to area, in nats, (*batch)."""
        measure = self._measure()
        return (self._log_z(measure) + self._theta * self._mean_versine(measure)).to(self._dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density at unit vectors, (*broadcast); the gradient in value is tangent to the sphere."""
        x, inside = self._read(value)
        chord = x - unit(self.mu)
        # kappa (mu.x - 1) without cancellation near mu
        kernel = -0.5 * self.kappa * (chord * chord).sum(dim=-1)
        return self._outside(kernel - self._log_z(self._fixed()).to(self._dtype), inside, value)
