"""E_p log q of two wrapped normals on the torus, p and q of triangles, each law for itself.

Of the angles that ``wrapped_torus`` takes for q, the first may be so narrow that the draws of p never come near another
image: the mean of that normal's log density is known. The last may be so wide that they are uniform given the others.
What is between is again a wrapped normal, of which p's part is one too: on a circle by ``circle_cross``, in two and
three dimensions by the trapezoidal rule, over the normal where p is narrow, and over the torus where it is wide. It
converges exponentially, and is refined until its own three coarsest forms promise ``ERROR``.
"""

from __future__ import annotations

import math

import numpy as np

from hyperdist.arrays import lower
from hyperdist.arrays.host import made, numbers, plain
from hyperdist.arrays.namespace import Array, namespace, place
from hyperdist.geometry import torus
from hyperdist.radial import circle_cross, lattice, torus_terms, wrapped_torus
from hyperdist.radial.torus_entropy import WIDE
from hyperdist.radial.wrapped_torus import Terms

ERROR = 1e-10
"""What the rule promises, times 1 + |value|."""
BETWEEN = 3
"""Dimensions in which it is used."""
_TURN = 2.0 * math.pi
_LOG_TURN = math.log(_TURN)
_GONE = 40.0
"""Nats below which an image counts as none."""
_COUNTED = 20_000
"""Images that are looked at for whether they matter ..."""
_FURTHEST = 1e10
"""... and how far, in standard deviations: squared distances, which tell the nearest, are rounded by 2e-16 of that."""
_NODES = ((), (), (32, 64, 128, 256, 512), (32, 48, 64, 96))
"""Nodes an angle that are tried in so many dimensions."""
_SPARE = 1e4
"""Times its bound from which on an error expected of the most nodes, by half as many, spares trying them."""
_SPLIT = 0.5
"""Scale of p's angles up to which nodes are laid over the normal, as far as ``_REACH`` of it."""
_REACH = 8.5
_UNKNOWN = (
    "the divergence from correlated angles that wrap, in {} dimensions and as narrow as these, is an integral that "
    "cannot be worked out to 1e-10: average p.log_prob(x) - q.log_prob(x) over draws of p"
)


def mean_log_density(apart: Array, p_tril: Array, q_tril: Array) -> tuple[Array, Array | None]:
    """(E_p log q, the centre of p less q's (d,) where q is a normal about p, else None).

    apart (d,): the centre of p less q's, modulo 2 pi; triangles (d, d).

    Raises NotImplementedError where the rule does not serve.
    """
    xp, d = namespace(apart, p_tril, q_tril), q_tril.shape[-1]
    turn = lattice.reduced(numbers(q_tril))
    triangle = wrapped_torus.turned(q_tril, made(turn, q_tril.dtype, q_tril))
    scales = np.diagonal(numbers(triangle))
    stop = d
    while stop and scales[stop - 1] >= WIDE:
        stop -= 1
    wound = made(turn, p_tril.dtype, p_tril)
    mean, spread = torus.wrap(lower.apply(wound, apart)), wound @ p_tril
    start, home = _unwrapped(numbers(mean), numbers(spread), numbers(triangle)[:stop, :stop])
    mean = mean + made(home, mean.dtype, mean)
    # Of no angles too, so that the derivative in a triangle that does not matter is 0.
    total = -xp.sum(xp.log(lower.diagonal(triangle)[:start]), -1) - (d - stop + 0.5 * start) * _LOG_TURN + 0.0 * mean[0]
    at = wide = None
    if start:
        whitener = lower.inverse(triangle[:start, :start])
        at, wide = lower.apply(whitener, mean[:start]), whitener @ spread[:start]
        square = xp.sum(xp.square(at), -1) + xp.sum(xp.square(wide), (-2, -1))
        total = total - 0.5 * square
    if start == stop:
        return total, lower.apply(made(np.round(np.linalg.inv(turn)), mean.dtype, mean), mean) if start == d else None
    mean_left, spread_left, left = mean[start:stop], spread[start:stop], triangle[start:stop, start:stop]
    if start:
        below = triangle[start:stop, :start]
        mean_left, spread_left = mean_left - lower.apply(below, at), spread_left - below @ wide
    return total + _between(torus.wrap(mean_left), spread_left, left), None


