"""Products of independent laws, in torch, with the points that they are laws of and the map that reaches those."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor
from torch.distributions import biject_to, constraints, transform_to
from torch.distributions.transforms import Transform

from hyperdist import checks
from hyperdist.distributions.product import factors_model
from hyperdist.distributions.summaries import ProductSummary, side_by_side
from hyperdist.geometry import conversions
from hyperdist.geometry.product import join, split
from hyperdist.spaces.product import ProductSpace, sized
from hyperdist_torch import _parameters
from hyperdist_torch.distributions.base import ManifoldDistribution


class Product(ManifoldDistribution):
    """Independent laws side by side: the law of a point on the product of their spaces.

    laws : laws of this package whose draws are reparametrised, products too; their batches broadcast
    A point is the factors' coordinates one after the other, (*batch, k_1 + k_2 + ...); ``split`` and ``join`` go
    between it and its parts. Log densities, entropies, divergences and variances add up; ``mean`` and ``mode`` are the
    joined ones. Each factor spends random numbers of its own, in turn, from the one generator, and draws have the
    gradients of the factors'. ``model`` is for the hyperbolic factors, each of which has its own where none is asked
    for. A flat factor is a normal with c = 0, with model="tangent" in its orthonormal coordinates.
    ``support`` knows its parts, ``biject_to`` maps factor by factor. Values are looked at where the factors validate
    their arguments.
    Raises TypeError for what is no law, ValueError where batches do not broadcast.
    Source   Gu et al. 2019 (ICLR); Skopek et al. 2020 (arXiv 1911.08411).

    >>> import torch, hyperdist_torch as ht
    >>> sphere = ht.VonMisesFisher(torch.tensor([0.0, 0.0, 1.0]), 9.0)
    >>> q = ht.Product(ht.RiemannianNormal(torch.tensor([0.1, 0.2]), 0.5), sphere)
    >>> x, lp = q.rsample_and_log_prob((4,))
    >>> x.shape, [part.shape for part in q.split(x)], torch.allclose(lp, q.log_prob(x), atol=1e-4)
    (torch.Size([4, 5]), [torch.Size([4, 2]), torch.Size([4, 3])], True)
    >>> q.space, q.widths(), torch.equal(q.join(*q.split(x)), x), q.support.check(x).all().item()
    (ProductSpace(PoincareBall(c=tensor(1.), d=2), Sphere(2)), (2, 3), True, True)
    >>> q.mean, torch.equal(q.mode, q.mean)
    (tensor([0.1000, 0.2000, 0.0000, 0.0000, 1.0000]), True)
    >>> torch.isclose(q.entropy(), sum(law.entropy() for law in q.laws))
    tensor(True)
    >>> torch.isclose(q.variance, sum(law.variance for law in q.laws)), q.log_normalizer().shape
    (tensor(True), torch.Size([]))
    """

    _batched = ("laws",)

    laws: tuple[Any, ...]

    def __init__(self, *laws: ManifoldDistribution, validate_args: bool | None = None) -> None:
        if not laws:
            raise ValueError("laws must hold at least one distribution, got none")
        for i, law in enumerate(laws):
            if not isinstance(law, ManifoldDistribution):
                raise TypeError(f"laws[{i}] must be a law of hyperdist_torch with reparametrised draws, got {law!r}")
        batch = _parameters.batch(**{f"laws[{i}]": law.batch_shape for i, law in enumerate(laws)})
        self.laws = tuple(law if law.batch_shape == batch else law.expand(batch) for law in laws)
        event = torch.Size((sum(law.event_shape[0] for law in laws),))
        super().__init__(batch, event, validate_args=validate_args)

    def __repr__(self) -> str:
        return f"Product({', '.join(map(repr, self.laws))})"

    @property
    def arg_constraints(self) -> dict[str, Any]:  # type: ignore[override]
        """It has no parameters but those of its laws."""
        return {}

    @constraints.dependent_property(is_discrete=False, event_dim=1)
    def support(self) -> ProductPoint:  # type: ignore[override]
        """Points of the product, in the factors' own coordinates."""
        return ProductPoint([law.support for law in self.laws], self.widths())

    @property
    def space(self) -> ProductSpace:
        """The product of the laws' spaces, as ``hyperdist`` has it."""
        return ProductSpace(*(sized(law.space, law.event_shape[0]) for law in self.laws))

    @property
    def _models(self) -> tuple[str, ...]:
        return conversions.MODELS if any(law._models for law in self.laws) else ()

    @property
    def _dtype(self) -> torch.dtype:
        return reduce(torch.promote_types, (law._dtype for law in self.laws))

    def widths(self, model: str | None = None) -> tuple[int, ...]:
        """Coordinates of a point of each factor, k_1, k_2, ..., in a model of the hyperbolic ones."""
        return tuple(_width(law, self._model_of(law, model)) for law in self.laws)

    def split(self, value: Tensor, *, model: str | None = None) -> tuple[Tensor, ...]:
        """The coordinates of each factor, (*batch, k_i), of points (*batch, k_1 + k_2 + ...)."""
        widths = self.widths(model)
        checks.last_axis(tuple(value.shape), "value", sum(widths))
        return tuple(split(value, widths))

    def join(self, *parts: Tensor) -> Tensor:
        """The points (*batch, k_1 + k_2 + ...) of their parts (*batch, k_i), whose batches broadcast."""
        if len(parts) != len(self.laws):
            raise ValueError(f"parts must be one for each of the {len(self.laws)} laws, got {len(parts)}")
        return join(parts)

    def log_normalizer(self) -> Tensor:
        """The sum of the laws', (*batch)."""
        return _total(law.log_normalizer() for law in self.laws)

    def entropy(self) -> Tensor:
        """The sum of the laws', in nats, (*batch)."""
        return _total(law.entropy() for law in self.laws)

    @property
    def variance(self) -> Tensor:
        """E dist(x, mean)^2, the sum of the laws', (*batch)."""
        return _total(law.variance for law in self.laws)

    @property
    def mean(self) -> Tensor:
        """The Frechet mean, those of the laws joined, (*batch, k)."""
        return join([law.mean for law in self.laws])

    @property
    def mode(self) -> Tensor:
        """A point of largest density, those of the laws joined, (*batch, k)."""
        return join([law.mode for law in self.laws])

    def summary(self) -> ProductSummary:
        """What divergences ask of the law: those of its factors."""
        return ProductSummary(self.space.d, len(self.batch_shape), side_by_side(self.laws))

    def log_prob(self, value: Tensor, *, model: str | None = None) -> Tensor:
        """Log density at points, (*broadcast), in the coordinates of ``model`` on hyperbolic factors.

        Gradients in value and in the factors' parameters, of any order.
        """
        model = self._check_model(model)
        value = _parameters.real(value, "value", self._dtype)
        checks.broadcast(value=tuple(value.shape[:-1]), batch=tuple(self.batch_shape))
        return _total(
            law.log_prob(part, **({"model": own} if own else {}))
            for law, part, own in self._each(self.split(value, model=model), model)
        )

    def _check_model(self, model: str | None) -> str | None:
        return factors_model(model, self._models, self.laws)

    def _model_of(self, law: Any, model: str | None) -> str | None:
        return law._check_model(model) if law._models else None

    def _each(self, parts: Sequence[Tensor], model: str | None) -> Iterator[tuple[Any, Tensor, str | None]]:
        """(law, its part, its model)."""
        for law, part in zip(self.laws, parts, strict=True):
            yield law, part, self._model_of(law, model)

    def _curvatures(self) -> list[Tensor]:
        return [c for law in self.laws for c in law._curvatures()]

    def _from_tangent(self, x: Tensor, model: str | None, index: Any) -> Tensor:
        parts = split(x, self.widths("tangent" if self._models else None))
        return join([law._from_tangent(part, own, index) for law, part, own in self._each(parts, model)])

    def _draw(
        self, shape: torch.Size, model: str | None, method: str, generator: torch.Generator | None, density: bool
    ) -> tuple[Tensor, Tensor | None]:
        drawn = [law._draw(shape, self._model_of(law, model), method, generator, density) for law in self.laws]
        return join([x for x, _ in drawn]), _total(lp for _, lp in drawn) if density else None


