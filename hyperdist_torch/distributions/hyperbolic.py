"""What laws on hyperbolic space share: the centre, the models, and the isometry from the origin."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import constraints

from hyperdist import checks, spaces
from hyperdist.geometry import conversions, poincare, tangent
from hyperdist.radial.riemannian_normal import check_spread
from hyperdist_torch import _parameters
from hyperdist_torch._host import holds, outside, seen, unseen
from hyperdist_torch.constraints import Hyperboloid, PoincareBall, TangentVector, finite_vector, tangent_vector
from hyperdist_torch.distributions.base import CentredDistribution, ManifoldDistribution
from hyperdist_torch.fast.distance import dist_sq
from hyperdist_torch.fast.polar import exp_polar


class OutOfReach(ValueError):
    """Draws that coordinates of their model and dtype cannot hold."""


def hold(x: Tensor, c: Tensor, model: str, *others: Tensor) -> Tensor:
    """Draws x where the coordinates of ``model`` hold them all, else ``OutOfReach``; c and ``others`` made them."""
    if model == "poincare":
        inside = conversions.holdable(x.detach(), c.detach())
        if not holds(inside):
            _check_finite(c, *others)
            lost, of, _ = outside(inside, x)
            raise OutOfReach(
                f"{lost} of {of} draws lie further from the origin than {x.dtype} ball coordinates "
                "hold: ask for model='tangent', which holds any radius, or model='lorentz'"
            )
    elif not _held(x.detach(), tangent_vector if model == "tangent" else finite_vector):
        _check_finite(c, *others)
        raise OutOfReach(
            f"a draw lies further from the origin than {model} coordinates of {x.dtype} hold: "
            "ask for model='tangent' or a wider dtype"
        )
    return x


def _check_finite(*parameters: Tensor) -> None:
    """Raise where a parameter is not finite: no coordinates would hold the draws."""
    for value in parameters:
        if not holds(finite := torch.isfinite(value)):
            first = outside(finite, value, 0)[2]
            raise OutOfReach(f"parameters must be finite to draw, got {first}: validate_args=True names the parameter")


def _held(x: Tensor, constraint: constraints.Constraint) -> bool:
    flat = x.reshape(-1)
    # One product costs a tenth of a look at each vector, and where it is finite they all are.
    return holds(torch.isfinite(flat @ flat)) or holds(constraint.check(x))


class OnHyperbolicSpace(ManifoldDistribution):
    """A law on hyperbolic space of curvature -c: the models of its points.

    >>> import torch, hyperdist_torch as ht
    >>> law = ht.RiemannianNormal(torch.zeros(2), 1.0, c=0.25)
    >>> law.support, law.support.check(torch.tensor([[1.9, 0.0], [2.1, 0.0]]))  # a ball of radius 2
    (PoincareBall(sqrt(c) |x| < 1, c = 0.25), tensor([ True, False]))
    >>> law.space.dist(law.mu, torch.tensor([1.0, 0.0]))  # 4 artanh(1/2)
    tensor(2.1972)
    """

    c: Tensor
    model: str
    """The coordinates of points where no others are asked for: "poincare" or "tangent"."""

    @property
    def space(self) -> spaces.PoincareBall | spaces.Tangent:
        """The space of ``hyperdist``, in the coordinates of mu and, by default, of the draws."""
        return (spaces.PoincareBall if self.model == "poincare" else spaces.Tangent)(self.c)

    @constraints.dependent_property(is_discrete=False, event_dim=1)
    def support(self) -> PoincareBall | TangentVector:  # type: ignore[override]
        """Where draws lie, in the law's own coordinates: the ball, or all vectors whose length can be squared."""
        return PoincareBall(self.c) if self.model == "poincare" else TangentVector(self.c)

    @property
    def _models(self) -> tuple[str, ...]:
        return (self.model, *(other for other in conversions.MODELS if other != self.model))

    def _curvatures(self) -> list[Tensor]:
        return [self.c]

    def _from_tangent(self, x: Tensor, model: str | None, index: Any) -> Tensor:
        model, c = model or self.model, self.c[index].detach()
        return x if model == "tangent" else hold(conversions.from_tangent(x, c, model), c, model)

    def _check_model(self, model: str | None) -> str | None:
        model = super()._check_model(model)
        if model == "lorentz" and self._validate_args:
            checks.hyperboloid(holds(self.c > 0.0))
        return model

    def _read(self, value: Any, model: str | None) -> tuple[Tensor, Tensor, str]:
        """(x, inside, model): points of the model, with the origin standing in for those off the space."""
        model = self._check_model(model)
        assert model is not None
        if model == "poincare":
            constraint: constraints.Constraint = PoincareBall(self.c)
        else:
            constraint = Hyperboloid(self.c) if model == "lorentz" else tangent_vector
        x = self._check_value(value, constraint, self.event_shape[0] + (model == "lorentz"))
        # Whether a point is on the hyperboloid to rounding is for the validation of arguments to say.
        inside = (finite_vector if model == "lorentz" else constraint).check(x)
        return torch.where(inside[..., None], x, 0.0), inside, model


