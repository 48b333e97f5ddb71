"""Kullback-Leibler divergences that have a closed or one-dimensional form: formulas over summaries, in any namespace.

Laws about one centre are compared by their log ratio, ``quadrature.divergence``, so that a small divergence keeps its
relative accuracy. Derivatives in every parameter follow, to any order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from hyperdist.arrays import lower
from hyperdist.arrays.namespace import Array, namespace, values
from hyperdist.arrays.stable import cos_excess, log_quotient, log_sinhc_sq
from hyperdist.distributions.normal_forms import NormalSpread, mean_precision, mean_square, of_spreads, one_scale
from hyperdist.distributions.summaries import (
    HyperbolicSummary,
    RiemannianNormalSummary,
    SphericalSummary,
    Summary,
    ToroidalNormalSummary,
    ToroidalUniformSummary,
    WrappedNormalSummary,
)
from hyperdist.geometry import torus
from hyperdist.radial import circle_cross, circular, quadrature
from hyperdist.radial.nodes import Nodes
from hyperdist.radial.riemannian_normal.kernel import HyperbolicKernel


class Divergence(NamedTuple):
    """KL(p || q) in nats, float64, and a mask of the centres for which that is what it is; None where any will do."""

    value: Array
    known: Array | None = None


Form = Callable[[Any, Any], Divergence]

_FORMS: dict[tuple[type[Summary], type[Summary]], Form] = {}


def form(p: type[Summary], q: type[Summary]) -> Callable[[Form], Form]:
    """Decorator: the divergence of a law with the one summary from a law with the other."""

    def register(function: Form) -> Form:
        _FORMS[p, q] = function
        return function

    return register


def find(p: Summary | None, q: Summary | None) -> Form | None:
    """The form for two laws, or None."""
    return None if p is None or q is None else _FORMS.get((type(p), type(q)))


def settle(value: Array) -> Array:
    """Rounding may take a vanishing divergence below 0 by an eps of its terms; it is >= 0 (Gibbs).

    Its derivatives stay: the second one at p = q is the Fisher information.
    """
    fixed = values(value)
    return value - namespace(value).where(fixed < 0.0, fixed, 0.0)


def _growth(p_sigma: Array, q_sigma: Array) -> Array:
    """(p/q)^2 - 1."""
    return namespace(p_sigma, q_sigma).expm1(2.0 * log_quotient(p_sigma, q_sigma))


def _apart(p: HyperbolicSummary, q: HyperbolicSummary) -> tuple[Array, Array]:
    """(mu_q - mu_p, known): in orthonormal coordinates where c = 0, and 0 where the centres agree; else not known.

    At c = 0 the ball's metric is 4 |dx|^2, so lengths are twice those of the coordinates.
    """
    xp = namespace(p.mu, q.mu, p.c, q.c)
    if p.model == q.model:
        apart = (2.0 if p.model == "poincare" else 1.0) * (q.mu - p.mu)
    else:
        apart = q.tangent_mu() - p.tangent_mu()
    return apart, (xp.all(apart == 0.0, axis=-1) | ~(p.c > 0.0)) & (p.c == q.c)


def _log_z(d: int, sigma: Array) -> Array:
    """That of the normal on R^d."""
    return d * (namespace(sigma).log(sigma) + 0.5 * math.log(2.0 * math.pi))


@form(RiemannianNormalSummary, RiemannianNormalSummary)
def _riemannian_riemannian(p: RiemannianNormalSummary, q: RiemannianNormalSummary) -> Divergence:
    (apart, known), growth = _apart(p, q), _growth(p.sigma, q.sigma)
    nodes, xp = p.radius.nodes(), namespace(apart, growth)
    far = q.radius.log_normalizer() - p.radius.log_normalizer() + 0.5 * growth * nodes.mean(xp.square(nodes.y))
    nodes = nodes.beside(q.axes)
    radial = quadrature.divergence(nodes.share, -0.5 * growth * nodes.square_excess, far)
    return Divergence(radial + 0.5 * xp.sum(xp.square(apart / q.sigma[..., None]), axis=-1), known)


@form(WrappedNormalSummary, WrappedNormalSummary)
def _wrapped_wrapped(p: WrappedNormalSummary, q: WrappedNormalSummary) -> Divergence:
    """The normal's divergence: both laws are the same map of it."""
    apart, known = _apart(p, q)
    return Divergence(of_spreads(p.spread, q.spread, apart), known)


