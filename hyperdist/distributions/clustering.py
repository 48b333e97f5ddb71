"""What mixtures have for those who cluster with them: labels, scores, the number of components, the test of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Self

import numpy as np

from hyperdist import checks
from hyperdist.arrays.types import ArrayLike, Seed
from hyperdist.distributions import mixture_errors
from hyperdist.distributions.any_mixture import check_labelled
from hyperdist.distributions.base import Distribution
from hyperdist.distributions.goodness import GoodnessOfFit, compare

CRITERIA = ("bic", "aic")


class Clustering(Distribution):
    """A mixture's methods under the names and with the meanings that scikit-learn gives them."""

    component: Any
    criteria: dict[int, float] | None = None
    """Of a mixture that ``select`` chose: the criterion by number of components, inf where none could be fitted."""

    responsibilities: Callable[..., np.ndarray]
    fit: Callable[..., Any]

    def predict_proba(self, x: ArrayLike, *, model: str | None = None) -> np.ndarray:
        """Posterior probability of each component at the observations x (n, k), (n, *batch, K).

        ``responsibilities``, with the batch's axes put between.

        >>> import hyperdist as hd
        >>> q = hd.Mixture([0.5, 0.5], hd.VonMisesFisher([[0.0, 1.0], [1.0, 0.0]], 2.0))
        >>> q.predict_proba([[0.6, 0.8], [0.8, 0.6]]).round(3)  # odds exp(2 (0.8 - 0.6))
        array([[0.599, 0.401],
               [0.401, 0.599]])
        """
        return self.responsibilities(self._rows(x), model=model)

    def predict(self, x: ArrayLike, *, model: str | None = None) -> np.ndarray:
        """The likeliest component of each observation x (n, k), integers (n, *batch).

        Raises ValueError for rows that are no points, whose probabilities are NaN.

        >>> import hyperdist
        >>> q = hyperdist.Mixture([0.5, 0.5], hyperdist.VonMisesFisher([[0.0, 1.0], [1.0, 0.0]], 9.0))
        >>> q.predict([[0.6, 0.8], [0.8, 0.6]])
        array([0, 1])
        """
        share = self.predict_proba(x, model=model)
        check_labelled(np.isnan(share).any(axis=-1))
        return np.argmax(share, axis=-1)

    def score_samples(self, x: ArrayLike, *, model: str | None = None) -> np.ndarray:
        """Log density at the observations x (n, k), (n, *batch): ``log_prob``.

        >>> import hyperdist as hd
        >>> q = hd.Mixture([0.5, 0.5], hd.VonMisesFisher([[0.0, 1.0], [1.0, 0.0]], 9.0))
        >>> q.score_samples([[0.0, 1.0], [-0.6, -0.8]]).round(1)  # the second is an outlier
        array([ -0.5, -14.8])
        """
        return self.log_prob(self._rows(x), model=model)

    def score(self, x: ArrayLike, *, model: str | None = None) -> Any:
        """Mean log density of the observations x (n, k): larger is better. A float, or (*batch) of a batch.

        >>> import hyperdist as hd
        >>> x = hd.VonMisesFisher([0.0, 1.0], 2.0).sample(500, rng=0)
        >>> train, held_out = x[:400], x[400:]
        >>> q = hd.Mixture.fit(train, hd.VonMisesFisher, 1, starts=1, rng=0)
        >>> q.score(held_out) > float(hd.SphericalUniform(1).log_prob([0.0, 1.0]))  # better than no preference
        True
        """
        n, value = self._log_likelihood(x, model)
        return value / n

    def _rows(self, x: ArrayLike) -> np.ndarray:
        points = checks.observations(x, "x", 1, "k")
        return points.reshape(len(points), *(1,) * len(self.batch_shape), -1)

    @classmethod
    def select(
        cls,
        x: ArrayLike,
        family: type[Distribution],
        n_components: Iterable[int] = range(1, 9),
        *,
        criterion: str = "bic",
        rng: Seed = None,
        **options: Any,
    ) -> Self:
        """The fitted mixture of least criterion over numbers of components.

        x, family : as ``fit`` takes them;  options : what else ``fit`` takes, but for weights
        n_components : the numbers to try;  criterion : "bic" (default) or "aic", smaller is better
        returns  the mixture, whose ``criteria`` tells the criterion of each number; inf where no start had a maximum.
        Raises  ValueError where no number could be fitted.

        >>> import hyperdist
        >>> centres = hyperdist.VonMisesFisher([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], 30.0)
        >>> x = hyperdist.Mixture([0.5, 0.5], centres).sample(100, rng=0)
        >>> best = hyperdist.Mixture.select(x, hyperdist.VonMisesFisher, range(1, 4), starts=2, tol=1e-4, rng=0)
        >>> best.batch_shape, best.component.batch_shape, sorted(best.criteria)
        ((), (2,), [1, 2, 3])
        """
        checks.choice(criterion, "criterion", CRITERIA)
        if options.get("weights") is not None:
            raise ValueError("weights must be left out of select: a criterion counts observations")
        if not isinstance(n_components, Iterable):
            raise ValueError(f"n_components must hold the numbers to try, as range(1, 9) does, got {n_components!r}")
        numbers = list(dict.fromkeys(checks.dimension(k, "n_components") for k in n_components))
        generator = checks.generator(rng)
        if not numbers:
            raise ValueError("n_components must hold at least one number, got none")
        best, criteria, reason = None, dict[int, float](), None
        for k in numbers:
            try:
                mixture = cls.fit(x, family, k, rng=generator, **options)
            except ValueError as error:
                criteria[k], reason = np.inf, reason or error
                continue
            criteria[k] = getattr(mixture, criterion)(x)
            if best is None or criteria[k] < min(value for other, value in criteria.items() if other != k):
                best = mixture
        if best is None:
            raise ValueError(f"no number of components in {numbers} could be fitted: {reason}") from reason
        vars(best)["criteria"] = criteria
        return best

    def _observed(self, x: np.ndarray) -> dict[str, Any]:
        return mixture_errors.observed(self, x)

    def _resampled(self, x: np.ndarray, draws: int, rng: np.random.Generator) -> dict[str, Any]:
        return mixture_errors.resampled(self, x, draws, rng)

    def _fit_of_components(self, x: np.ndarray, model: str | None, rng: np.random.Generator) -> tuple[Any, ...]:
        """Each component on the observations that a draw from their responsibilities gives it.

        If the mixture is right, those are draws of the component.
        """
        share = np.cumsum(self.predict_proba(x, model=model), axis=-1)
        label = np.sum(share[:, :-1] <= rng.random((len(x), 1)), axis=-1)
        parts: list[GoodnessOfFit] = []
        for k in range(share.shape[1]):
            parts.append(compare(self.component[k], x[label == k], model, rng))
        return tuple(parts)