class HyperbolicDistribution(OnHyperbolicSpace, CentredDistribution):  # type: ignore[misc]
    """A law with a centre mu in hyperbolic space of curvature -c."""

    _batched = ("mu", "sigma", "c")

    _spread_dimension = 1
    """The dimension for ``check_spread``: 1 where the radius does not narrow about its mean as c and sigma grow."""

    sigma: Tensor

    def __init__(
        self, mu: Any, sigma: Any, c: Any = 1.0, validate_args: bool | None = None, *, model: str = "poincare"
    ) -> None:
        self._make(mu, {"sigma": sigma}, c, validate_args, model)

    def _make(self, mu: Any, spread: dict[str, Any], c: Any, validate_args: bool | None, model: str) -> None:
        """Set mu, the one parameter of the spread by its name, and c."""
        self.model = checks.choice(model, "model", conversions.CENTRE_MODELS)
        given = _parameters.tensors(mu=mu, **spread, c=c)
        (name,) = spread
        mu, c = _parameters.vector(given["mu"], "mu"), given["c"]
        batch, event, own = self._shapes(mu, name, given[name], c=c.shape)
        self.mu, self.c = mu.expand(batch + event), c.expand(batch)
        setattr(self, name, given[name].expand(batch + own))
        super().__init__(batch, event, validate_args=validate_args)
        if self._validate_args:
            scales = self._deviations().double()
            root = self.c.double().sqrt().reshape(batch + (1,) * (scales.ndim - len(batch)))
            s = seen(root * scales)
            check_spread(s.max().item() if s.numel() and not unseen(s) else 0.0, self._spread_dimension)

    def _shapes(
        self, mu: Tensor, name: str, spread: Tensor, **others: torch.Size
    ) -> tuple[torch.Size, torch.Size, torch.Size]:
        """(batch shape, event shape, shape of one element's spread) of mu, of a spread by its name, and of others."""
        return _parameters.batch(**{"mu": mu.shape[:-1], name: spread.shape}, **others), mu.shape[-1:], torch.Size()

    def _deviations(self) -> Tensor:
        """The scales, (*batch) or (*batch, d)."""
        return self.sigma

    @property
    def _tangent_mu(self) -> Tensor:
        """The centre in exponential coordinates at the origin."""
        return conversions.to_tangent(self.mu, self.c, self.model)

    def _about_centre(self) -> dict[str, Any]:
        """What a summary says of the centre."""
        d, axes, mu, c = self.event_shape[0], len(self.batch_shape), self.mu.double(), self.c.double()
        tangent_mu = self._double_tangent_mu
        return {"d": d, "axes": axes, "model": self.model, "mu": mu, "tangent_mu": tangent_mu, "c": c}

    def _double_tangent_mu(self) -> Tensor:
        return self._tangent_mu.double()

    def _place(self, radius: Tensor, direction: Tensor, model: str | None) -> Tensor:
        """Points at distance ``radius`` from mu along unit vectors of the frame at mu."""
        model = model or self.model
        x = exp_polar(self._tangent_mu, radius, direction, self.c, model)
        return hold(x, self.c, model, self.mu, self._deviations())

    def _dist_sq(self, x: Tensor, model: str) -> Tensor:
        """Squared distance of points from mu, smooth at mu."""
        if model == self.model == "poincare":
            return poincare.dist_sq(x, self.mu, self.c)
        return dist_sq(conversions.to_tangent(x, self.c, model), self._tangent_mu, self.c)

    def _offset(self, x: Tensor, model: str) -> Tensor:
        """log_mu(x) in the frame at mu, (*batch, d); its length is the distance."""
        return tangent.log_frame(self._tangent_mu, conversions.to_tangent(x, self.c, model), self.c)