@form(RiemannianNormalSummary, WrappedNormalSummary)
def _riemannian_wrapped(p: RiemannianNormalSummary, q: WrappedNormalSummary) -> Divergence:
    """By the isotropic law of q's mean precision, since a radial law has E v_i^2 = E r^2/d in every coordinate."""
    apart, known = _apart(p, q)
    xp, n, nodes = namespace(apart, p.sigma), p.d - 1, p.radius.nodes()
    even = mean_precision(q.spread)
    growth, w = _growth(p.sigma, even), p.c * p.sigma * p.sigma
    square = xp.square(nodes.y)
    far = 0.5 * growth * nodes.mean(square) + n * nodes.mean(log_sinhc_sq(w * square))
    far = _log_z(p.d, even) - p.radius.log_normalizer() + far
    nodes = nodes.beside(q.axes)
    tilt = -0.5 * growth * nodes.square_excess - n * log_sinhc_sq(w * xp.square(nodes.y))
    rest = of_spreads(NormalSpread(even[..., None]), q.spread, apart)
    return Divergence(quadrature.divergence(nodes.share, tilt, far) + rest, known)


@form(WrappedNormalSummary, RiemannianNormalSummary)
def _wrapped_riemannian(p: WrappedNormalSummary, q: RiemannianNormalSummary) -> Divergence:
    """By the isotropic law of p's mean square."""
    apart, known = _apart(p, q)
    xp, n = namespace(apart, q.sigma), p.d - 1
    even = mean_square(p.spread)
    growth = _growth(even, q.sigma)
    far = q.radius.log_normalizer() - _log_z(p.d, even) + 0.5 * p.d * growth - n * p.mean_log_sinhc()
    nodes = _chi(p.d, even).beside(q.axes)
    tilt = n * log_sinhc_sq(p.c * xp.square(even * nodes.y)) - 0.5 * growth * nodes.square_excess
    radial = quadrature.divergence(nodes.share, tilt, far)
    # Unless the scales are equal the stretch is not that of the isotropic law, nor are its derivatives ever.
    isotropic = (p.c == 0.0) | one_scale(p.spread)
    value, fixed = values(radial), values(far)
    near = xp.where(isotropic & xp.isfinite(fixed), value + (far - fixed), far)
    rest = of_spreads(p.spread, NormalSpread(even[..., None]), apart, q.sigma[..., None])
    return Divergence(near + rest, known)


def _chi(d: int, like: Array) -> Nodes:
    """The norm of d standard normals, a batch of ``like``'s shape."""
    return Nodes.of(HyperbolicKernel.build(d, namespace(like).zeros_like(values(like))))


@form(SphericalSummary, SphericalSummary)
def _on_sphere(p: SphericalSummary, q: SphericalSummary) -> Divergence:
    """Normal, von Mises-Fisher and uniform laws in any pair.

    E_p x = A mu_p is along mu_p, so that a von Mises-Fisher q may have any centre: A kappa_q (1 - mu_p.mu_q) is added.
    """
    if p.mu is None and q.mu is None:
        return Divergence(0.0 * p.radius.log_normalizer())
    nodes = p.radius.nodes()
    radial = _about_one_axis(p, q, nodes)
    if p.mu is None or q.mu is None:
        return Divergence(radial)
    xp = namespace(p.mu, q.mu)
    chord = 0.5 * xp.sum(xp.square(p.mu - q.mu), axis=-1)  # 1 - mu_p.mu_q
    if q.sigma is not None:
        return Divergence(radial, ~(chord > 0.0))
    if p.sigma is not None:
        along = 1.0 - nodes.mean(_versine(nodes.y))
    else:  # by parts, which is right for small kappa too
        along = p.kappa * nodes.mean(xp.square(xp.sin(nodes.y))) / p.d
    return Divergence(radial + q.kappa * along * chord)


