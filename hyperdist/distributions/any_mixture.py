"""What mixtures of both packages share: the shapes of their parts, posteriors, and what has no closed form."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from hyperdist import checks
from hyperdist.arrays.namespace import Array, namespace, values


def check_labelled(unlabelled: Any) -> None:
    """ValueError for observations (n, *batch) that no component has; ``unlabelled`` is a mask of them, NumPy's."""
    rows = np.flatnonzero(unlabelled.any(axis=tuple(range(1, unlabelled.ndim))))
    if rows.size:
        raise ValueError(
            f"x must hold points of the space, to which the mixture gives a density: row {rows[0]} is none "
            f"({rows.size} of {len(unlabelled)} rows)"
        )


def check_shapes(weights: tuple[int, ...], component: tuple[int, ...]) -> None:
    """Raise unless components of that batch shape take weights of that shape."""
    if checks.broadcast(weights=weights, component=component) != component or weights[-1] != component[-1]:
        raise ValueError(f"component must have batch shape (*batch, K) = {weights}, got {component}")


def two_curvatures(c: Array) -> ValueError:
    """The error for components on two spaces."""
    return ValueError(f"component must have one curvature c in each mixture, got {c!r}")


def posterior(each: Array, shares: Array) -> Array:
    """Probability of each component, (*broadcast, K), of log densities and prior probabilities; NaN where all are 0."""
    xp = namespace(each, shares)
    joint = each + xp.log(shares)
    joint = xp.exp(joint - xp.amax(values(joint), axis=-1, keepdims=True))
    return joint / xp.sum(joint, axis=-1, keepdims=True)


def log_sum(each: Array, shares: Array) -> Array:
    """Log density of a mixture, (*broadcast), from those of its components, (*broadcast, K); -inf where all are 0.

    With derivatives in the shares also where one is 0.
    """
    xp = namespace(each, shares)
    peak = values(xp.where(shares > 0.0, each + xp.log(shares), -math.inf))
    peak = xp.amax(peak, axis=-1, keepdims=True)
    peak = xp.where(xp.isfinite(peak), peak, xp.zeros_like(peak))
    # Only a component of weight 0 can tower so high; its weight's gradient is then near the dtype's largest number.
    ratio = xp.exp(xp.clip(each - peak, None, math.log(float(xp.finfo(each.dtype).max)) - 1.0))
    total = xp.sum(shares * ratio, axis=-1)
    somewhere = total != 0.0
    log_total = xp.log(xp.where(somewhere, total, 1.0 + 0.0 * total))
    return xp.where(somewhere, log_total + peak[..., 0], -math.inf)


class AnyMixture:
    """What a mixture lacks, and what to estimate it by."""

    _estimates: ClassVar[dict[str, str]]
    """For "entropy" and "mean", in words of the package."""

    def entropy(self) -> Any:
        """Not available: the entropy of a mixture is an integral over the space.

        >>> import hyperdist as hd
        >>> q = hd.Mixture([0.5, 0.5], hd.VonMisesFisher([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], 9.0))
        >>> q.entropy()
        Traceback (most recent call last):
        hyperdist.checks.arguments.Unavailable: a mixture's entropy has no closed form; estimate it by ...
        >>> bool(-q.sample_and_log_prob(1000, rng=0)[1].mean() < hd.SphericalUniform(2).entropy())
        True
        """
        raise self._unavailable("entropy", self._estimates["entropy"])

    @property
    def mean(self) -> Any:
        """Not available: the Frechet mean of a mixture is no average of its components'.

        >>> import hyperdist as hd
        >>> q = hd.Mixture([0.5, 0.5], hd.VonMisesFisher([[0.0, 1.0], [1.0, 0.0]], 9.0))
        >>> hasattr(q, "mean"), q.space.frechet_mean(q.sample(4000, rng=0)).round(1)  # half way
        (False, array([0.7, 0.7]))
        >>> q.mean
        Traceback (most recent call last):
        hyperdist.checks.arguments.Unavailable: a mixture's mean has no closed form; estimate it by ...
        """
        raise self._unavailable("mean", self._estimates["mean"])

    @property
    def variance(self) -> Any:
        """Not available, as the mean it refers to.

        >>> import hyperdist as hd
        >>> q = hd.Mixture([0.5, 0.5], hd.WrappedNormal([[0.5, 0.0], [-0.5, 0.0]], 0.1))
        >>> hasattr(q, "variance")
        False
        >>> x = q.sample(1000, rng=0)
        >>> q.space.dist_sq(x, q.space.frechet_mean(x)).mean().round(1)  # in place of q.variance
        np.float64(1.2)
        """
        raise self._unavailable("variance", "the mean squared distance of draws to their Frechet mean")

    @property
    def mode(self) -> Any:
        """Not available: a mixture may have many modes, none of them a component's.

        >>> import hyperdist as hd
        >>> q = hd.Mixture([0.3, 0.7], hd.VonMisesFisher([[0.0, 1.0], [1.0, 0.0]], 9.0))
        >>> hasattr(q, "mode")
        False
        >>> centres = q.component.mode
        >>> centres[q.log_prob(centres).argmax()]  # in place of q.mode
        array([1., 0.])
        """
        raise self._unavailable("mode", "the draw or the component centre of largest log_prob")

    @staticmethod
    def _unavailable(what: str, instead: str) -> checks.Unavailable:
        return checks.Unavailable(f"a mixture's {what} has no closed form; estimate it by {instead}")
