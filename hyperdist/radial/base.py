"""What every radial law has, from a handful of private methods."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, final

import numpy as np

from hyperdist import checks
from hyperdist._frozen import Frozen
from hyperdist.arrays.types import ArrayLike, SampleShape, Seed
from hyperdist.radial.calculus import in_chunks
from hyperdist.radial.quantile_table import WORTH, QuantileTable

METHODS = ("rejection", "inverse")
_CHUNK = 2048


def quiet(function: Any) -> Any:
    """Limits such as log 0 are results here, not accidents: no floating-point warning leaves a law."""
    return np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore")(function)


class RadialLaw(Frozen):
    """The law of the geodesic distance r between a draw and its centre; densities are with respect to dr.

    batch_shape : the shape of the parameters; arguments r and p broadcast against it.
    dtype       : float32 or float64, that of the parameters; results have it, the arithmetic is float64.
    Outside the support prob is 0; NaN in gives NaN out.
    """

    d: int
    batch_shape: tuple[int, ...]
    dtype: np.dtype

    # What a law gives, in float64 and without checks; r lies in [0, end].
    @property
    @abstractmethod
    def _end(self) -> float:
        """The largest radius."""

    @abstractmethod
    def _log_prob(self, r: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def _log_tails(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log cdf and log sf."""

    @abstractmethod
    def _quantile(self, p: np.ndarray, upper: np.ndarray) -> np.ndarray:
        """The radius with cdf p, or where ``upper`` with sf p."""

    @abstractmethod
    def _moments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """E r, var r, E r^2."""

    @abstractmethod
    def _entropy(self) -> np.ndarray: ...

    @abstractmethod
    def _log_normalizer(self) -> np.ndarray: ...

    @abstractmethod
    def _mode(self) -> np.ndarray: ...

    @abstractmethod
    def _sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """``n`` draws in the order sample, batch; n is a multiple of the batch's size."""

    # What follows from it.
    @final
    @quiet
    def log_prob(self, r: ArrayLike) -> np.ndarray:
        """Log density in nats with respect to dr; -inf outside the support."""
        return self._on_support(r, self._log_prob, -np.inf, -np.inf)

    @final
    def prob(self, r: ArrayLike) -> np.ndarray:
        """Density with respect to dr."""
        with np.errstate(under="ignore"):
            return np.exp(self.log_prob(r))[()]

    @final
    @quiet
    def log_cdf(self, r: ArrayLike) -> np.ndarray:
        """Log probability of a radius <= r."""
        return self._on_support(r, lambda x: self._log_tails(x)[0], -np.inf, 0.0)

    @final
    @quiet
    def log_sf(self, r: ArrayLike) -> np.ndarray:
        """Log probability of a radius > r, far below the smallest double's logarithm too."""
        return self._on_support(r, lambda x: self._log_tails(x)[1], 0.0, -np.inf)

    @final
    @quiet
    def cdf(self, r: ArrayLike) -> np.ndarray:
        """Probability of a radius <= r; relative accuracy in the lower tail."""
        return self._on_support(r, lambda x: np.exp(self._log_tails(x)[0]), 0.0, 1.0)

    @final
    @quiet
    def sf(self, r: ArrayLike) -> np.ndarray:
        """Probability of a radius > r; relative accuracy in the upper tail."""
        return self._on_support(r, lambda x: np.exp(self._log_tails(x)[1]), 1.0, 0.0)

    @final
    @quiet
    def icdf(self, p: ArrayLike) -> np.ndarray:
        """The radius with cdf p, 0 <= p <= 1."""
        return self._invert(p, False)

    @final
    @quiet
    def isf(self, p: ArrayLike) -> np.ndarray:
        """The radius with sf p: the form for the upper tail, down to p = 1e-300."""
        return self._invert(p, True)

    @final
    def sample(self, sample_shape: SampleShape = (), rng: Seed = None, *, method: str = "rejection") -> np.ndarray:
        """Independent radii of shape sample_shape + batch_shape.

        method : "rejection" (exact) or "inverse" (one uniform a draw through ``icdf``; free of branches). Of one law
                 2048 draws or more by inversion are made by a table of its quantiles, right to 1e-13, which the law
                 keeps, also where it is pickled.
        """
        shape = checks.sample_shape(sample_shape, self.batch_shape) + self.batch_shape
        checks.choice(method, "method", METHODS)
        generator = checks.generator(rng)
        n = math.prod(shape)
        if n == 0:
            return np.empty(shape, self.dtype)
        if method == "inverse":
            return self._by_inversion(generator.random(shape)).astype(self.dtype, copy=False)[()]
        with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
            return self._sample(n, generator).astype(self.dtype, copy=False).reshape(shape)[()]

    _table: QuantileTable | None = None
    """Set when first asked for, and kept with the law: it belongs to parameters that never change."""

    @final
    @quiet
    def _by_inversion(self, u: np.ndarray) -> np.ndarray:
        """``icdf`` in float64 of uniform numbers, (*broadcast): by a table where many are asked of one law."""
        if math.prod(self.batch_shape) != 1 or u.size < WORTH:
            shape = np.broadcast_shapes(u.shape, self.batch_shape)
            return self._in_chunks(lambda p: self._inverse(p, np.asarray(False)), np.broadcast_to(u, shape))

        def exact(p: np.ndarray, upper: np.ndarray) -> np.ndarray:
            column = (-1,) + (1,) * len(self.batch_shape)
            return self._inverse(p.reshape(column), upper.reshape(column)).ravel()

        if self._table is None:
            vars(self)["_table"] = QuantileTable.of(exact)
        table: QuantileTable = vars(self)["_table"]
        return table(u.ravel(), exact).reshape(np.broadcast_shapes(u.shape, self.batch_shape))

    @property
    @final
    def mean(self) -> np.ndarray:
        """E r."""
        return self._cast(self._moments()[0])

    @property
    @final
    def variance(self) -> np.ndarray:
        """Var r (the distribution's own ``variance`` is E r^2)."""
        return self._cast(self._moments()[1])

    @property
    @final
    def mode(self) -> np.ndarray:
        """The radius of largest density with respect to dr."""
        return self._cast(self._mode())

    @final
    @quiet
    def entropy(self) -> np.ndarray:
        """Differential entropy of r in nats."""
        return self._cast(self._entropy())

    @final
    def log_normalizer(self) -> np.ndarray:
        """Log integral over r of the kernel that the class names, in nats."""
        return self._cast(self._log_normalizer())

    def _cast(self, value: np.ndarray) -> np.ndarray:
        return np.broadcast_to(value, self.batch_shape).astype(self.dtype)[()]

    def _result_dtype(self, array: np.ndarray) -> np.dtype:
        return np.result_type(array.dtype, self.dtype) if array.ndim else self.dtype

    def _on_support(self, r: ArrayLike, function: Any, below: float, above: float) -> np.ndarray:
        """``function`` where 0 <= r <= end, constants outside, NaN where r is NaN; in chunks of bounded memory."""
        array = checks.as_float(r, "r")
        shape = checks.broadcast(r=array.shape, batch=self.batch_shape)
        x = np.broadcast_to(array.astype(np.float64), shape)
        # float32(pi) is above pi: a radius that rounds to the end is the end.
        x = np.where(x == np.asarray(self._end, array.dtype), self._end, x)
        inside = (x >= 0) & (x <= self._end) & (x < np.inf)
        safe = np.where(inside, x, self._mode())
        value = self._in_chunks(function, safe)
        value = np.where(inside, value, np.where(x < 0, below, np.where(np.isnan(x), np.nan, above)))
        return value.astype(self._result_dtype(array))[()]

    def _invert(self, p: ArrayLike, upper: bool) -> np.ndarray:
        array = checks.probability(p)
        shape = checks.broadcast(p=array.shape, batch=self.batch_shape)
        x = np.broadcast_to(array.astype(np.float64), shape)
        value = self._in_chunks(lambda q: self._inverse(q, np.asarray(upper)), x)
        return value.astype(self._result_dtype(array))[()]

    def _inverse(self, p: np.ndarray, upper: np.ndarray) -> np.ndarray:
        """``_quantile`` for 0 <= p <= 1; NaN where p is NaN."""
        inside = (p > 0) & (p < 1)
        value = self._quantile(np.where(inside, p, 0.5), upper)
        at_zero = np.where(upper, self._end, 0.0)
        at_one = np.where(upper, 0.0, self._end)
        return np.where(inside, value, np.where(np.isnan(p), np.nan, np.where(p <= 0, at_zero, at_one)))

    def _in_chunks(self, function: Any, x: np.ndarray) -> np.ndarray:
        return np.asarray(in_chunks(function, x, len(self.batch_shape), _CHUNK))
