"""Every radial law against the mpmath reference, on the whole grid: normaliser, moments, tails, quantiles, gradients.

The figures are DESIGN's: 1e-13 for values and 1e-10 for gradients; moments, whose scale the grid varies over nine
decades, are held to 1e-13 relative. Deep tails (1e-30, 1e-300) are held to 1e-12 relative, since exp(log p) carries
|log p| = 691 times the rounding of its argument. x is a double: where the law is steep against its rounding, as at
the antipode of a sphere, a tail may move by density times half an ulp of x, and no more.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import hyperdist as hd
from tests.support.oracles import load

VALUE = 1e-13
GRADIENT = 1e-10
DEEP = 1e-12

Row = dict[str, Any]


def hyperbolic(rows: list[Row], c: float = 1.0) -> Any:
    """Curvature -c at scale s/sqrt(c): lengths are those of the unit space over sqrt(c)."""
    sigma = np.array([row["s"] for row in rows]) / np.sqrt(c)
    return hd.RiemannianNormal(np.zeros((len(rows), rows[0]["d"])), sigma, c)


def wrapped(rows: list[Row]) -> Any:
    sigma = np.array([row["s"] for row in rows])
    return hd.WrappedNormal(np.zeros((len(rows), rows[0]["d"])), sigma[:, None], 1.0)


def von_mises_fisher(rows: list[Row]) -> Any:
    return hd.VonMisesFisher(np.eye(1, rows[0]["m"])[0], np.array([row["kappa"] for row in rows]))


def spherical(rows: list[Row]) -> Any:
    return hd.SphericalRiemannianNormal(np.eye(1, rows[0]["d"] + 1)[0], np.array([row["sigma"] for row in rows]))


def circle(rows: list[Row]) -> Any:
    return hd.ToroidalWrappedNormal(np.zeros((len(rows), 1)), np.array([[row["sigma"]] for row in rows]))


BUILD: dict[str, tuple[Callable[[list[Row]], Any], str, str]] = {
    "hyperbolic": (hyperbolic, "d", "sigma"),
    "chi": (wrapped, "d", "sigma"),
    "von_mises_fisher": (von_mises_fisher, "m", "kappa"),
    "spherical": (spherical, "d", "sigma"),
    "circle": (circle, "", "sigma"),
}


def groups(names: tuple[str, ...] = tuple(BUILD)) -> list[Any]:
    """(law, dimension) pairs: one test, and one batch, each."""
    out = []
    for name in names:
        key = BUILD[name][1]
        out += [pytest.param(name, d, id=f"{name}-{d}") for d in sorted({row.get(key, 1) for row in load(name)})]
    return out


class Case:
    """The rows of one law and dimension as arrays, and the law that hyperdist makes of them as one batch."""

    def __init__(self, name: str, d: int, **options: Any) -> None:
        build, key, self.parameter = BUILD[name]
        self.rows = [row for row in load(name) if row.get(key, 1) == d]
        self.law = build(self.rows, **options)
        self.radius = self.law.radius
        self.upper = np.array([point["upper"] for point in self.rows[0]["points"]])[:, None]
        self.p, self.x = self.points("p"), self.points("x")
        self.deep = np.where(self.p < 1e-6, DEEP, VALUE)

    def row(self, key: str) -> np.ndarray:
        """(rows,) stored values."""
        return np.array([float(row[key]) for row in self.rows])

    def points(self, key: str) -> np.ndarray:
        """(points, rows) stored values."""
        return np.array([[float(point[key]) for point in row["points"]] for row in self.rows]).T

    def call(self, method: Callable[[np.ndarray], np.ndarray], values: np.ndarray) -> np.ndarray:
        """The method at (points, rows) values."""
        return np.reshape(method(values.reshape((len(values), *self.radius.batch_shape))), values.shape)

    def shorter_tail(self, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
        """Of two arrays, the one that each point's small tail belongs to."""
        return np.where(self.upper, upper, lower)

    def assert_close(self, got: Any, key: str, bound: Any = VALUE, relative: bool = False, slack: Any = 0.0) -> None:
        """|got - stored| <= bound (1 + |stored|) or bound |stored|, plus slack; lists the misses, worst first."""
        stored = self.points(key) if key in self.rows[0]["points"][0] else self.row(key)
        got = np.reshape(got, stored.shape)
        scale = np.abs(stored) if relative else 1.0 + np.abs(stored)
        allowed = np.broadcast_to(bound * scale + slack, stored.shape)
        # a stored 0, such as a mode at the centre, is to be met exactly
        excess = np.where(
            got == stored, 0.0, np.abs(got - stored) / np.where(allowed > 0, allowed, np.finfo(float).tiny)
        )
        self.require(excess, key, lambda i: f"got {got[i]!r}, true {stored[i]!r}")

    def require(self, excess: np.ndarray, what: str, detail: Callable[[Any], str] = lambda index: "") -> None:
        """Fails where an error, in units of its bound, is not at most 1; lists the cells, worst first."""
        misses = sorted(
            map(tuple, np.argwhere(~(excess <= 1.0))), key=lambda index: -np.nan_to_num(excess[index], nan=np.inf)
        )
        lines = [f"  {self.describe(index)}: {excess[index]:.1e} x the bound {detail(index)}" for index in misses]
        if misses:
            pytest.fail("\n".join([f"{what}: {len(misses)} of {excess.size} cells miss", *lines[:12]]), pytrace=False)

    def half_ulp(self) -> np.ndarray:
        """What half an ulp of x is worth in probability on the compact spaces; hyperbolic laws do without this."""
        compact = self.parameter == "kappa" or "sigma" in self.rows[0]
        return 0.5 * np.spacing(self.x) * np.exp(self.points("log_pdf")) * compact

    def describe(self, index: tuple[int, ...]) -> str:
        """Parameters, and p where there is one, of a cell."""
        row = self.rows[index[-1]]
        cell = {key: row[key] for key in ("d", "m", "s", "sigma", "kappa") if key in row}
        if len(index) == 2:
            point = row["points"][index[0]]
            cell |= {"p": point["p"], "tail": "upper" if point["upper"] else "lower"}
        return str(cell)


