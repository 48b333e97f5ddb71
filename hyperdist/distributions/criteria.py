"""What tells one fitted law from another: how many numbers it has, and what it gives the data for them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, final

import numpy as np

from hyperdist import checks
from hyperdist.arrays.types import ArrayLike, Seed
from hyperdist.distributions import uncertainty
from hyperdist.distributions.goodness import GoodnessOfFit, compare
from hyperdist.distributions.values import Value


class Judged(Value):
    """A law that can be compared with others on the same data."""

    space: Any

    @abstractmethod
    def log_prob(self, x: ArrayLike, *, model: str | None = None) -> np.ndarray:
        """Log density at x."""

    @abstractmethod
    def _check_model(self, model: str | None) -> str | None: ...

    @abstractmethod
    def _width(self, model: str | None) -> int: ...

    @property
    def n_parameters(self) -> int:
        """Numbers that ``fit`` finds, of one element of the batch: the dimension for mu, and one for each scale.

        A curvature c is given, not fitted, and does not count.

        >>> import hyperdist as hd
        >>> hd.RiemannianNormal([0.1, 0.2], 0.5).n_parameters, hd.WrappedNormal([0.1, 0.2], [0.5, 1.0]).n_parameters
        (3, 4)
        """
        return sum(size for _, size in uncertainty.layout(self))

    @final
    def aic(self, x: ArrayLike, *, model: str | None = None) -> Any:
        """Akaike's (1974) criterion of the law on x (n, k), 2 n_parameters - 2 log likelihood: smaller is better.

        A float, or (*batch) of a batch.

        >>> import hyperdist as hd
        >>> x = hd.WrappedNormal([0.3, 0.1], [0.2, 0.8]).sample(200, rng=0)
        >>> hd.WrappedNormal.fit(x).aic(x) < hd.RiemannianNormal.fit(x).aic(x)  # one scale is not enough
        True
        """
        return 2.0 * self.n_parameters - 2.0 * self._log_likelihood(x, model)[1]

    @final
    def bic(self, x: ArrayLike, *, model: str | None = None) -> Any:
        """Schwarz's (1978) criterion of the law on x (n, k), n_parameters log n - 2 log likelihood: smaller is better.

        >>> import hyperdist
        >>> x = hyperdist.VonMisesFisher([0.0, 0.0, 1.0], 4.0).sample(200, rng=0)
        >>> hyperdist.VonMisesFisher.fit(x).bic(x) < hyperdist.SphericalUniform.fit(x).bic(x)
        True
        """
        n, value = self._log_likelihood(x, model)
        return float(np.log(n)) * self.n_parameters - 2.0 * value

    @final
    def goodness_of_fit(self, x: ArrayLike, *, model: str | None = None, rng: Seed = 0) -> GoodnessOfFit:
        """Whether observations x (n, k) look like draws of this law: statistic and p-value; of a mixture each part's.

        Two-sample Kolmogorov-Smirnov against 20,000 draws of the law, of log density and coordinates. A component of a
        mixture is tested on observations that are its own by a draw from their responsibilities, so that ``rng``
        decides too. Exact for a law that is given; of one fitted to the same x the p-value is too large, and a small
        one tells of a misfit all the more. For samplers ``hyperdist.testing.check_sampler`` sees more.

        >>> import hyperdist
        >>> x = hyperdist.WrappedNormal([0.3, 0.1], [0.2, 1.2]).sample(500, rng=0)
        >>> hyperdist.WrappedNormal.fit(x).goodness_of_fit(x).pvalue > 0.05
        True
        >>> hyperdist.RiemannianNormal.fit(x).goodness_of_fit(x).pvalue < 0.001
        True
        """
        model = self._check_model(model)
        points = self._one(x, model)
        generator = checks.stream_apart(rng)
        whole = compare(self, points, model, generator)
        return whole._replace(components=self._fit_of_components(points, model, generator))

    @final
    def standard_errors(
        self, x: ArrayLike, *, method: str = "information", draws: int = 200, rng: Seed = 0
    ) -> dict[str, Any]:
        """Standard errors of the parameters of a law that was fitted to observations x (n, k), by name.

        x      : what ``fit`` took, without weights;  method : "information", the default, the curvature of the log
                 likelihood at the law, or "bootstrap", the spread of fits to ``draws`` resamples of the rows
        returns  for mu the errors of its coordinates in the frame at mu, (d,), in geodesic length; for sigma or kappa
                 in its shape; for a mixture "weights" (K,) and the same for its components, (K, ...), under
                 "component", a list where they are of several families; for a product the same for its factors, a list
                 under "laws". A law without parameters has none.
        Both are right as n grows, and need the model to be right, the first more than the second.
        Raises ValueError where x is not what the law was fitted to, so that it is no maximum.

        >>> import hyperdist
        >>> x = hyperdist.RiemannianNormal([0.3, 0.1], 0.5).sample(400, rng=0)
        >>> errors = hyperdist.RiemannianNormal.fit(x).standard_errors(x)
        >>> errors["mu"].round(3), float(errors["sigma"].round(3))
        (array([0.024, 0.024]), 0.011)
        """
        checks.choice(method, "method", ("information", "bootstrap"))
        points = self._one(x, self._check_model(None)).astype(np.float64)
        if method == "information":
            return self._observed(points)
        return self._resampled(points, checks.dimension(draws, "draws", 2), checks.stream_apart(rng))

    def _observed(self, x: np.ndarray) -> dict[str, Any]:
        return uncertainty.observed(self, x, None) if uncertainty.layout(self) else {}

    def _resampled(self, x: np.ndarray, draws: int, rng: np.random.Generator) -> dict[str, Any]:
        return uncertainty.resampled(self, x, draws, rng) if uncertainty.layout(self) else {}

    def _one(self, x: ArrayLike, model: str | None) -> np.ndarray:
        """Observations (n, k) for a law without batch."""
        if self.batch_shape:
            raise ValueError(f"the law must have no batch, got shape {self.batch_shape}: take law[0], law[1], ...")
        return checks.points(checks.observations(x, "x", 1, "k"), "x", self._width(model))

    def _fit_of_components(self, x: np.ndarray, model: str | None, rng: np.random.Generator) -> tuple[Any, ...]:
        return ()

    def _log_likelihood(self, x: ArrayLike, model: str | None) -> tuple[int, Any]:
        """How many observations x (n, k) are, and their log likelihood, a float or (*batch)."""
        points = checks.observations(x, "x", 1, "k")
        checks.points(points, "x", self._width(self._check_model(model)))
        rows = points.reshape(len(points), *(1,) * len(self.batch_shape), -1)
        total = np.sum(self.log_prob(rows, model=model), axis=0, dtype=np.float64)
        return len(points), total if self.batch_shape else float(total)