def _unwrapped(mean: np.ndarray, spread: np.ndarray, triangle: np.ndarray) -> tuple[int, np.ndarray]:
    """(how many of q's angles do not wrap about p, turns, of length d, to be added to the mean), of q's triangle of the
    angles that are not uniform.

    What is left of them may prefer another image of the first ones, by as much as a density of theirs varies from
    place to place (``lattice.cut``): so many nats more that image has to be away.
    """
    home = np.zeros(len(mean))
    spare = np.square(math.pi / np.diagonal(triangle))
    for start in range(len(triangle), 0, -1):
        whitener = lower.inverse(triangle[:start, :start])
        k = _only_image(
            _TURN * whitener, whitener @ mean[:start], whitener @ spread[:start], 0.5 * float(np.sum(spare[start:]))
        )
        if k is not None:
            home[:start] = _TURN * k
            return start, home
    return 0, home


def _only_image(basis: np.ndarray, at: np.ndarray, spread: np.ndarray, spare: float) -> np.ndarray | None:
    """The turns k (m,) that bring p's centre to the image of q that is nearest; None where another one matters.

    Those at the others, by b, have a log ratio u to it that is normal with mean -t = spare - (|b|^2/2 + b.at) and the
    variance s^2 of b.z, and log(1 + e^u) <= e^(a u)/a for any a <= 1: at the best a = t/s^2 its mean is about
    exp(-t^2/(2 s^2)), or where that is above 1, exp(s^2/2 - t). It must be below exp(-40) each, about.
    """
    turns = lattice.nearest_plane(basis, at[None])[0]
    with np.errstate(all="ignore"):
        size = float(np.linalg.norm(spread, 2))
        beyond = max(math.sqrt(8.0 * _GONE) * size, math.sqrt(4.0 * _GONE)) + math.sqrt(2.0 * spare)
        turns = turns + _best(basis, at + basis @ turns, beyond)[0]
        # Rounding to a plane finds one that is near; now others are seen from the nearest.
        better, k = _best(basis, at + basis @ turns, beyond)
        if not len(k) or better.any():
            return None
        images = k[np.any(k != 0.0, axis=1)] @ basis.T
        square = np.sum(np.square(images @ spread), -1)
        t = 0.5 * np.sum(images * images, -1) + images @ (at + basis @ turns) - spare
        left = np.where(t >= square, t - 0.5 * square, 0.5 * t * t / square)
    return None if ((left < _GONE) | (t <= 0.0)).any() else turns


def _best(basis: np.ndarray, at: np.ndarray, beyond: float) -> tuple[np.ndarray, np.ndarray]:
    """(The turns (m,) of the nearest image, those of all that are in reach (n, m)); none where these are too many."""
    none = np.zeros(len(at)), np.empty((0, len(at)))
    reach = 2.0 * float(np.linalg.norm(at)) + beyond
    if not reach < _FURTHEST:
        return none
    try:
        k = lattice.within(basis, np.zeros((1, len(at))), np.array([reach * reach]), _COUNTED)[1]
    except ValueError:
        return none
    images = k @ basis.T
    away = 0.5 * np.sum(images * images, -1) + images @ at
    return (k[np.argmin(away)] if away.min() < 0.0 else none[0]), k


def _between(mean: Array, spread: Array, triangle: Array) -> Array:
    """E log q of a wrapped normal of mean (m,) and spread (m, d): of all its angles that wrap and are not uniform."""
    xp, m = namespace(mean, spread, triangle), triangle.shape[-1]
    upper = xp.linalg.qr(xp.swapaxes(spread, -1, -2))[1]
    tril = xp.swapaxes(upper * made(np.sign(np.diagonal(numbers(upper))), upper.dtype, upper)[:, None], -1, -2)
    if m == 1:
        return circle_cross.mean_log_density(tril[0], triangle[0], mean)[0]
    if m > BETWEEN:
        raise NotImplementedError(_UNKNOWN.format(m))
    given = numbers(mean), numbers(tril), numbers(triangle)
    for n in _NODES[m]:
        value, twice = _settled(n, *given)
        if value is not None:
            return value if plain(mean, tril, triangle) else _rule(n, mean, tril, triangle)
        if 2 * n == _NODES[m][-1] and not twice < _SPARE:
            break
    raise NotImplementedError(_UNKNOWN.format(m))


