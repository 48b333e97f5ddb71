"""Laws on the flat torus, in torch: wrapped normal and uniform."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import constraints

from hyperdist import checks
from hyperdist.checks.matrices import SPREADS
from hyperdist.distributions.summaries import ToroidalNormalSummary, ToroidalUniformSummary
from hyperdist.geometry import torus
from hyperdist.radial import circular
from hyperdist.spaces import Torus
from hyperdist_torch import _parameters, _random
from hyperdist_torch.constraints import Angles, angles, finite_vector, positive
from hyperdist_torch.distributions import _torus, spread
from hyperdist_torch.distributions._cdf import at_cdf
from hyperdist_torch.distributions._matrices import WIDE_ANGLES
from hyperdist_torch.distributions._radial import CircleRadial
from hyperdist_torch.distributions.base import ManifoldDistribution
from hyperdist_torch.distributions.radius import Radius

_LOG_TURN = math.log(2.0 * math.pi)


class ToroidalDistribution(ManifoldDistribution):
    """A law on the flat torus (R / 2 pi Z)^d.

    A point is d angles in radians. Draws lie in [-pi, pi); ``log_prob`` takes any finite angles, modulo 2 pi, with a
    warning beyond four turns where arguments are validated, since they are then likely to be degrees.

    >>> import torch, hyperdist_torch as ht
    >>> law = ht.ToroidalWrappedNormal(torch.tensor([1.0, 4.0]), 0.5)
    >>> law.mode, law.support.check(law.sample((100,))).all().item()  # 4 - 2 pi
    (tensor([ 1.0000, -2.2832]), True)
    """

    space = Torus()

    @constraints.dependent_property(is_discrete=False, event_dim=1)
    def support(self) -> Angles:  # type: ignore[override]
        """Angles in [-pi, pi)."""
        return angles

    @property
    def mode(self) -> Tensor:
        """The point of largest density, ``mean``, (*batch, d)."""
        return self.mean

    def _read(self, value: Any) -> tuple[Tensor, Tensor]:
        """(x, inside): angles, 0 in place of those that are not finite."""
        x = self._check_value(value, finite_vector, self.event_shape[0])
        if self._validate_args:
            _parameters.radians(x, "value")
        inside = finite_vector.check(x)
        return torch.where(inside[..., None], x, 0.0), inside


class ToroidalWrappedNormal(spread.Spread, ToroidalDistribution):
    """The law of mu + v modulo 2 pi, v normal with mean 0.

    mu    : (*batch, d)  any finite angles, kept as they are given; ``mean`` is mu in [-pi, pi)
    sigma : scale of each coordinate in radians; broadcasts against mu, as ``Normal``'s
    scale_tril, covariance_matrix : (*batch, d, d), in place of sigma, for correlated angles: the lower triangle L, or
            the symmetric positive definite L L^T, of the covariance of v
    Exactly one of sigma, scale_tril and covariance_matrix is given, else a ValueError says so.
    The kernel is prod_i sum_k exp(-(x_i - mu_i + 2 pi k)^2/(2 sigma_i^2)), of a full covariance
    sum_k exp(-|L^-1 (x - mu + 2 pi k)|^2/2) over integer vectors k.
    Draws are mu + sigma z, wrapped: their gradient is the normal's, and 0 in a sigma above 10, where the law is uniform
    to 4e-22. ``method="inverse"`` moves each coordinate at fixed cdf instead, which stops as the law becomes uniform.
    Those of a full covariance are mu + L z, wrapped, by either method; its standard deviations are at most 1e8, in
    float32 1e3, where draws are rounded to 1e-8 and 1e-4 radians. Its density is worked out in double precision;
    which terms it adds up follows from values, so that no trace or export holds it; compiled code calls it as it is.
    Accuracy  that of ``hyperdist.ToroidalWrappedNormal``, in the dtype given.
    Source    Mardia & Jupp 2000, section 3.5.7.

    >>> import torch, hyperdist_torch
    >>> q = hyperdist_torch.ToroidalWrappedNormal(torch.tensor([0.0, 3.0]), torch.tensor([0.5, 2.0]))
    >>> q.rsample((4,)).shape
    torch.Size([4, 2])
    >>> helix = hyperdist_torch.ToroidalWrappedNormal(torch.deg2rad(torch.tensor([-63.0, -43.0])), 0.2)
    >>> torch.rad2deg(helix.mean).round(), helix.variance, helix.log_prob(helix.mu)  # 2 sigma^2; -log(2 pi sigma^2)
    (tensor([-63., -43.]), tensor(0.0800), tensor(1.3810))
    >>> helix.entropy() - helix.log_normalizer(), helix.radius.cdf(torch.tensor(0.2))  # 1; one deviation
    (tensor(1.0000), tensor([0.6827, 0.6827]))
    """

    mu: Tensor
    sigma: Tensor

    _batched = ("mu", *SPREADS)

    def __init__(
        self,
        mu: Any,
        sigma: Any = None,
        validate_args: bool | None = None,
        *,
        scale_tril: Any = None,
        covariance_matrix: Any = None,
    ) -> None:
        one = spread.one_of(sigma, scale_tril, covariance_matrix)
        given = _parameters.tensors(mu=mu, **one)
        (name,) = one
        mu = _parameters.vector(given["mu"], "mu")
        batch, event, own = self._shapes(mu, name, given[name])
        self.mu = mu.expand(batch + event)
        setattr(self, name, given[name].expand(batch + own))
        super().__init__(batch, event, validate_args=validate_args)
        if self._validate_args:
            _parameters.radians(self.mu, "mu")

    @property
    def arg_constraints(self) -> dict[str, Any]:  # type: ignore[override]
        """What the parameters must satisfy."""
        return {"mu": finite_vector, **self._spread_constraint(positive, WIDE_ANGLES)}

    @property
    def _dtype(self) -> torch.dtype:
        return self.mu.dtype

    @property
    def radius(self) -> Radius:
        """The law of each coordinate's absolute deviation from mu, batch shape (*batch, d)."""
        return Radius(CircleRadial(), self._deviations(), dtype=self._dtype, validate_args=self._validate_args)

    def summary(self) -> ToroidalNormalSummary:
        """What divergences ask of the law."""
        d, axes, mu = self.event_shape[0], len(self.batch_shape), self.mu.double()
        if not self.full:
            return ToroidalNormalSummary(d, axes, mu, _torus.divergence, self.sigma.double())
        tril = self._tril
        return ToroidalNormalSummary(
            d, axes, mu, _torus.divergence, scale_tril=tril.double(), entropy=lambda: _torus.entropy(tril)
        )

    @property
    def mean(self) -> Tensor:
        """The Frechet mean mu, in [-pi, pi), (*batch, d)."""
        return torus.wrap(self.mu)

    @property
    def variance(self) -> Tensor:
        """E dist(x, mu)^2 = sum of E delta_i^2, (*batch); at most d pi^2/3."""
        mean, variance = CircleRadial().moments(self._deviations().double())
        return (variance + mean.square()).sum(dim=-1).to(self._dtype)

    def log_normalizer(self) -> Tensor:
        """Log integral of the kernel, log det(L) + d/2 log(2 pi), det(L) the product of the sigma_i, (*batch)."""
        return self._log_det()

    def entropy(self) -> Tensor:
        """Sum of the coordinates' entropies, each that of the absolute deviation and log 2 for its sign, (*batch).

        Of a full covariance by quadrature over those directions in which the law wraps and is not uniform, at most
        three, else NotImplementedError.
        """
        if self.full:
            return _torus.entropy(self._tril).to(self._dtype)
        each = CircleRadial().entropy(self.sigma.double()) + math.log(2.0)
        return each.sum(dim=-1).to(self._dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density at angles, any finite ones modulo 2 pi, (*broadcast).

        Gradients in value, mu and sigma, of any order, finite and right at value = mu and half a turn from it too.
        """
        x, inside = self._read(value)
        return self._outside(self._log_density(torus.wrap(x - self.mu)), inside, value)

    def _log_density(self, deviation: Tensor) -> Tensor:
        if self.full:
            return _torus.log_density(deviation, self._tril)
        # The density is smooth in the signed deviation; abs would lose the second derivative at 0.
        size = torch.where(deviation < 0.0, -deviation, deviation)
        return (circular.log_density(size, self.sigma) - math.log(2.0)).sum(dim=-1)

    def _draw(
        self, shape: torch.Size, model: str | None, method: str, generator: torch.Generator | None, density: bool
    ) -> tuple[Tensor, Tensor | None]:
        full = shape + self.event_shape
        if method == "inverse" and not self.full:
            deviation = self._by_inversion(full, generator)
        else:
            z = _random.normals(full, self.mu, generator)
            deviation = self._stretched(z) if self.full else circular.deviations(self.sigma, z)
        x = torus.wrap(torus.wrap(self.mu) + deviation)
        return x, self._log_density(torus.wrap(deviation)) if density else None

    def _by_inversion(self, shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        circle, sigma = CircleRadial(), self.sigma.double()
        u = _random.uniform(shape, sigma.device, generator)
        size = circle.quantile(2.0 * torch.minimum(u, 1.0 - u), sigma.detach(), True)
        return torch.copysign(at_cdf(circle, size, sigma), u - 0.5).to(self._dtype)


class ToroidalUniform(ToroidalDistribution):
    """The uniform law on the torus.

    d : int >= 1; dtype and device are those of the draws. Every point is a Frechet mean and a mode; ``mean`` and
    ``mode`` are zeros.

    >>> import torch, hyperdist_torch as ht
    >>> law = ht.ToroidalUniform(2, dtype=torch.float64)
    >>> law.entropy(), law.log_normalizer(), law.log_prob(law.rsample())  # 2 log(2 pi)
    (tensor(3.6758, dtype=torch.float64), tensor(3.6758, dtype=torch.float64), tensor(-3.6758, dtype=torch.float64))
    >>> law.mean, law.variance  # 2 pi^2/3
    (tensor([0., 0.], dtype=torch.float64), tensor(6.5797, dtype=torch.float64))
    """

    def __init__(
        self, d: Any, *, dtype: torch.dtype | None = None, device: Any = None, validate_args: bool | None = None
    ) -> None:
        zeros = torch.zeros(checks.dimension(d), dtype=dtype, device=device)
        self._zeros = _parameters.tensors(zeros=zeros)["zeros"]
        super().__init__(torch.Size(), self._zeros.shape, validate_args=validate_args)

    def __repr__(self) -> str:
        return f"ToroidalUniform({self.event_shape[0]})"

    @property
    def arg_constraints(self) -> dict[str, Any]:  # type: ignore[override]
        """It has no parameters."""
        return {}

    @property
    def _dtype(self) -> torch.dtype:
        return self._zeros.dtype

    def summary(self) -> ToroidalUniformSummary:
        """What divergences ask of the law."""
        return ToroidalUniformSummary(self.event_shape[0], len(self.batch_shape), self.log_normalizer().double())

    def _full(self, value: float) -> Tensor:
        return torch.full(self.batch_shape, value, dtype=self._dtype, device=self._zeros.device)

    @property
    def mean(self) -> Tensor:
        """A Frechet mean, zeros (*batch, d); every point is one."""
        return self._zeros.expand(self.batch_shape + self.event_shape)

    @property
    def variance(self) -> Tensor:
        """E dist^2 to any point, d pi^2/3, (*batch)."""
        return self._full(self.event_shape[0] * math.pi**2 / 3.0)

    def log_normalizer(self) -> Tensor:
        """Log volume of the torus, d log 2 pi, (*batch); the kernel is 1."""
        return self._full(self.event_shape[0] * _LOG_TURN)

    def entropy(self) -> Tensor:
        """Log volume of the torus, d log 2 pi, (*batch)."""
        return self.log_normalizer()

    def log_prob(self, value: Tensor) -> Tensor:
        """Minus the log volume, (*broadcast)."""
        x, inside = self._read(value)
        return self._outside((x * 0.0).sum(dim=-1) - self.entropy(), inside, value)

    def _draw(
        self, shape: torch.Size, model: str | None, method: str, generator: torch.Generator | None, density: bool
    ) -> tuple[Tensor, Tensor | None]:
        u = _random.uniform(tuple(shape + self.event_shape), self._zeros.device, generator)
        x = torus.wrap((2.0 * math.pi * u - math.pi).to(self._dtype))
        return x, -self.entropy().expand(shape) if density else None
