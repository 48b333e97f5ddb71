"""Finite mixtures of one family, in torch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NoReturn

import torch
from torch import Tensor
from torch.distributions import constraints

from hyperdist import checks
from hyperdist.distributions.any_mixture import (
    AnyMixture,
    check_labelled,
    check_shapes,
    log_sum,
    posterior,
    two_curvatures,
)
from hyperdist.spaces import ProductSpace
from hyperdist_torch import _parameters
from hyperdist_torch._host import holds, seen
from hyperdist_torch.distributions.base import ManifoldDistribution
from hyperdist_torch.distributions.batched import BatchedDistribution
from hyperdist_torch.distributions.product import ProductPoint


class Mixture(AnyMixture, BatchedDistribution):  # type: ignore[misc]
    """The law of a draw from a component chosen at random.

    weights   : (*batch, K)  >= 0; their sum is 1 to 1e-6, and what is left of that is divided out
    component : a law of this package of batch shape (*batch, K), whose last batch axis is the mixture's
    ``log_prob`` has gradients in the weights, the components' parameters and the value; a draw has none, since a
    choice cannot move continuously: ``has_rsample`` is False, as torch's own ``MixtureSameFamily``'s.
    ``mean``, ``variance``, ``mode`` and ``entropy`` have no closed form and raise NotImplementedError, with what to
    estimate them from, the first three as attributes that it lacks; E dist^2 to a mixture's mean is not the mixture of
    its components' variances.

    >>> import torch, hyperdist_torch
    >>> q = hyperdist_torch.Mixture([0.3, 0.7], hyperdist_torch.VonMisesFisher(torch.eye(3)[:2], [20.0, 5.0]))
    >>> q.sample((4,)).shape
    torch.Size([4, 3])
    >>> x = q.sample((100,))
    >>> q.log_prob(x).shape, q.responsibilities(x).shape, bool(q.support.check(x).all())
    (torch.Size([100]), torch.Size([100, 2]), True)
    >>> q.space, q.space.frechet_mean(x).shape  # in place of q.mean
    (Sphere(), torch.Size([3]))
    """

    _estimates = {  # noqa: RUF012 - a constant
        "entropy": "-log_prob averaged over draws: -q.log_prob(q.sample((n,))).mean(0)",
        "mean": "the Frechet mean of draws, as hyperdist's spaces work it out (frechet_mean)",
    }

    has_rsample = False

    _batched = ("weights", "component")

    weights: Tensor

    def __init__(self, weights: Any, component: ManifoldDistribution, validate_args: bool | None = None) -> None:
        if not isinstance(component, ManifoldDistribution):
            raise TypeError(f"component must be a law of hyperdist_torch, got {component!r}")
        like = torch.zeros(1, dtype=component._dtype, device=component._device)
        weights = _parameters.vector(_parameters.tensors(weights=weights, like=like)["weights"], "weights")
        shape, given = component.batch_shape, weights.shape
        check_shapes(tuple(given), tuple(shape))
        self.weights, self.component = weights.expand(shape), component
        super().__init__(shape[:-1], component.event_shape, validate_args=validate_args)
        for c in component._curvatures() if self._validate_args else []:
            if not holds(c == c[..., :1]):
                raise two_curvatures(c)

    def __repr__(self) -> str:
        return f"Mixture(weights: {self.weights.size()}, component: {self.component})"

    @property
    def space(self) -> Any:
        """The space of the components, as ``hyperdist`` has it."""
        return _first_space(self.component.space)  # type: ignore[attr-defined]

    @property
    def arg_constraints(self) -> dict[str, Any]:  # type: ignore[override]
        """What the weights must satisfy."""
        return {"weights": constraints.simplex}

    @constraints.dependent_property(is_discrete=False, event_dim=1)
    def support(self) -> Any:  # type: ignore[override]
        """The components' support."""
        return _first(self.component.support)

    @property
    def _shares(self) -> Tensor:
        return self.weights / self.weights.sum(dim=-1, keepdim=True)

    def log_normalizer(self) -> Tensor:
        """0, (*batch): the density itself is the kernel.

        >>> import torch, hyperdist_torch as ht
        >>> ht.Mixture(torch.tensor([0.3, 0.7]), ht.RiemannianNormal(torch.zeros(2, 2), 1.0)).log_normalizer()
        tensor(0.)
        """
        return torch.zeros_like(self.weights[..., 0])

    def log_prob(self, value: Tensor, *, model: str | None = None) -> Tensor:
        """Log density at points, (*broadcast), in the coordinates of ``model`` on hyperbolic space; -inf off the space.

        Gradients in the weights, also where one is 0, in the components' parameters and in value.
        """
        return log_sum(self._each(value, model), self._shares)

    def responsibilities(self, value: Tensor, *, model: str | None = None) -> Tensor:
        """Posterior probability of each component at points, (*broadcast, K); NaN off the space."""
        return posterior(self._each(value, model), self._shares)

    def predict_proba(self, x: Tensor, *, model: str | None = None) -> Tensor:
        """``responsibilities`` of observations x (n, k), (n, *batch, K): scikit-learn's name, gradients kept.

        >>> import torch, hyperdist_torch as ht
        >>> q = ht.Mixture([0.5, 0.5], ht.VonMisesFisher(torch.eye(2), [2.0, 2.0]))
        >>> q.predict_proba(torch.tensor([[0.6, 0.8], [0.8, 0.6]]))  # odds exp(2 (0.8 - 0.6))
        tensor([[0.4013, 0.5987],
                [0.5987, 0.4013]])
        """
        return self.responsibilities(self._rows(x), model=model)

    def predict(self, x: Tensor, *, model: str | None = None) -> Tensor:
        """The likeliest component of each observation x (n, k), integers (n, *batch).

        Raises ValueError for rows that are no points, whose probabilities are NaN.

        >>> import torch, hyperdist_torch
        >>> q = hyperdist_torch.Mixture([0.5, 0.5], hyperdist_torch.VonMisesFisher(torch.eye(2), [9.0, 9.0]))
        >>> q.predict(torch.tensor([[0.6, 0.8], [0.8, 0.6]]))
        tensor([1, 0])
        """
        share = self.predict_proba(x, model=model)
        bad = torch.isnan(share).any(dim=-1)
        if not holds(~bad):
            check_labelled(seen(bad).cpu().numpy())
        return torch.argmax(share, dim=-1)

    def score_samples(self, x: Tensor, *, model: str | None = None) -> Tensor:
        """``log_prob`` of observations x (n, k), (n, *batch).

        >>> import torch, hyperdist_torch as ht
        >>> q = ht.Mixture([0.5, 0.5], ht.VonMisesFisher(torch.eye(2), [9.0, 9.0]))
        >>> q.score_samples(torch.tensor([[0.0, 1.0], [-0.6, -0.8]]))  # the second is an outlier
        tensor([ -0.5281, -14.7753])
        """
        return self.log_prob(self._rows(x), model=model)

    def _rows(self, x: Tensor) -> Tensor:
        """Observations with the batch's axes put between."""
        if x.ndim != 2:
            raise ValueError(f"x must have shape (n, k), a row an observation, got shape {tuple(x.shape)}")
        return x.reshape(len(x), *(1,) * len(self.batch_shape), x.shape[1])

    def _each(self, value: Any, model: str | None) -> Tensor:
        """Log densities of the components, (*broadcast, K)."""
        options = {} if model is None else {"model": model}
        _parameters.real(value, "value", self.component._dtype)
        return self.component.log_prob(value.unsqueeze(-2), **options)

    @torch.no_grad()
    def sample(
        self,
        sample_shape: Any = (),
        *,
        model: str | None = None,
        method: str = "rejection",
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draws, sample_shape + batch_shape + event_shape; options as the components' own ``sample`` has them.

        Every component is drawn from and one draw kept, as ``MixtureSameFamily`` does: time and memory are K draws'.
        """
        shape = torch.Size(checks.sample_shape(sample_shape, tuple(self.component.batch_shape + self.event_shape)))
        model = self.component._check_model(model)
        # Tangent coordinates hold any draw: one that is not kept must not raise.
        exact = "tangent" if self.component._models else None
        x = self.component.sample(shape, model=exact, method=method, generator=generator)
        index = self._choose(shape, generator)[..., None, None].expand(*x.shape[:-2], 1, x.shape[-1])
        return self.component._from_tangent(torch.gather(x, -2, index).squeeze(-2), model, (..., 0))

    def _choose(self, shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        """The component of each draw, shape + batch."""
        shares = self.weights.reshape(-1, self.weights.shape[-1])
        n = shape.numel()
        if n * shares.shape[0] == 0:
            return shares.new_zeros(shape + self.batch_shape, dtype=torch.long)
        chosen = torch.multinomial(shares, n, replacement=True, generator=generator)
        return chosen.T.reshape(shape + self.batch_shape)

    def rsample(self, sample_shape: Any = (), **options: Any) -> NoReturn:
        """Not available: the choice of a component has no reparametrisation.

        >>> import torch, hyperdist_torch as ht
        >>> kappa = torch.tensor([20.0, 5.0], requires_grad=True)
        >>> q = ht.Mixture(torch.tensor([0.3, 0.7]), ht.VonMisesFisher(torch.eye(3)[:2], kappa))
        >>> q.rsample()
        Traceback (most recent call last):
        NotImplementedError: a mixture's draws have no reparametrisation: use sample() with log_prob ...
        >>> (q.weights * q.component.rsample((100,))[..., 2].square()).sum(-1).mean().backward()  # sum over them
        >>> kappa.grad.shape
        torch.Size([2])
        """
        raise NotImplementedError(
            "a mixture's draws have no reparametrisation: use sample() with log_prob (the score-function gradient), "
            "or sum over components weights[k] f(component.rsample()[..., k, :])"
        )


def _first(support: Any) -> Any:
    """The support of one component of all that share a space."""
    if isinstance(support, ProductPoint):
        return ProductPoint([_first(part) for part in support.parts], support.widths)
    return type(support)(support.c[..., 0]) if hasattr(support, "c") else support


def _first_space(space: Any) -> Any:
    """The space of one component of all that share it."""
    if isinstance(space, ProductSpace):
        return ProductSpace(*map(_first_space, space.spaces))
    return replace(space, c=space.c[..., 0]) if hasattr(space, "c") else space