@cache
def case(name: str, d: int) -> Case:
    return Case(name, d)


ALL = pytest.mark.parametrize(("name", "d"), groups())
NOT_CIRCLE = pytest.mark.parametrize(("name", "d"), groups(("hyperbolic", "chi", "von_mises_fisher", "spherical")))


@NOT_CIRCLE
def test_log_normaliser(name, d):
    case(name, d).assert_close(case(name, d).radius.log_normalizer(), "log_normaliser")


@NOT_CIRCLE
def test_log_normaliser_of_the_law(name, d):
    case(name, d).assert_close(case(name, d).law.log_normalizer(), "law_log_normaliser")


@NOT_CIRCLE
def test_derivative_of_log_normaliser(name, d):
    this = case(name, d)
    derivative = this.radius.log_normalizer_derivative()[this.parameter]
    this.assert_close(derivative, "dlog_normaliser", relative=True)


@ALL
def test_mean_of_radius(name, d):
    case(name, d).assert_close(case(name, d).radius.mean, "mean", relative=True)


@ALL
def test_variance_of_radius(name, d):
    case(name, d).assert_close(case(name, d).radius.variance, "variance", relative=True)


@ALL
def test_mode_of_radius(name, d):
    case(name, d).assert_close(case(name, d).radius.mode, "mode", relative=True)


@ALL
def test_variance_of_law_is_mean_squared_distance(name, d):
    case(name, d).assert_close(case(name, d).law.variance, "second_moment", relative=True)


@ALL
def test_entropy_of_radius(name, d):
    case(name, d).assert_close(case(name, d).radius.entropy(), "entropy")


@ALL
def test_entropy_of_law(name, d):
    case(name, d).assert_close(case(name, d).law.entropy(), "law_entropy")


@ALL
def test_cdf_and_sf(name, d):
    this = case(name, d)
    this.assert_close(this.call(this.radius.cdf, this.x), "cdf")
    this.assert_close(this.call(this.radius.sf, this.x), "sf")


@ALL
def test_tails_keep_their_relative_accuracy(name, d):
    """To 1e-300; on the compact spaces beside what half an ulp of x is worth."""
    this = case(name, d)
    for key in ("cdf", "sf"):
        got, stored = this.call(getattr(this.radius, key), this.x), this.points(key)
        small = this.upper == (key == "sf")
        this.assert_close(np.where(small, got, stored), key, this.deep, relative=True, slack=this.half_ulp())