def _width(law: Any, model: str | None) -> int:
    if isinstance(law, Product):
        return sum(law.widths(model))
    return law.event_shape[0] + (model == "lorentz")


def _total(values: Any) -> Any:
    return reduce(torch.add, values)


class ProductPoint(constraints.Constraint):
    """Points of a product: coordinates that satisfy one constraint after the other, each of so many of them.

    >>> import torch, hyperdist_torch as ht
    >>> law = ht.Product(ht.RiemannianNormal(torch.zeros(2), 1.0), ht.SphericalUniform(1))
    >>> law.support.check(torch.tensor([[0.5, 0.0, 0.6, 0.8], [0.5, 0.0, 0.6, 0.7], [1.5, 0.0, 0.6, 0.8]]))
    tensor([ True, False, False])
    """

    event_dim = 1

    def __init__(self, parts: Sequence[Any], widths: Sequence[int]) -> None:
        self.parts, self.widths = tuple(parts), tuple(widths)
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        """Whether every part of each point satisfies its constraint, (*batch)."""
        checks.last_axis(tuple(value.shape), "value", sum(self.widths))
        found = (part.check(own) for part, own in zip(self.parts, split(value, self.widths), strict=True))
        return reduce(torch.logical_and, found)

    def __repr__(self) -> str:
        return f"ProductPoint({', '.join(map(repr, self.parts))})"


