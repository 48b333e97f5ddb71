"""What laws on hyperbolic space share: the centre, the models, and the isometry from the origin."""

from __future__ import annotations

from functools import cached_property, partial
from typing import Any

import numpy as np

from hyperdist import checks
from hyperdist.arrays.rows import dot
from hyperdist.arrays.types import ArrayLike, Which
from hyperdist.distributions import density
from hyperdist.distributions.centred import CentredDistribution
from hyperdist.geometry import conversions, poincare, polar, tangent
from hyperdist.radial import rejection
from hyperdist.spaces import Lorentz, PoincareBall, Tangent
from hyperdist.spaces.held import check_holdable


class HyperbolicDistribution(CentredDistribution):
    """A law with a centre mu in hyperbolic space of curvature -c."""

    model: str
    """The coordinates of mu, and of points where no others are asked for: "poincare" or "tangent"."""

    def _set_centre(self, mu: ArrayLike, c: ArrayLike, model: str, **others: np.ndarray) -> None:
        """Check mu, c and the shapes of the other parameters; set mu, c, model, dtype, batch and event shape."""
        self.model = checks.choice(model, "model", conversions.CENTRE_MODELS)
        self._models = (model, *(other for other in conversions.MODELS if other != model))
        mu, c = checks.vector(mu, "mu"), checks.curvature(c)
        shapes = {name: value.shape for name, value in others.items()}
        self.batch_shape = checks.broadcast(mu=mu.shape[:-1], **shapes, c=c.shape)
        self.event_shape = mu.shape[-1:]
        if model == "poincare":
            checks.inside_ball(mu, c, "mu")
        else:
            Tangent(c).check_point(mu.astype(np.float64), "mu")
        self.dtype = np.result_type(mu, *(value for value in (*others.values(), c) if value.ndim))
        self.mu, self.c = mu, c

    def _curvatures(self) -> list[np.ndarray]:
        return [self.c]

    def _from_tangent(self, x: np.ndarray, start: int, model: str | None) -> np.ndarray:
        c = self._flat_c[self._which(start, start + len(x))]
        return x if model == "tangent" else conversions.from_tangent(x, c, model or self.model)

    @property
    def space(self) -> PoincareBall | Tangent:  # type: ignore[override]
        """The space, in the coordinates of mu and, by default, of the draws.

        >>> import hyperdist as hd
        >>> law = hd.RiemannianNormal([0.5, 0.0], 0.5, c=1.0)
        >>> law.space, float(law.space.dist(law.mean, [0.0, 0.0]).round(6))
        (PoincareBall(c=1.0), 1.098612)
        """
        return PoincareBall(self.c) if self.model == "poincare" else Tangent(self.c)

    @cached_property
    def _flat_c(self) -> np.ndarray:
        return self._flat(self.c)

    @cached_property
    def _flat_mu(self) -> np.ndarray:
        """Tangent coordinates of the centres, (batch, d), float64."""
        return conversions.to_tangent(self._flat(self.mu, *self.event_shape), self._flat_c, self.model)

    @cached_property
    def _tangent_mu(self) -> np.ndarray:
        return self._flat_mu.reshape(self.batch_shape + self.event_shape)

    def _about_centre(self) -> dict[str, Any]:
        """What a summary says of the centre."""
        mu, c = self.mu.astype(np.float64), np.asarray(self.c, np.float64)
        return {
            "d": self.event_shape[0], "axes": len(self.batch_shape), "model": self.model, "mu": mu, "c": c,
            "tangent_mu": lambda: self._tangent_mu,
        }  # fmt: skip

    def _place(
        self,
        out: np.ndarray,
        normals: np.ndarray,
        norm: np.ndarray,
        radius: np.ndarray,
        which: Which,
        model: str | None,
    ) -> float:
        """Fill ``out`` with the points at distance ``radius`` from the centres ``which`` along normals/norm."""
        furthest = float(radius.max(initial=0.0))
        if not self._centre_length + furthest <= self._longest:
            raise ValueError(
                f"sigma must keep draws within the length {self._longest:.3g} that vectors of {self.dtype} may have, "
                f"got a draw at the distance {furthest:.3g} from its centre"
            )
        near = model == "poincare" and self._centre_reach <= polar.NEAR and bool((self._flat_c > 0.0).all())
        place = self._about_one(out.shape[1], furthest, normals, model, near)
        for rows in rejection.in_cache(*out.shape):
            length = rejection.lengths(rejection.part(norm, rows))
            of_rows = rejection.part(which, rows)
            if place is not None:
                place(out[rows], normals[rows], length, radius[rows], rows)
            elif near and self._centre_reach > 0.0:
                self._place_near(out[rows], normals[rows], length, radius[rows], of_rows)
            else:
                self._place_anywhere(out[rows], normals[rows], length, radius[rows], of_rows, model)
        return self._centre_reach + float(np.sqrt(np.max(self._flat_c, initial=0.0))) * furthest

    def _about_one(self, width: int, furthest: float, normals: np.ndarray, model: str | None, near: bool) -> Any:
        """``_place_anywhere`` of one centre in fewer passes over the rows; None where there is no such form."""
        one = self._batch == 1 and self._centre_length > _LEAST_LENGTH and self._flat_c[0] > 0.0
        if not one or model is None or model == "lorentz":
            return None
        c, centre = float(self._flat_c[0]), self._flat_mu[0]
        unit = centre / np.sqrt(centre @ centre)
        if not near and not self._centre_reach + np.sqrt(c) * furthest < polar.FURTHEST:
            return None
        if not near and width <= rejection.FEW_COLUMNS:
            return partial(_place_columns, centre, unit, c, model)
        if near:
            ball = self._ball_mu[0]
            return partial(_place_near, ball, normals @ ball, float(np.sqrt(c)))
        along = normals @ unit  # of all rows: a product of matrices rounds by how many there are
        return partial(_place_far, centre, along, c, model, 0.0 if self._centre_reach <= polar.NEAR else polar.SURE)

    @cached_property
    def _ball_mu(self) -> np.ndarray:
        """Ball coordinates of the centres, (batch, d), float64; for centres near the origin."""
        if self.model == "poincare":
            return self._flat(self.mu, *self.event_shape)
        return conversions.tangent_to_poincare(self._flat_mu, self._flat_c)

    def _place_near(
        self, out: np.ndarray, normals: np.ndarray, norm: np.ndarray, radius: np.ndarray, which: Which
    ) -> None:
        """In the ball about centres near the origin."""
        centre, root = self._ball_mu[which], np.sqrt(self._flat_c[which])
        size, along = root * np.sqrt(dot(centre, centre)), root * dot(normals, centre) / norm
        along_mu, along_u = polar.ball_factors(size, along, radius, root)
        rejection.scale_rows(normals, along_u / norm, out)
        out += along_mu[:, None] * centre

    def _place_anywhere(
        self,
        out: np.ndarray,
        normals: np.ndarray,
        norm: np.ndarray,
        radius: np.ndarray,
        which: Which,
        model: str | None,
    ) -> None:
        c, mu = self._flat_c[which], self._flat_mu[which]
        if self._centre_reach == 0.0 and model != "lorentz":
            rejection.scale_rows(normals, polar.origin_factor(radius, c, model or "poincare") / norm, out)
        else:
            rejection.scale_rows(normals, 1.0 / norm, normals)
            out[...] = polar.exp_polar(mu, radius, normals, c, model or "poincare")

    @cached_property
    def _centre_lengths(self) -> np.ndarray:
        """Distances of the centres from the origin, (batch,)."""
        return np.sqrt(np.sum(np.square(self._flat_mu), axis=-1))

    @cached_property
    def _centre_length(self) -> float:
        return float(np.max(self._centre_lengths, initial=0.0))

    @cached_property
    def _centre_reach(self) -> float:
        """The largest distance of a centre from the origin, in units of 1/sqrt(c) where c > 0."""
        scale = np.where(self._flat_c > 0, np.sqrt(self._flat_c), 1.0)
        return float(np.max(self._centre_lengths * scale, initial=0.0))

    @property
    def _longest(self) -> float:
        """The length of a vector of ``dtype`` whose square a double holds."""
        return min(float(np.finfo(self.dtype).max), float(np.sqrt(np.finfo(np.float64).max)))

    def _check_model(self, model: str | None) -> str | None:
        model = super()._check_model(model)
        checks.hyperboloid(model != "lorentz" or bool(np.all(np.asarray(self.c) > 0)))
        return model

    def _width(self, model: str | None) -> int:
        return self.event_shape[0] + (model == "lorentz")

    def _check_draws(self, points: np.ndarray, block: slice, model: str | None, reach: float) -> None:
        if model == "tangent" or reach < self._safe_reach[model]:
            return
        if model == "poincare":
            check_holdable(points, self._flat_c[self._which(block.start, block.stop)])
        elif not np.isfinite(points).all():
            raise ValueError(
                f"a draw lies further from the origin than {model} coordinates of {self.dtype} hold: "
                "ask for model='tangent' or a wider dtype"
            )

    @cached_property
    def _safe_reach(self) -> dict[str | None, float]:
        """The distance from the origin, in units of 1/sqrt(c), to which no coordinates of a model round or overflow."""
        ball = float(conversions.ball_radius_limit(self.dtype, 1.0)) - 2.0
        return {"poincare": ball, "lorentz": 0.5 * float(np.log(np.finfo(self.dtype).max))}

    def _contains(self, x: np.ndarray, model: str | None) -> np.ndarray:
        if model == "tangent":
            return Tangent(self.c).contains(x.astype(np.float64))
        if model == "poincare":
            return PoincareBall(self.c).contains(x)
        return Lorentz(self.c).contains(x)

    def _somewhere(self, model: str | None) -> np.ndarray:
        origin = np.zeros(self._width(model))
        if model == "lorentz":
            time = np.eye(1, origin.size)[0]
            return time / np.sqrt(self.c.astype(np.float64))[..., None]
        return origin

    def _ball(self, rows: int, model: str | None) -> density.Ball | None:
        """Distances from the centre in ball coordinates; None where points or centre have others."""
        if not model == self.model == "poincare":
            return None
        return density.Ball(self.mu.astype(np.float64), float(self.c), rows)

    def _distance(self, x: np.ndarray, model: str | None) -> np.ndarray:
        """Geodesic distance of points from mu."""
        c = self.c.astype(np.float64)
        if model == self.model == "poincare":
            return poincare.dist(x, self.mu.astype(np.float64), c)
        return tangent.dist(conversions.to_tangent(x, c, model or "tangent"), self._tangent_mu, c)


