"""The wrapped normal on hyperbolic space, in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hyperdist import checks
from hyperdist.arrays.stable import log_sinhc_sq
from hyperdist.checks.matrices import SPREADS
from hyperdist.distributions.normal_forms import NormalSpread
from hyperdist.distributions.summaries import WrappedNormalSummary
from hyperdist.distributions.wrapped_entropy import in_rows, of_triangles
from hyperdist.radial.riemannian_normal import HyperbolicKernel
from hyperdist_torch import _random
from hyperdist_torch._host import holds
from hyperdist_torch._law import Law
from hyperdist_torch.constraints import non_negative, scale
from hyperdist_torch.distributions import spread
from hyperdist_torch.distributions._radial import KernelRadial
from hyperdist_torch.distributions.hyperbolic import HyperbolicDistribution
from hyperdist_torch.distributions.radius import Radius


def _place(sigma: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor]:
    """0 and the scale of all coordinates, NaN for several: of a trace, or changed in place, which nobody looks at."""
    wide = sigma.double()
    scale = torch.where(wide == wide[..., :1], wide, torch.nan).mean(dim=-1)
    return torch.zeros_like(scale), scale


class WrappedNormal(spread.Spread, HyperbolicDistribution):
    """The law of exp_mu(v), v normal with mean 0 in the orthonormal frame at mu.

    mu    : (*batch, d)  the centre, in ball coordinates, sqrt(c) |mu| < 1, or any vector for model="tangent"
    sigma : scale of each frame coordinate in geodesic length; broadcasts against mu, as ``Normal``'s
    scale_tril, covariance_matrix : (*batch, d, d), in place of sigma: the lower triangle L, or the symmetric positive
            definite L L^T, of a full covariance of v
    c     : (*batch)     size of the curvature, c >= 0; at 0 the normal on R^d
    model : the coordinates of mu and, where no others are asked for, of points: "poincare" (default), or "tangent",
            exponential coordinates at the origin, which hold any radius
    Exactly one of sigma, scale_tril and covariance_matrix is given, else a ValueError says so.
    Density  the normal's at v = log_mu(x) over (sinh(sqrt(c) r)/(sqrt(c) r))^(d-1), r = |v|.
    Source   Nagano et al. 2019 (arXiv 1902.02992); Mathieu et al. 2019, appendix B.2.

    >>> import torch, hyperdist_torch as ht
    >>> law = ht.WrappedNormal(torch.tensor([0.3, 0.1]), torch.tensor([0.5, 2.0]), c=1.0)
    >>> law.rsample((4,)).shape, law.variance, law.log_normalizer()  # 0.5^2 + 2^2; log(2 pi 0.5 2)
    (torch.Size([4, 2]), tensor(4.2500), tensor(1.8379))
    >>> law.log_prob(torch.tensor([0.3, 0.1]))  # minus that, at mu
    tensor(-1.8379)
    >>> bool(law.entropy() > ht.WrappedNormal(law.mu, law.sigma, c=0.0).entropy())  # there is more room
    True
    """

    _batched = ("mu", *SPREADS, "c")

    def __init__(
        self,
        mu: Any,
        sigma: Any = None,
        c: Any = 1.0,
        validate_args: bool | None = None,
        *,
        scale_tril: Any = None,
        covariance_matrix: Any = None,
        model: str = "poincare",
    ) -> None:
        self._make(mu, spread.one_of(sigma, scale_tril, covariance_matrix), c, validate_args, model)

    @property
    def arg_constraints(self) -> dict[str, Any]:  # type: ignore[override]
        """What the parameters must satisfy."""
        return {"mu": self.support, **self._spread_constraint(scale), "c": non_negative}

    def log_normalizer(self) -> Tensor:
        """Log normaliser of exp(-sum (v_i/sigma_i)^2/2) (sqrt(c) r/sinh(sqrt(c) r))^(d-1), (*batch)."""
        return self._log_det()

    @property
    def variance(self) -> Tensor:
        """E dist(x, mu)^2 = sum of sigma_i^2, the trace of the covariance, (*batch)."""
        return self._trace()

    @property
    def radius(self) -> Radius:
        """The law of dist(x, mu), sigma times chi_d.

        Where the coordinates' scales differ there is none: an AttributeError that is a ValueError too.

        >>> import torch, hyperdist_torch as ht
        >>> ht.WrappedNormal(torch.zeros(2), 0.5).radius.icdf(torch.tensor(0.5))  # 0.5 sqrt(2 log 2)
        tensor(0.5887)
        """
        checks.one_scale(not self.full, "a full covariance")
        sigma = self.sigma.double()
        checks.one_scale(holds(sigma == sigma[..., :1]))
        chi, checked = KernelRadial(Law(HyperbolicKernel, self.event_shape[0])), self._validate_args
        return Radius(chi, self.sigma, place=_place, dtype=self._dtype, validate_args=checked)

    def summary(self) -> WrappedNormalSummary:
        """What divergences ask of the law."""
        tril = NormalSpread(scale_tril=self._tril.double()) if self.full else NormalSpread(self.sigma.double())
        return WrappedNormalSummary(**self._about_centre(), mean_log_sinhc=self._mean_log_sinhc, spread=tril)

    def _mean_log_sinhc(self) -> Tensor:
        """E log(sinh(sqrt(c) r)/(sqrt(c) r)), (*batch), float64."""
        if self.full:
            rows = self._tril.double().reshape(-1, *self.event_shape * 2)
            return of_triangles(rows, self.c.double().reshape(-1, 1)).reshape(self.batch_shape)
        d, sigma, c = self.event_shape[0], self.sigma.double(), self.c.double()[..., None]
        # A scale that was given once for all coordinates has been expanded, which its layout tells without a look.
        once = d > 1 and self.sigma.stride(-1) == 0
        sigma, copies = (sigma[..., :1], float(d)) if once else (sigma, 1.0)
        rows = sigma.reshape(-1, sigma.shape[-1])
        fixed = (c.detach().sqrt() * sigma.detach()).reshape(rows.shape)
        return in_rows(rows, c.reshape(-1, 1), fixed, copies).reshape(self.batch_shape)

    def entropy(self) -> Tensor:
        """Differential entropy in nats, (*batch): the normal's, and (d - 1) E log(sinh(sqrt(c) r)/(sqrt(c) r))."""
        d = self.event_shape[0]
        return self.log_normalizer() + 0.5 * d + (d - 1) * self._mean_log_sinhc().to(self._dtype)

    def log_prob(self, value: Tensor, *, model: str | None = None) -> Tensor:
        """Log density at points in the coordinates of ``model`` (the law's own by default), (*broadcast).

        Gradients in value, mu, sigma and c, of any order, finite and right at value = mu too.
        """
        x, inside, model = self._read(value, model)
        v = self._offset(x, model)
        return self._outside(self._log_density(self._whitened(v), v), inside, value)

    def _log_density(self, z: Tensor, v: Tensor) -> Tensor:
        excess = (self.event_shape[0] - 1) * log_sinhc_sq(self.c * (v * v).sum(dim=-1))
        return -0.5 * (z * z).sum(dim=-1) - excess - self.log_normalizer()

    def _draw(
        self, shape: torch.Size, model: str | None, method: str, generator: torch.Generator | None, density: bool
    ) -> tuple[Tensor, Tensor | None]:
        z = _random.normals((*shape, self.event_shape[0]), self.mu, generator)
        v = self._stretched(z)
        radius, direction = _polar(v)
        x = self._place(radius, direction, model)
        return x, self._log_density(z, v) if density else None


def _polar(v: Tensor) -> tuple[Tensor, Tensor]:
    """|v|, (*batch), and v/|v|, 0 for 0, of any v (*batch, d): squares may under- and overflow."""
    size = v.detach().abs().amax(dim=-1, keepdim=True)
    moves = size > 0.0
    size = torch.where(moves, size, 1.0)
    part = v / size
    length = torch.where(moves, (part * part).sum(dim=-1, keepdim=True), 1.0).sqrt()
    return torch.where(moves, size * length, 0.0)[..., 0], part / length