class ProductTransform(Transform):
    """The maps of the factors of a product, side by side: their determinants, by Riemannian volume, add up.

    parts, widths : the transforms, and how many coordinates of a point each gives
    >>> import torch, hyperdist_torch as ht
    >>> from torch.distributions import biject_to
    >>> law = ht.Product(ht.WrappedNormal(torch.zeros(2), 1.0), ht.ToroidalUniform(1))
    >>> T = biject_to(law.support)
    >>> T(torch.zeros(4)).shape  # two for the ball, two for an angle
    torch.Size([3])
    """

    domain = constraints.real_vector

    def __init__(self, parts: Sequence[Transform], widths: Sequence[int], cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        self.parts, self.widths = tuple(parts), tuple(widths)
        self._given = [int(part.inverse_shape((width,))[-1]) for part, width in zip(parts, widths, strict=True)]

    @property
    def codomain(self) -> ProductPoint:  # type: ignore[override]
        """Points of the product."""
        return ProductPoint([part.codomain for part in self.parts], self.widths)

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        """Whether every part is."""
        return all(part.bijective for part in self.parts)

    def with_cache(self, cache_size: int = 1) -> ProductTransform:
        """This transform with another cache size."""
        return self if self._cache_size == cache_size else ProductTransform(self.parts, self.widths, cache_size)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProductTransform) and (self.parts, self.widths) == (other.parts, other.widths)

    def forward_shape(self, shape: Any) -> torch.Size:
        """That of T(v), v of ``shape``."""
        return self._shape(shape, "forward_shape", self._given)

    def inverse_shape(self, shape: Any) -> torch.Size:
        """That of v, T(v) of ``shape``."""
        return self._shape(shape, "inverse_shape", self.widths)

    def _shape(self, shape: Any, which: str, widths: Sequence[int]) -> torch.Size:
        checks.last_axis(tuple(shape), "x", sum(widths))
        shapes = [getattr(part, which)((*shape[:-1], width)) for part, width in zip(self.parts, widths, strict=True)]
        batch = torch.broadcast_shapes(*(each[:-1] for each in shapes))
        return torch.Size((*batch, sum(each[-1] for each in shapes)))

    def _call(self, x: Tensor) -> Tensor:
        checks.last_axis(tuple(x.shape), "x", sum(self._given))
        return join([part(own) for part, own in zip(self.parts, split(x, self._given), strict=True)])

    def _inverse(self, y: Tensor) -> Tensor:
        checks.last_axis(tuple(y.shape), "y", sum(self.widths))
        return join([part.inv(own) for part, own in zip(self.parts, split(y, self.widths), strict=True)])

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The sum of the parts', (*batch)."""
        checks.last_axis(tuple(x.shape), "x", sum(self._given))
        checks.last_axis(tuple(y.shape), "y", sum(self.widths))
        given = zip(self.parts, split(x, self._given), split(y, self.widths), strict=True)
        return _total(
            _summed(part.log_abs_det_jacobian(v, point), 1 - part.domain.event_dim) for part, v, point in given
        )


def _summed(value: Tensor, axes: int) -> Tensor:
    """A determinant over the last ``axes`` axes, of a map that goes coordinate by coordinate."""
    return value.sum(dim=-1) if axes else value


@biject_to.register(ProductPoint)
def _bijection(constraint: ProductPoint) -> ProductTransform:
    return ProductTransform([biject_to(part) for part in constraint.parts], constraint.widths)


@transform_to.register(ProductPoint)
def _transform(constraint: ProductPoint) -> ProductTransform:
    return ProductTransform([transform_to(part) for part in constraint.parts], constraint.widths)