def _about_one_axis(p: SphericalSummary, q: SphericalSummary, nodes: Nodes) -> Array:
    """What differs is a precision of r^2/2 and a coefficient of cos r - 1, which is cos_excess(r) - r^2/2."""
    more = q.kappa - p.kappa
    far = q.radius.log_normalizer() - p.radius.log_normalizer()
    beside = nodes.beside(q.axes)
    if p.sigma is None and q.sigma is None:
        far = far + more * nodes.mean(_versine(nodes.y))
        return quadrature.divergence(beside.share, more * beside.cosine_excess, far)
    precision = _precision_gap(p, q)
    far = far + 0.5 * precision * nodes.mean(nodes.y * nodes.y)
    tilt = -0.5 * (precision + more) * beside.square_excess
    if p.sigma is None or q.sigma is None:
        far, tilt = far + more * nodes.mean(_versine(nodes.y)), tilt + more * cos_excess(beside.y)
    return quadrature.divergence(beside.share, tilt, far)


def _versine(y: Array) -> Array:
    """1 - cos y."""
    xp = namespace(y)
    return 2.0 * xp.square(xp.sin(0.5 * y))


def _precision_gap(p: SphericalSummary, q: SphericalSummary) -> Array:
    """1/sigma_q^2 - 1/sigma_p^2, 0 for what has no sigma."""
    if p.sigma is None or q.sigma is None:
        return (0.0 if q.sigma is None else 1.0 / q.sigma / q.sigma) - (
            0.0 if p.sigma is None else 1.0 / p.sigma / p.sigma
        )
    return _growth(p.sigma, q.sigma) / p.sigma / p.sigma


@form(ToroidalUniformSummary, ToroidalUniformSummary)
def _same(p: ToroidalUniformSummary, q: ToroidalUniformSummary) -> Divergence:
    return Divergence(0.0 * p.log_volume)


@form(ToroidalNormalSummary, ToroidalUniformSummary)
def _wrapped_uniform(p: ToroidalNormalSummary, q: ToroidalUniformSummary) -> Divergence:
    """The sum of the coordinates' divergences, each that of the absolute angle; of correlated ones by their entropy."""
    if p.entropy is not None:
        return Divergence(q.log_volume - p.entropy())
    xp = namespace(p.sigma)
    angle, weights = circular.rule(values(p.sigma))
    share = weights * xp.exp(circular.log_density(angle, p.sigma))
    share, tilt = share / xp.sum(share, axis=0), -circular.log_uniform_ratio(angle, p.sigma)
    return Divergence(xp.sum(quadrature.divergence(share, tilt, -xp.sum(share * tilt, axis=0)), axis=-1))


@form(ToroidalNormalSummary, ToroidalNormalSummary)
def _torus_normals(p: ToroidalNormalSummary, q: ToroidalNormalSummary) -> Divergence:
    """The sum of the coordinates', in closed form where q has independent ones; else each pair of laws for itself."""
    xp, apart = namespace(p.mu, q.mu), torus.wrap(p.mu - q.mu)
    if p.sigma is not None and q.sigma is not None:
        return Divergence(xp.sum(circle_cross.divergence(p.sigma, q.sigma, apart), axis=-1))
    if p.sigma is not None:
        entropy = -xp.sum(circle_cross.mean_log_density(p.sigma, p.sigma, 0.0 * p.sigma), axis=-1)
    else:
        entropy = _entropy(p)
    if q.sigma is not None:
        scales = xp.sqrt(xp.sum(xp.square(p.scale_tril), axis=-1))
        return Divergence(-entropy - xp.sum(circle_cross.mean_log_density(scales, q.sigma, apart), axis=-1))
    p_tril = lower.of_scales(p.sigma) if p.scale_tril is None else p.scale_tril
    return Divergence(p.divergence(apart, p_tril, q.scale_tril, entropy))


def _entropy(p: ToroidalNormalSummary) -> Array:
    """That of correlated angles; what it raises names what serves a divergence."""
    try:
        return p.entropy()  # type: ignore[misc]
    except NotImplementedError as error:
        said = str(error).partition(":")[0]
        raise NotImplementedError(f"{said}: average p.log_prob(x) - q.log_prob(x) over draws of p") from None


@form(ToroidalUniformSummary, ToroidalNormalSummary)
def _uniform_wrapped(p: ToroidalUniformSummary, q: ToroidalNormalSummary) -> Divergence:
    """By a normal whose first wave is exp(-1800)."""
    even = replace(q, sigma=60.0 + 0.0 * q.mu, scale_tril=None, entropy=None)
    return _torus_normals(even, q)
