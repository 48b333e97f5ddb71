"""The uniform law on the unit sphere, in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hyperdist import checks
from hyperdist.distributions.area import log_sphere_area
from hyperdist.distributions.summaries import Radial, SphericalSummary
from hyperdist.radial.von_mises_fisher import VonMisesFisherKernel
from hyperdist_torch import _parameters, _random
from hyperdist_torch._law import Law, Measure
from hyperdist_torch.distributions._radial import KernelRadial
from hyperdist_torch.distributions._summaries import radial
from hyperdist_torch.distributions.radius import Radius
from hyperdist_torch.distributions.spherical_base import OnSphere


class SphericalUniform(OnSphere):
    """The uniform law on the unit sphere S^d in R^(d+1).

    d : int >= 1; dtype and device are those of the draws. Every point is a Frechet mean and a mode; ``mean`` and
    ``mode`` are the first axis.

    >>> import torch, hyperdist_torch as ht
    >>> globe = ht.SphericalUniform(2, dtype=torch.float64)
    >>> x = globe.rsample((4,))
    >>> globe.log_prob(x)  # -log(4 pi)
    tensor([-2.5310, -2.5310, -2.5310, -2.5310], dtype=torch.float64)
    >>> globe.entropy().item() == -globe.log_prob(x)[0].item(), round(globe.variance.item(), 6)  # (pi^2 - 4)/2
    (True, 2.934802)
    >>> torch.equal(globe.log_normalizer(), globe.entropy())
    True
    >>> round(globe.radius.cdf(torch.tensor(torch.pi / 3, dtype=torch.float64)).item(), 6)  # (1 - cos)/2
    0.25
    """

    _batched = ("mu",)

    def __init__(
        self,
        d: Any,
        *,
        dtype: torch.dtype | None = None,
        device: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        d = checks.dimension(d)
        self.mu = _parameters.tensors(axis=torch.eye(1, d + 1, dtype=dtype, device=device)[0])["axis"]
        super().__init__(torch.Size(), torch.Size((d + 1,)), validate_args=validate_args)

    def __repr__(self) -> str:
        return f"SphericalUniform({self.event_shape[0] - 1})"

    @property
    def arg_constraints(self) -> dict[str, Any]:  # type: ignore[override]
        """It has no parameters."""
        return {}

    @property
    def radius(self) -> Radius:
        """The law of the angle to any one point, (*batch)."""
        kappa = torch.zeros(self.batch_shape, dtype=torch.float64, device=self.mu.device)
        law = KernelRadial(Law(VonMisesFisherKernel, self.event_shape[0] - 1))
        return Radius(law, kappa, dtype=self._dtype, validate_args=self._validate_args)

    def summary(self) -> SphericalSummary:
        """What divergences ask of the law."""
        area = torch.full((), log_sphere_area(self.event_shape[0]), dtype=torch.float64, device=self.mu.device)
        angle = radial(Law(VonMisesFisherKernel, self.event_shape[0] - 1), torch.zeros_like(area), 0.0)
        return SphericalSummary(self.event_shape[0] - 1, 0, Radial(angle.nodes, lambda: area))

    def _even(self, value: Tensor) -> Tensor:
        return value.to(self._dtype).expand(self.batch_shape)

    def _measure(self) -> Measure:
        """The angle to any point: the von Mises-Fisher law's at kappa = 0."""
        law = Law(VonMisesFisherKernel, self.event_shape[0] - 1)
        return law.measure(torch.zeros((), dtype=torch.float64, device=self.mu.device))

    @property
    def variance(self) -> Tensor:
        """E of the squared angle to any one point, (*batch)."""
        measure = self._measure()
        return self._even(measure.mean(measure.y.square()))

    def entropy(self) -> Tensor:
        """Log area of the sphere, (*batch)."""
        area = log_sphere_area(self.event_shape[0])
        return torch.full(self.batch_shape, area, dtype=self._dtype, device=self.mu.device)

    def log_normalizer(self) -> Tensor:
        """Log area of the sphere, (*batch); the kernel is 1."""
        return self.entropy()

    def log_prob(self, value: Tensor) -> Tensor:
        """Minus the log area, (*broadcast)."""
        x, inside = self._read(value)
        return self._outside((x * 0.0).sum(dim=-1) - self.entropy(), inside, value)

    def _draw(
        self, shape: torch.Size, model: str | None, method: str, generator: torch.Generator | None, density: bool
    ) -> tuple[Tensor, Tensor | None]:
        m = self.event_shape[0]
        source = _random.Source(generator, self.mu.device, self._dtype)
        x = _random.directions(source, shape.numel(), m).reshape((*shape, m))
        return x, -self.entropy().expand(shape) if density else None
