"""What every law has: draws, their density, and the checks of what comes in."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, final

import numpy as np
import torch
from torch import Tensor
from torch.distributions import constraints

from hyperdist import checks
from hyperdist.arrays.namespace import special
from hyperdist.distributions.summaries import Summary
from hyperdist.radial.base import METHODS
from hyperdist_torch import _parameters, _random
from hyperdist_torch._host import holds, outside, plainly
from hyperdist_torch._law import Drawn, Fixed
from hyperdist_torch.distributions.batched import BatchedDistribution


class ManifoldDistribution(BatchedDistribution):
    """A law on a manifold: densities in nats with respect to Riemannian volume, lengths geodesic.

    Draws are reparametrised: gradients in every parameter, of any order, by implicit reparametrisation of the radius
    and through the isometry that carries the origin to mu, never through accept and reject.
    ``validate_args=False`` leaves out the checks that look at values, as everywhere in torch.distributions. They look
    through ``torch.vmap``; in a trace (``make_fx``, ``torch.jit.trace``, ``torch.export``, ``FakeTensorMode``), where
    there is nothing to look at, they are left out.

    A new law sets its parameters, names those that have the batch's axes in ``_batched``, and gives ``_dtype``,
    ``_draw``, ``log_prob``, ``entropy``, ``support`` and ``arg_constraints``; ``mean``, ``mode`` and ``variance`` where
    they are known, and ``summary`` for its divergences.

    >>> import torch, hyperdist_torch as ht
    >>> law = ht.RiemannianNormal(torch.tensor([0.3, 0.0]), 0.5, c=0.0)
    >>> law.mean, law.mode, law.variance  # where they are known
    (tensor([0.3000, 0.0000]), tensor([0.3000, 0.0000]), tensor(0.5000))
    >>> from hyperdist_torch import flows
    >>> flow = flows.Flow(flows.FlowConfig("sphere", 2, hidden=8))()
    >>> hasattr(flow, "mean"), hasattr(flow, "mode"), hasattr(flow, "variance")  # averages of draws estimate them
    (False, False, False)
    """

    has_rsample = True

    @property
    def _models(self) -> tuple[str, ...]:
        """The models of hyperbolic space that points may be asked for in, the law's own first; else none."""
        return ()

    @property
    def mean(self) -> Tensor:
        """The Frechet mean, (*batch, k), where it is known."""
        raise self._unknown("mean")

    @property
    def mode(self) -> Tensor:
        """The point of largest density, (*batch, k), where it is known."""
        raise self._unknown("mode")

    @property
    def variance(self) -> Tensor:
        """E dist^2 to the Frechet mean, where it is known: one number a law, (*batch).

        torch's own laws have one a coordinate there. So ``MixtureSameFamily`` over laws of this package has the right
        ``log_prob`` and draws, but its ``variance`` mistakes this one's shape and its ``mean`` averages coordinates
        across the space: ``Mixture`` is the mixture that says so.
        """
        raise self._unknown("variance")

    def entropy(self) -> Tensor:
        """-E log density in nats, where it is known, (*batch).

        >>> import hyperdist_torch as ht
        >>> ht.SphericalUniform(2).entropy()  # log(4 pi)
        tensor(2.5310)
        """
        raise self._unknown("entropy")

    def _unknown(self, what: str) -> checks.Unavailable:
        return checks.Unavailable(f"the {what} of {type(self).__name__} has no closed form: estimate it from draws")

    def summary(self) -> Summary | None:
        """What divergences ask of the law, in float64; None where it has none."""
        return None

    @property
    @abstractmethod
    def _dtype(self) -> torch.dtype: ...

    @property
    def _device(self) -> torch.device:
        return self.mean.device

    @abstractmethod
    def _draw(
        self, shape: torch.Size, model: str | None, method: str, generator: torch.Generator | None, density: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Draws of shape + event and, where ``density``, their log density."""

    @final
    def rsample(
        self,
        sample_shape: Any = (),
        *,
        model: str | None = None,
        method: str = "rejection",
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Reparametrised draws, sample_shape + batch_shape + event_shape.

        model     : "poincare", "lorentz" or "tangent", hyperbolic coordinates of the draws (default: the law's).
        method    : "rejection" (default; exact) or "inverse" (one uniform a radius, Newton's method on its cdf).
        generator : a ``torch.Generator`` on the parameters' device; None for torch's default one.
        Raises ValueError where ball coordinates of the dtype cannot hold a draw; the message says which model can.

        >>> import torch, hyperdist_torch as ht
        >>> sigma = torch.tensor(0.5, requires_grad=True)
        >>> x = ht.RiemannianNormal(torch.zeros(2), sigma).rsample((1000,), generator=torch.Generator().manual_seed(0))
        >>> x.square().sum(-1).mean().backward()
        >>> bool(sigma.grad > 0.0)  # a wider law lies further out
        True
        >>> ht.RiemannianNormal(torch.zeros(2), 20.0).rsample((5,), model="tangent").shape  # beyond what the ball holds
        torch.Size([5, 2])
        """
        return self._rsample(sample_shape, model, method, generator, False)[0]

    @final
    def rsample_and_log_prob(
        self,
        sample_shape: Any = (),
        *,
        model: str | None = None,
        method: str = "rejection",
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Draws as ``rsample`` makes them and their log density, both with gradients.

        The density is that of the radius drawn, so it is right where coordinates round: no point is read back.

        >>> import torch, hyperdist_torch as ht
        >>> mu = torch.tensor([0.3, 0.1], requires_grad=True)
        >>> posterior, prior = ht.WrappedNormal(mu, 0.5), ht.RiemannianNormal(torch.zeros(2), 1.0)
        >>> z, log_q = posterior.rsample_and_log_prob((64,))
        >>> (log_q - prior.log_prob(z)).mean().backward()  # a Monte Carlo estimate of KL(posterior || prior)
        >>> mu.grad.shape
        torch.Size([2])
        """
        x, log_prob = self._rsample(sample_shape, model, method, generator, True)
        assert log_prob is not None
        return x, log_prob

    @final
    @torch.no_grad()
    def sample(
        self,
        sample_shape: Any = (),
        *,
        model: str | None = None,
        method: str = "rejection",
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """``rsample`` without gradient, in forward mode too, which ``no_grad`` does not switch off.

        >>> import torch, hyperdist_torch as ht
        >>> law = ht.SphericalUniform(2)
        >>> x = law.sample((10, 3), generator=torch.Generator().manual_seed(0))
        >>> x.shape, x.requires_grad, law.support.check(x).all().item()
        (torch.Size([10, 3, 3]), False, True)
        """
        return self._rsample(sample_shape, model, method, generator, False)[0].detach()

    def _rsample(
        self, sample_shape: Any, model: str | None, method: str, generator: torch.Generator | None, density: bool
    ) -> tuple[Tensor, Tensor | None]:
        shape = torch.Size(checks.sample_shape(sample_shape, tuple(self.batch_shape + self.event_shape)))
        checks.choice(method, "method", METHODS)
        return self._draw(shape + self.batch_shape, self._check_model(model), method, generator, density)

    def _check_model(self, model: str | None) -> str | None:
        return checks.model(model, self._models, type(self).__name__)

    def _curvatures(self) -> list[Tensor]:
        """The curvatures c of the space, where it has any, (*batch)."""
        return []

    def _from_tangent(self, x: Tensor, model: str | None, index: Any) -> Tensor:
        """Draws in the coordinates of ``model`` from tangent ones, where there are models, by c[index]."""
        return x

    def _check_value(self, value: Any, constraint: constraints.Constraint, width: int) -> Tensor:
        """``value``, (*batch, width); whether it lies in the support is looked at where arguments are validated."""
        value = _parameters.real(value, "value", self._dtype)
        checks.last_axis(tuple(value.shape), "value", width)
        checks.broadcast(value=tuple(value.shape[:-1]), batch=tuple(self.batch_shape))
        if self._validate_args:
            inside = constraint.check(value)
            if not holds(inside):
                off, of, first = outside(inside, value)
                raise ValueError(
                    f"value must lie in the support {constraint!r}: {off} of {of} points do not, the first is {first}"
                )
        return value

    def _outside(self, log_prob: Tensor, inside: Tensor, value: Tensor) -> Tensor:
        """``log_prob`` inside, -inf off the space, NaN where a coordinate is NaN."""
        off = torch.where(torch.isnan(value).any(dim=-1), torch.nan, -torch.inf).to(log_prob.dtype)
        return torch.where(inside, log_prob, off)


class CentredDistribution(ManifoldDistribution):
    """A law that is symmetric about a centre, which is its Frechet mean and its mode.

    >>> import torch, hyperdist_torch as ht
    >>> law = ht.VonMisesFisher(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 5.0]))  # one centre, two concentrations
    >>> law.mean.tolist(), torch.equal(law.mode, law.mean)
    ([[0.0, 1.0], [0.0, 1.0]], True)
    """

    mu: Tensor

    @property
    def mean(self) -> Tensor:
        """The Frechet mean mu, (*batch, k)."""
        return self.mu

    @property
    def mode(self) -> Tensor:
        """The point of largest density, mu, (*batch, k)."""
        return self.mu

    @property
    def _dtype(self) -> torch.dtype:
        return self.mu.dtype


@torch.no_grad()
def draw(fixed: Fixed, shape: torch.Size, method: str, generator: torch.Generator | None) -> Drawn:
    """Draws of ``shape`` without gradient."""
    n, d, theta = shape.numel(), fixed.law.d, fixed.theta
    if n == 0:
        return Drawn(theta.new_zeros(shape), theta.new_zeros((*shape, d), dtype=fixed.dtype))
    if isinstance(generator, _random.Points):
        return _at_points(fixed, shape, generator)
    if method == "rejection":
        drawn = fixed.tabulated(shape, generator)
        if drawn is not None:
            return drawn
        y, direction = fixed.accept(n, generator)
        return Drawn(y.reshape(shape), direction.reshape((*shape, d)))
    direction = _random.directions(fixed.source(generator), n, d)
    y = fixed.law.quantile(_random.uniform(shape, theta.device, generator), theta.detach())
    return Drawn(y, direction.reshape((*shape, d)))


@plainly
def _at_points(fixed: Fixed, shape: torch.Size, points: _random.Points) -> Drawn:
    """Draws by inversion at points of the unit cube, the radius first."""
    theta, table = fixed.theta.detach(), fixed.table
    direction = np.empty((shape.numel(), fixed.law.d))

    def quantile(u: np.ndarray) -> np.ndarray:
        if table is not None:
            return table.draws(special(np).ndtri(u), theta.reshape(-1).numpy(), False)[0]
        return fixed.law.quantile(torch.from_numpy(u).reshape(shape).to(theta.device), theta).cpu().numpy().reshape(-1)

    y = points.polar(direction, quantile)
    unit = torch.from_numpy(direction).reshape((*shape, fixed.law.d))
    return Drawn(torch.from_numpy(y).reshape(shape).to(theta.device), unit.to(device=theta.device, dtype=fixed.dtype))


def draw_radius(
    fixed: Fixed, shape: torch.Size, method: str, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """(y, direction): radii with their derivatives in theta, (*batch), and unit vectors."""
    drawn = draw(fixed, shape, method, generator)
    return fixed.follow(drawn.y), drawn.direction
