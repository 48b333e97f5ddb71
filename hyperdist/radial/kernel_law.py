"""NumPy's radial law of a kernel."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import cached_property
from typing import Any, final

import numpy as np

from hyperdist.arrays.types import ArrayLike
from hyperdist.radial import calculus, quadrature, rejection
from hyperdist.radial.base import RadialLaw, quiet
from hyperdist.radial.nodes import Nodes
from hyperdist.radial.quadrature import Kernel

_LAWS = 1024
"""Laws whose nodes are at hand at once: their memory does not grow with the batch, and they stay in cache."""


def by_laws(function: Callable[..., Any], kernel: Kernel, *arrays: np.ndarray) -> Any:
    """``function(kernel, *arrays)``, one array (..., *batch) or a tuple of them, some of a batch's laws at a time.

    arrays : (..., *batch), or what broadcasts against that.
    """
    batch = kernel.centre.shape
    size, axes = math.prod(batch), len(batch)
    if size <= _LAWS:
        return function(kernel, *arrays)

    def flat(array: np.ndarray) -> np.ndarray:
        lead = array.shape[: max(0, array.ndim - axes)]
        return np.broadcast_to(array, lead + batch).reshape((*lead, size))

    values = {field.name: getattr(kernel, field.name) for field in fields(kernel)}  # type: ignore[arg-type]
    own = {name: flat(value) for name, value in values.items() if isinstance(value, np.ndarray)}
    others = [flat(np.asarray(array)) for array in arrays]
    found = []
    for start in range(0, size, _LAWS):
        laws = slice(start, start + _LAWS)
        some: Any = replace(kernel, **{name: value[laws] for name, value in own.items()})  # type: ignore[type-var]
        found.append(function(some, *(array[..., laws] for array in others)))

    def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
        whole = np.concatenate(parts, axis=-1)
        return whole.reshape((*whole.shape[:-1], *batch))

    return tuple(joined(parts) for parts in zip(*found, strict=True)) if isinstance(found[0], tuple) else joined(found)


class KernelLaw(RadialLaw):
    """A radial law given by a log-concave ``Kernel`` in y = r/scale and a proposal; the rest is quadrature."""

    @property
    @abstractmethod
    def _kernel(self) -> Kernel: ...

    @property
    @abstractmethod
    def _scale(self) -> np.ndarray | float:
        """The length of y = 1, (*batch); 1.0 where y is the radius."""

    @abstractmethod
    def _offset(self, r: np.ndarray) -> np.ndarray:
        """t = r/scale - centre without cancellation."""

    @abstractmethod
    def parameter_gradient(self, r: ArrayLike) -> dict[str, np.ndarray]:
        """Derivatives of a draw r in the law's parameters at fixed cdf (implicit reparametrisation)."""

    @final
    def acceptance_rate(self) -> np.ndarray:
        """The exact probability that a proposal of ``sample`` is accepted."""
        return self._cast(self._acceptance_rate())

    @quiet
    def _acceptance_rate(self) -> np.ndarray:
        return np.exp(self._log_mass - self._hats.log_mass)

    @cached_property
    @quiet
    def _hats(self) -> rejection.Hats:
        return self._kernel.hats()

    @cached_property
    @quiet
    def _proposal(self) -> rejection.Draw:
        """Proposals of r/scale, set up once."""
        return self._hats.set_up()

    def _radius(self, y: np.ndarray, which: rejection.Which) -> np.ndarray:
        """r for draws of y that belong to the elements ``which`` of the flattened batch."""
        scale = self._scale
        return y * scale.reshape(-1)[which] if isinstance(scale, np.ndarray) else y

    @final
    @quiet
    def nodes(self) -> Nodes:
        """The law as probabilities of points, in float64 and in units of its scale."""
        return Nodes.of(self._kernel)

    @cached_property
    @quiet
    def _log_mass(self) -> np.ndarray:
        return self._of_each(quadrature.log_mass)

    def _of_each(self, function: Callable[[Any], np.ndarray]) -> np.ndarray:
        """A smooth function of every law's kernel, (*batch)."""
        return by_laws(function, self._kernel)

    def _coordinates(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return r / self._scale, self._offset(r)

    def _log_prob(self, r: np.ndarray) -> np.ndarray:
        y, t = self._coordinates(r)
        return self._kernel.log_ratio(y, t) - self._log_mass - np.log(self._scale)

    def _log_tails(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return by_laws(calculus.tails, self._kernel, self._log_mass, *self._coordinates(r))

    @cached_property
    @quiet
    def _centre_log_tails(self) -> tuple[np.ndarray, np.ndarray]:
        return by_laws(calculus.centre_tails, self._kernel, self._log_mass)

    def _quantile(self, p: np.ndarray, upper: np.ndarray) -> np.ndarray:
        def quantile(kernel: Kernel, mass: Any, low: Any, high: Any, p: Any, upper: Any) -> np.ndarray:
            return calculus.quantile(kernel, mass, (low, high), p, upper, self.d)

        known = self._log_mass, *self._centre_log_tails
        return self._scale * by_laws(quantile, self._kernel, *known, p, upper)

    @cached_property
    @quiet
    def _mean_score(self) -> np.ndarray:
        return by_laws(calculus.mean_score, self._kernel)

    @quiet
    def _slope(self, r: ArrayLike) -> np.ndarray:
        """dy/dtheta of draws r at fixed cdf, theta the kernel's parameter; NaN off the support."""

        def slope(x: np.ndarray) -> np.ndarray:
            return by_laws(calculus.slope, self._kernel, *self._coordinates(x), self._mean_score)

        return self._on_support(r, slope, np.nan, np.nan)

    def _sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        batch = int(np.prod(self.batch_shape))
        out = np.empty(n)
        for block in rejection.blocks(n, 1, batch):
            which = slice(None) if batch == 1 else np.arange(block.start, block.stop) % batch
            draw = select(self._proposal, which)
            out[block] = self._radius(rejection.radii(draw, block.stop - block.start, self.d, rng), which)
        return out

    @cached_property
    @quiet
    def _scaled_moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of y."""
        return by_laws(lambda kernel: Nodes.of(kernel).moments(), self._kernel)

    def _moments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        mean, variance = self._scaled_moments
        scale = self._scale
        return scale * mean, scale * scale * variance, scale * scale * (mean * mean + variance)

    def _mode(self) -> np.ndarray:
        return self._scale * self._kernel.centre * (1.0 if self.d > 1 else 0.0)

    def _entropy(self) -> np.ndarray:
        entropy = by_laws(lambda kernel, mass: calculus.entropy(kernel, mass, self.d), self._kernel, self._log_mass)
        return entropy + np.log(self._scale)


class AngleLaw(KernelLaw):
    """One whose radius is the angle y itself, and whose one parameter is the kernel's."""

    _name: str
    """The parameter's name."""

    @property
    def _end(self) -> float:
        return math.pi

    @property
    def _scale(self) -> float:
        return 1.0

    @property
    @abstractmethod
    def _kind(self) -> type[Kernel]:
        """The class of the kernel."""

    @property
    def _theta(self) -> np.ndarray:
        return vars(self)[self._name]

    @cached_property
    @quiet
    def _kernel(self) -> Any:  # type: ignore[override]
        return self._kind.at(self.d, self._theta)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(d={self.d}, {self._name}={self._theta!r})"

    def _offset(self, r: np.ndarray) -> np.ndarray:
        return r - self._kernel.centre

    @final
    def parameter_gradient(self, r: ArrayLike) -> dict[str, np.ndarray]:
        """dr/d of the parameter at fixed cdf."""
        return {self._name: self._slope(r)}


def select(draw: rejection.Draw, which: rejection.Which) -> rejection.Draw:
    """The proposal for a block of draws whose parameters are the elements ``which`` of the flattened batch."""
    if isinstance(which, slice):
        return lambda chi, source, element: draw(chi, source, which)
    return lambda chi, source, element: draw(chi, source, which[element])