_LEAST_LENGTH = 1e-100
"""Shorter centres have squares that may vanish."""


def _place_near(
    centre: np.ndarray, along: np.ndarray, root: float,
    out: np.ndarray, normals: np.ndarray, norm: np.ndarray, radius: np.ndarray, rows: slice,
) -> None:  # fmt: skip
    """In the ball about one centre near the origin."""
    cosine = along[rows] / norm
    cosine *= root
    along_mu, along_u = polar.ball_factors(root * np.sqrt(centre @ centre), cosine, radius, root)
    along_u /= norm
    rejection.scale_rows(normals, along_u, out)
    rejection.add_multiples(out, along_mu, centre)


def _place_columns(
    centre: np.ndarray, unit: np.ndarray, c: float, model: str,
    out: np.ndarray, normals: np.ndarray, norm: np.ndarray, radius: np.ndarray, rows: slice,
) -> None:  # fmt: skip
    """In few dimensions, at any distance from the origin."""
    way = normals.T / norm
    way += unit[:, None]
    half = np.square(way[0])
    for column in way[1:]:
        half += np.square(column)
    half *= 0.25
    along_mu, along_way = polar.boost_factors(centre, radius, half, c, model)
    way *= along_way
    for j, place in enumerate(centre):
        np.multiply(along_mu, place, out=half)
        np.add(way[j], half, out=out[:, j])


def _place_far(
    centre: np.ndarray, along: np.ndarray, c: float, model: str, least: float,
    out: np.ndarray, normals: np.ndarray, norm: np.ndarray, radius: np.ndarray, rows: slice,
) -> None:  # fmt: skip
    """In many dimensions; the few draws whose cos^2(phi/2) is below ``least`` by the general form."""
    half = along[rows] / norm
    half += 1.0
    half *= 0.5
    np.maximum(half, 0.0, out=half)
    opposite = np.flatnonzero(half < least)
    ways = normals[opposite] / norm[opposite, None]
    along_mu, along_u = polar.boost_factors(centre, radius, half, c, model)
    along_mu += along_u / np.sqrt(centre @ centre)
    along_u /= norm
    rejection.scale_rows(normals, along_u, out)
    rejection.add_multiples(out, along_mu, centre)
    if opposite.size:
        out[opposite] = polar.exp_polar(centre, radius[opposite], ways, c, model)
