"""The families of a mixture's components, as one family whose ``fit`` gives them all."""

from __future__ import annotations

import inspect
from itertools import groupby
from typing import Any

import numpy as np

from hyperdist import checks
from hyperdist.arrays.types import ArrayLike
from hyperdist.distributions.base import Distribution
from hyperdist.distributions.components import Components
from hyperdist.distributions.spherical import SphericalDistribution, SphericalUniform
from hyperdist.distributions.toroidal import ToroidalDistribution
from hyperdist.distributions.toroidal_uniform import ToroidalUniform

UNIFORM = (SphericalUniform, ToroidalUniform)
SHARE = 0.1
"""Of every observation's responsibility, what a uniform component has at the start."""


class Families:
    """Classes of components in their order; ``fit`` takes weights (n, *batch, K) and gives one law for each."""

    def __init__(self, classes: list[Any]) -> None:
        self.classes = classes
        self.groups = [(cls, len(list(same))) for cls, same in groupby(classes)]
        self.__name__ = " and ".join(dict.fromkeys(cls.__name__ for cls in classes))
        self.uniform = np.array([issubclass(cls, UNIFORM) for cls in classes])
        if self.uniform.sum() > 1 or self.uniform.all():
            raise ValueError(
                "family must have one uniform law at most, beside others, since a mixture of such laws is one: "
                f"got {self.__name__}"
            )

    def fit(self, x: ArrayLike, weights: np.ndarray, **options: Any) -> Components:
        """The laws of greatest likelihood; an option goes to the families that have it."""
        laws, start = [], 0
        for cls, count in self.groups:
            taken = inspect.signature(cls.fit).parameters
            given = {name: value for name, value in options.items() if name in taken}
            laws.append(cls.fit(x, weights=weights[..., start : start + count], **given))
            start += count
        return Components(laws)

    def check(self, options: dict[str, Any]) -> None:
        """Raise for an option that none of the families has."""
        known = {name for cls, _ in self.groups for name in inspect.signature(cls.fit).parameters}
        for name in options:
            if name not in known:
                raise TypeError(f"{self.__name__}: none of their fit methods takes {name!r}")


def remedies(family: Any, options: dict[str, Any]) -> str:
    """What to change where no start has a maximum: of the families' options those that they have."""
    classes = options.get("families", classes_of(family))
    has_least = any("min_scale" in inspect.signature(cls.fit).parameters for cls in classes)
    found = ["give min_scale"] if has_least else []
    if options.get("covariance") == "full":
        found.append("take covariance='diagonal'")
    return ", ".join([*found, "fewer components", "or more starts"])


def resolve(family: Any, n_components: int | None, background: bool) -> tuple[Any, int]:
    """(a class or ``Families``, K) of what a caller has asked for."""
    several = isinstance(family, list | tuple)
    for cls in family if several else [family]:
        if not (isinstance(cls, type) and issubclass(cls, Distribution) and hasattr(cls, "fit")):
            raise TypeError(f"family must be a distribution class that has fit, or a list of them, got {cls!r}")
    if several:
        if not family:
            raise ValueError("family must name at least one class, got an empty list")
        if n_components is not None and checks.dimension(n_components, "n_components") != len(family):
            raise ValueError(f"n_components must be the number of families, {len(family)}, got {n_components}")
        classes = list(family)
    else:
        classes = [family] * checks.dimension(n_components, "n_components")
    if background:
        classes.append(_uniform(classes[0]))
    if len(set(classes)) == 1 and not (background or (several and issubclass(classes[0], UNIFORM))):
        return classes[0], len(classes)
    return Families(classes), len(classes)


def _uniform(family: Any) -> Any:
    if issubclass(family, SphericalDistribution):
        return SphericalUniform
    if issubclass(family, ToroidalDistribution):
        return ToroidalUniform
    raise ValueError(
        f"background=True needs a uniform law, which hyperbolic space has none of, got the family {family.__name__}"
    )


def classes_of(family: Any) -> list[Any]:
    """The classes of a family or of several."""
    return family.classes if isinstance(family, Families) else [family]
