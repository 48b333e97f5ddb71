"""The Riemannian normal on hyperbolic space, in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hyperdist.arrays.namespace import constant
from hyperdist.distributions.summaries import RiemannianNormalSummary
from hyperdist.geometry import conversions
from hyperdist.radial.riemannian_normal import HyperbolicKernel
from hyperdist_torch._law import Fixed, Law, Measure
from hyperdist_torch.constraints import non_negative, scale
from hyperdist_torch.distributions._radial import KernelRadial
from hyperdist_torch.distributions._summaries import radial
from hyperdist_torch.distributions.base import draw
from hyperdist_torch.distributions.hyperbolic import HyperbolicDistribution, hold
from hyperdist_torch.distributions.radius import Radius
from hyperdist_torch.fast.draw import Joined, log_normalizer
from hyperdist_torch.fast.node import twins


def _place(sigma: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """w = c sigma^2 and sigma, float64."""
    wide = sigma.double()
    return c.double() * wide * wide, wide


class RiemannianNormal(HyperbolicDistribution):
    """Density prop. to exp(-dist(x, mu)^2/(2 sigma^2)) on hyperbolic space of curvature -c (Pennec 2006).

    mu    : (*batch, d)  the Frechet mean, in ball coordinates, sqrt(c) |mu| < 1, or any vector for model="tangent"
    sigma : (*batch)     scale in geodesic length, 1e-15 to 1e15 in float32, 1e-150 to 1e150 in float64
    c     : (*batch)     size of the curvature, c >= 0; at 0 the isotropic normal on R^d
    model : the coordinates of mu and, where no others are asked for, of points: "poincare" (default), or "tangent",
            exponential coordinates at the origin, which hold any radius
    Sampling  exact, by rejection from a gamma, a normal or a truncated normal hat (at least 0.907 of the proposals
              accepted), or by inversion of the radial cdf; gradients in mu, sigma and c.
    float32   on a CPU draws, in place of rejection, from a table of the radius as a function of a normal number:
              relative error 1e-8, a sixth of the dtype's rounding, and 1e-6 in the derivative; six draws in ten million
              lie beyond it and are inverted exactly. A first draw in d dimensions makes it: 0.15 s and 300 KB. Under
              ``torch.func``, ``vmap`` and traces draws are by rejection: others for the same seed.
    Accuracy  that of ``hyperdist.RiemannianNormal``: radial constants are float64 inside, results have the dtype given.
    Source    Mathieu et al. 2019 (arXiv 1901.06033), section 3 and appendix B.

    >>> import torch, hyperdist_torch
    >>> q = hyperdist_torch.RiemannianNormal(torch.zeros(2), 1.0, c=1.0)
    >>> round(q.log_normalizer().item(), 5)
    2.18195
    >>> q.rsample((3,)).shape
    torch.Size([3, 2])
    >>> pair = hyperdist_torch.RiemannianNormal(torch.zeros(2), 0.5, torch.tensor([0.0, 1.0]))  # flat, and curved
    >>> pair.variance, pair.entropy()  # flat: d sigma^2 and log(2 pi e sigma^2)
    (tensor([0.5000, 0.5424]), tensor([1.4516, 1.6203]))
    >>> pair.radius.cdf(torch.tensor(1.0))  # the share of draws within 1 of mu; flat: 1 - exp(-2)
    tensor([0.8647, 0.8418])
    >>> x = torch.tensor([0.5, 0.0], requires_grad=True)
    >>> torch.autograd.grad(q.log_prob(x), x)[0][0]  # -2 log(3)/(1 - |x|^2)
    tensor(-2.9296)
    """

    @property
    def arg_constraints(self) -> dict[str, Any]:  # type: ignore[override]
        """What the parameters must satisfy."""
        return {"mu": self.support, "sigma": scale, "c": non_negative}

    @property
    def _spread_dimension(self) -> int:
        return self.event_shape[0]

    @property
    def _law(self) -> Law:
        return Law(HyperbolicKernel, self.event_shape[0])

    @property
    def _theta(self) -> Tensor:
        """w = c sigma^2, float64."""
        return _place(self.sigma, self.c)[0]

    def _measure(self) -> Measure:
        return self._law.measure(self._theta)

    def _fixed(self) -> Fixed:
        return Fixed(self._law, self._theta, self._dtype)

    def _log_z(self, radial: Measure | Fixed) -> Tensor:
        """Log normaliser from that of y = r/sigma, float64."""
        return log_normalizer(self.event_shape[0], self.sigma.double().log(), radial.log_normalizer)

    def summary(self) -> RiemannianNormalSummary:
        """What divergences ask of the law."""
        sigma = self.sigma.double()
        radius = radial(self._law, self._theta, log_normalizer(self.event_shape[0], sigma.log(), 0.0))
        return RiemannianNormalSummary(**self._about_centre(), sigma=sigma, radius=radius)

    @property
    def radius(self) -> Radius:
        """The law of dist(x, mu), (*batch)."""
        law, checked = KernelRadial(self._law), self._validate_args
        return Radius(law, self.sigma, self.c, place=_place, dtype=self._dtype, validate_args=checked)

    def log_normalizer(self) -> Tensor:
        """Log integral of exp(-dist^2/(2 sigma^2)) over the space, in nats, (*batch); differentiable twice and more."""
        return self._log_z(self._fixed()).to(self._dtype)

    @property
    def variance(self) -> Tensor:
        """E dist(x, mu)^2, (*batch)."""
        measure = self._measure()
        return (self.sigma.double().square() * measure.mean(measure.y.square())).to(self._dtype)

    def entropy(self) -> Tensor:
        """Differential entropy with respect to Riemannian volume, in nats, (*batch)."""
        measure = self._measure()
        return (self._log_z(measure) + 0.5 * measure.mean(measure.y.square())).to(self._dtype)

    def log_prob(self, value: Tensor, *, model: str | None = None) -> Tensor:
        """Log density at points in the coordinates of ``model`` (the law's own by default), (*broadcast).

        Gradients in value, mu, sigma and c, of any order, finite and right at value = mu too.
        """
        x, inside, model = self._read(value, model)
        kernel = -0.5 * self._dist_sq(x, model) / (self.sigma * self.sigma)
        return self._outside(kernel - self.log_normalizer(), inside, value)

    def _draw(
        self, shape: torch.Size, model: str | None, method: str, generator: torch.Generator | None, density: bool
    ) -> tuple[Tensor, Tensor | None]:
        fixed, mu = self._fixed(), self._tangent_mu
        drawn = draw(fixed, shape, method, generator)
        joined, given = Joined(fixed, drawn, density), (mu, self.sigma, self.c)
        solved = joined.solved(*given) if self._followed else None
        if solved is not None:
            x, *log_q = joined.follow(solved, *given)
            model = model or self.model
            x = hold(conversions.from_tangent(x, self.c, model), self.c, model, self.mu, self.sigma)
            return x, log_q[0] if density else None
        y = fixed.follow(drawn.y, drawn.slope if twins() else None)
        x = self._place((self.sigma.double() * y).to(self._dtype), drawn.direction, model)
        return x, (-0.5 * y * y - self._log_z(fixed)).to(self._dtype) if density else None

    @property
    def _followed(self) -> bool:
        """Whether derivatives of draws may be asked for."""
        return not constant(self.mu, self.sigma, self.c)