@ALL
def test_log_tails_are_the_logarithms_of_the_tails(name, d):
    """log cdf and log sf to 1e-13 (1 + |log|), where half an ulp of x does not change their first digit."""
    this = case(name, d)
    for method, key in ((this.radius.log_cdf, "cdf"), (this.radius.log_sf, "sf")):
        stored, slack = this.points(key), this.half_ulp()
        error = np.abs(this.call(method, this.x) - np.log(stored))
        excess = error / (VALUE * (1 + np.abs(np.log(stored))) + slack / stored)
        this.require(np.where(slack < 0.1 * stored, excess, 0.0), f"log {key}")


@ALL
def test_log_density(name, d):
    this = case(name, d)
    this.assert_close(this.call(this.radius.log_prob, this.x), "log_pdf")


@ALL
def test_quantiles(name, d):
    """icdf and isf from 1e-300 to 1 - 1e-300, relative in r."""
    this = case(name, d)
    got = this.shorter_tail(this.call(this.radius.icdf, this.p), this.call(this.radius.isf, this.p))
    this.assert_close(got, "quantile", relative=True)


@ALL
def test_quantiles_and_tails_are_inverse(name, d):
    """cdf(icdf(p)) = p and sf(isf(p)) = p, as far as a relative 1e-13 of the quantile lets them."""
    this = case(name, d)
    for inverse, tail in ((this.radius.icdf, this.radius.cdf), (this.radius.isf, this.radius.sf)):
        r = this.call(inverse, this.p)
        density = np.exp(this.call(this.radius.log_prob, r))
        error = np.abs(this.call(tail, r) - this.p)
        this.require(error / (this.deep * this.p + VALUE * r * density), "round trip")


@ALL
def test_gradient_of_a_draw(name, d):
    """At quantiles 1e-6 to 1 - 1e-6."""
    this = case(name, d)
    got = this.call(lambda r: this.radius.parameter_gradient(r)[this.parameter], this.x)
    this.assert_close(np.where(this.p < 1e-6, this.points("dx"), got), "dx", GRADIENT, relative=True)


@pytest.mark.parametrize("d", [1, 2, 3, 5, 10, 20, 100, 1000])
def test_gradient_of_a_draw_in_the_deep_tails(d):
    """The hyperbolic law's gradient holds its figure to 1e-300."""
    this = case("hyperbolic", d)
    this.assert_close(this.radius.parameter_gradient(this.x)["sigma"], "dx", GRADIENT, relative=True)


@pytest.mark.parametrize("d", [1, 2, 3, 5, 10, 20, 50, 100, 1000])
def test_gradient_of_a_draw_in_the_curvature(d):
    """dr/dc = (s dx/ds - r)/(2c) at c = 1, error at most 1e-10 r/c."""
    this = case("hyperbolic", d)
    got = this.radius.parameter_gradient(this.x)["c"]
    error = np.abs(got - 0.5 * (this.row("s") * this.points("dx") - this.x))
    this.require(np.where(this.p < 1e-6, 0.0, error / (GRADIENT * this.x)), "dr/dc")


@pytest.mark.parametrize("d", [1, 2, 5, 20, 1000])
def test_curvature_only_changes_the_unit_of_length(d):
    """c = 4: every length is half that of c = 1 and every probability the same."""
    this = Case("hyperbolic", d, c=4.0)
    this.assert_close(this.radius.log_normalizer() + d * np.log(2.0), "log_normaliser")
    this.assert_close(2.0 * this.radius.mean, "mean", relative=True)
    this.assert_close(this.radius.cdf(this.x / 2), "cdf")
    this.assert_close(this.radius.sf(this.x / 2), "sf")
    got = this.radius.parameter_gradient(this.x / 2)["sigma"]
    this.assert_close(np.where(this.p < 1e-6, this.points("dx"), got), "dx", GRADIENT, relative=True)


@pytest.mark.parametrize("m", [2, 3, 4, 5, 10, 50, 100, 1000, 10000])
def test_von_mises_fisher_resultant_its_complement_and_derivative(m):
    """A, 1 - A and dA/dkappa, each relative: from kappa = 1e-6, where A is tiny, to 1e8, where 1 - A is."""
    this = case("von_mises_fisher", m)
    this.assert_close(this.radius.mean_resultant_length(), "resultant", relative=True)
    this.assert_close(this.radius.mean_versine(), "one_minus_resultant", relative=True)
    this.assert_close(this.radius.cosine_variance(), "dresultant", relative=True)
