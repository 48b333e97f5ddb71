"""What flows ask of spaces, in the coordinates that the solver moves: points are rows (*batch, width).

The spaces are those of ``hyperdist``. Here is what they have for flows alone: where a solver's step lands, random
tangents, the tangent part of a field, what a network sees of a point. ``on`` takes one for the other; the names that
these classes had before 0.2, ``Sphere`` for ``OnSphere`` and so on, still make them from a dimension.
"""

from __future__ import annotations

from typing import Any

import hyperdist
from hyperdist.arrays.host import plain
from hyperdist_torch.flows.spaces.base import FlowSpace
from hyperdist_torch.flows.spaces.euclidean import OnEuclidean
from hyperdist_torch.flows.spaces.hyperbolic import OnLorentz, OnPoincareBall, in_model
from hyperdist_torch.flows.spaces.product import OnProduct
from hyperdist_torch.flows.spaces.sphere import OnSphere
from hyperdist_torch.flows.spaces.torus import OnTorus

Space = FlowSpace
Euclidean = OnEuclidean
Lorentz = OnLorentz
PoincareBall = OnPoincareBall
Sphere = OnSphere
Torus = OnTorus

AnySpace = FlowSpace | hyperdist.spaces.Space
"""A space that names its dimension, such as ``hyperdist.Sphere(2)`` or ``hyperdist.PoincareBall(1.0, d=2)``, or a
``hyperdist.ProductSpace`` of such."""

__all__ = [
    "AnySpace", "Euclidean", "FlowSpace", "Lorentz", "OnEuclidean", "OnLorentz", "OnPoincareBall", "OnProduct",
    "OnSphere", "OnTorus", "PoincareBall", "Space", "Sphere", "Torus", "in_model", "on",
]  # fmt: skip


def on(space: AnySpace) -> FlowSpace:
    """What flows ask of a space of ``hyperdist`` of a dimension; ValueError where it names none, or has no flows.

    On products factor by factor.

    >>> import hyperdist as hd
    >>> from hyperdist_torch import flows
    >>> flows.on(hd.Sphere(2)).width
    3
    """
    if isinstance(space, FlowSpace):
        return space
    given: Any = space
    if isinstance(given, hyperdist.ProductSpace):
        return OnProduct(*map(on, given.spaces))
    kinds: tuple[Any, ...] = (OnSphere, OnTorus, OnEuclidean, OnLorentz, OnPoincareBall)
    for kind in kinds:
        if type(given) is kind.kind:
            if given.d is None:
                raise ValueError(f"space must name its dimension d, as {type(given).__name__}(d=2) does, got {given!r}")
            if not hasattr(given, "c"):
                return kind(given.d)
            if not plain(given.c) or given.c.ndim:
                raise ValueError(f"space must have one number for c, which a flow does not learn, got {given!r}")
            return kind(given.d, float(given.c))
    raise ValueError(
        "space must be a Sphere, Torus, Euclidean, Lorentz or PoincareBall of hyperdist, or a product of them, "
        f"got {given!r}"
    )