def _settled(n: int, *given: np.ndarray) -> tuple[np.ndarray | None, float]:
    """(The sum over n nodes an angle, if it is right to ``ERROR``, the error expected of 2 n nodes, over its bound).

    The sum of half the nodes must be nearly right, and much better than that of a quarter, since where the rule
    converges, half the nodes take the root of its error.
    """
    coarse, half, whole = (_rule(n // stride, *given) for stride in (4, 2, 1))
    first, last = abs(half - coarse), abs(whole - half)
    bound = 10.0 * ERROR * (1.0 + abs(whole))
    right = last <= 0.1 * bound or (last <= bound and last <= 0.01 * first)
    # The error of n, that of n/2 times the factor from n/4 to n/2 twice.
    return whole if right else None, float(last / bound * np.square(last / first)) if first > 0.0 else math.inf


def _rule(n: int, mean: Array, tril: Array, triangle: Array) -> Array:
    """The sum over n nodes an angle, for p of a triangle (m, m) about a mean, q of another about 0."""
    xp, m = namespace(mean, tril, triangle), len(mean)
    turn = lattice.reduced(numbers(tril))
    p, back = wrapped_torus.turned(tril, made(turn, tril.dtype, tril)), np.round(np.linalg.inv(turn))
    wide = np.diagonal(numbers(p)) > _SPLIT
    narrow = int(np.argmax(wide)) if wide.any() else m
    z = _grid(np.linspace(-_REACH, _REACH, n + 1), narrow)
    share = (2.0 * _REACH / n) ** narrow * np.exp(-0.5 * np.sum(z * z, -1) - 0.5 * narrow * _LOG_TURN)
    t = _grid(-math.pi + _TURN / n * np.arange(n), m - narrow)
    # Of wide angles the nodes stand at the mean given the narrow ones.
    at = made(z, p.dtype, p) @ xp.swapaxes(p[:, :narrow], 0, 1)
    y = (at[:, None, :] + made(np.pad(t, ((0, 0), (narrow, 0))), p.dtype, p)).reshape(-1, m)
    density = (
        (_TURN / n) ** (m - narrow) * xp.exp(log_density(made(t, p.dtype, p), p[narrow:, narrow:]))
        if m > narrow
        else None
    )
    weight = made(share, p.dtype, p)[:, None] * (1.0 if density is None else density)
    log_q = log_density(mean + y @ made(back.T, p.dtype, p), triangle)
    return xp.sum(weight.reshape(-1) * log_q, -1)


def _grid(axis: np.ndarray, d: int) -> np.ndarray:
    """All points (n^d, d) of d axes."""
    return np.stack(np.meshgrid(*[axis] * d, indexing="ij"), -1).reshape(-1, d) if d else np.zeros((1, 0))


def log_density(delta: Array, tril: Array) -> Array:
    """log f, (n,), at angles (n, d) of one triangle (d, d), with its derivatives."""
    xp, plan, like = namespace(delta, tril), torus_terms.plan(numbers(tril)), tril
    triangle, order, found = wrapped_torus.turned(tril, made(plan.turn, tril.dtype, tril)), [], []
    for part, terms in torus_terms.parts(plan, numbers(delta)):
        here = Terms(
            *(
                xp.asarray(array, **place(like)) if array.dtype == bool else made(array, like.dtype, like)
                for array in terms
            )
        )
        found.append(wrapped_torus.log_density(delta[part], triangle, here))
        order.append(part)
    back = np.argsort(np.concatenate(order))
    return xp.concat(found)[back]
