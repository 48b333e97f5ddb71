"""Standard errors of what ``fit`` finds: the curvature of the log likelihood at its maximum, or resampling.

A centre moves along the frame at mu, v |-> exp_mu(v), a scale by a factor e^t, weights by their log ratios; the Hessian
in these coordinates is a difference quotient, the errors its inverse's, those of a scale and of weights carried over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hyperdist.spaces import Torus

SCALES = ("sigma", "scale_tril", "kappa")
MOST = 60
"""Parameters above which a Hessian by difference quotients is not worth its time."""
STEP = 1e-3
"""Step in units of the law's width, for centres, or of 1: quotients are right to about 1e-6 of the Hessian."""


def wide(law: Any) -> Any:
    """The law in float64; the factors of a product each with the whole batch."""
    if factors(law):
        return type(law)(*(wide(each) for each in law._expanded()["laws"]))
    given = law._arguments()
    arrays = {name: value.astype(np.float64) for name, value in given.items() if hasattr(value, "dtype")}
    return type(law)(**(given | arrays))


def factors(law: Any) -> tuple[Any, ...]:
    """Those of a product, else none."""
    return getattr(law, "laws", ())


def layout(law: Any) -> list[tuple[str, int]]:
    """The fitted parameters of one element of the batch, and how many numbers each is; a product's factor by factor."""
    if factors(law):
        return [part for each in factors(law) for part in layout(each)]
    given = law._arguments()
    found = [("mu", law.event_shape[0] - law.space._extra)] if "mu" in given else []
    for name in SCALES:
        if name not in given:
            continue
        if name == "scale_tril":
            d = law.event_shape[0]
            found.append((name, d * (d + 1) // 2))
        else:
            axes = law._event_axes.get(name, 0)
            shape = np.shape(given[name])
            found.append((name, int(np.prod(shape[len(shape) - axes :])) if len(shape) >= axes else 1))
    return found


def moved(law: Any, theta: np.ndarray) -> Any:
    """The law with its centre and scales moved by theta (*batch, p), in the order of ``layout``."""
    if factors(law):
        return type(law)(*(moved(each, part) for each, part in _shared(law, theta)))
    given, start = law._arguments(), 0
    for name, size in layout(law):
        part, start = theta[..., start : start + size], start + size
        if name == "mu":
            mu = law.mean
            given["mu"] = law.space.exp(mu, law.space.from_frame(mu, part))
        elif name == "scale_tril":
            step = _triangle(law, part)
            on = np.eye(law.event_shape[0], dtype=bool)
            given[name] = np.where(on, law.scale_tril * np.exp(np.where(on, step, 0.0)), law.scale_tril + step)
        elif law._event_axes.get(name, 0) and np.ndim(given[name]):
            given[name] = given[name] * np.exp(part)
        else:
            given[name] = given[name] * np.exp(part[..., 0])
    return type(law)(**given)


def _shared(law: Any, theta: np.ndarray) -> list[tuple[Any, np.ndarray]]:
    """Each factor of a product with its numbers of theta (*batch, p)."""
    ends = np.cumsum([sum(size for _, size in layout(each)) for each in factors(law)])[:-1]
    return list(zip(factors(law), np.split(theta, ends, axis=-1), strict=True))


def _triangle(law: Any, part: np.ndarray) -> np.ndarray:
    """Numbers (*batch, d (d + 1)/2) as the lower triangle that they fill row by row."""
    d = law.event_shape[0]
    step = np.zeros((*part.shape[:-1], d, d))
    step[..., *np.tril_indices(d)] = part
    return step


def _rows(law: Any, part: np.ndarray) -> np.ndarray:
    """The numbers of ``_triangle``."""
    return part[..., *np.tril_indices(law.event_shape[0])]


def between(law: Any, other: Any) -> np.ndarray:
    """The theta (*batch, p) by which ``moved`` takes one law to the other."""
    given, found = law._arguments(), []
    for name, _ in layout(law):
        ours, theirs = getattr(law, name), getattr(other, name)
        if name == "mu":
            found.append(law.space.to_frame(law.mean, law.space.log(law.mean, other.mean)))
        elif name == "scale_tril":
            on = np.eye(law.event_shape[0], dtype=bool)
            ratio = np.log(np.where(on, theirs, 1.0) / np.where(on, ours, 1.0))
            found.append(_rows(law, np.where(on, ratio, theirs - ours)))
        else:
            ratio = np.log(theirs / ours)
            found.append(ratio if law._event_axes.get(name, 0) and np.ndim(given[name]) else ratio[..., None])
    return np.concatenate([np.broadcast_to(each, (*law.batch_shape, each.shape[-1])) for each in found], axis=-1)


def widths(law: Any) -> np.ndarray:
    """Steps of theta, (*batch, p), that change the law as a shift by its own scale does: at most 1 where space ends."""
    own, d = {name: getattr(law, name) for name, _ in layout(law)}, law.event_shape[0] - law.space._extra
    found = []
    for name, size in layout(law):
        width: Any = np.ones(size)
        if "scale_tril" in own:
            diagonal = np.diagonal(own["scale_tril"], axis1=-2, axis2=-1)
            on = np.eye(law.event_shape[0], dtype=bool)
            triangle = _rows(law, np.where(on, 1.0, diagonal[..., :, None])) if name == "scale_tril" else None
            width = diagonal if triangle is None else triangle
        elif name == "mu" and "sigma" in own:
            width = own["sigma"] if law._event_axes.get("sigma", 0) else own["sigma"][..., None]
        elif name == "mu" and "kappa" in own:
            width = 1.0 / np.sqrt(np.maximum(own["kappa"], 1.0))[..., None]
        if name == "mu" and (law.space._extra or isinstance(law.space, Torus)):
            width = np.minimum(width, 1.0)
        found.append(np.broadcast_to(width, (*law.batch_shape, d if name == "mu" else size)))
    return np.concatenate(found, axis=-1)


def degrees(law: Any) -> np.ndarray:
    """Fisher's information of theta in units of ``widths``, (p,), of a law that is narrow: a normal's."""
    d, found = law.event_shape[0] - law.space._extra, []
    for name, size in layout(law):
        if name == "scale_tril":
            found.append(_rows(law, np.eye(law.event_shape[0]) + 1.0))
        else:
            found.append(np.full(size, {"mu": 1.0, "kappa": 0.5 * d, "sigma": 2.0 * d / size}[name]))
    return np.concatenate(found)


def units(law: Any) -> np.ndarray:
    """Steps of theta, (*batch, p)."""
    found = [units(each) / STEP for each in factors(law) if layout(each)]
    for name, size in [] if factors(law) else layout(law):
        step = np.ones((*law.batch_shape, size))
        if name == "mu":
            width: Any = np.sqrt(law.variance / size)[..., None]
            if "scale_tril" in law._arguments():
                width = np.diagonal(law.scale_tril, axis1=-2, axis2=-1)
            elif law._event_axes.get("sigma", 0) and np.ndim(law.sigma):
                width = law.sigma
            step = step * np.minimum(width, 1.0 if law.space._extra else np.inf)
        elif name == "scale_tril":
            least = np.min(np.diagonal(law.scale_tril, axis1=-2, axis2=-1), axis=-1)
            on = np.eye(law.event_shape[0], dtype=bool)
            step = step * _rows(law, np.where(on, 1.0, least[..., None, None]))
        found.append(step)
    return STEP * np.concatenate(found, axis=-1)


def derivatives(value: Callable[[np.ndarray], float], step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and Hessian of a function of p numbers at 0, times the steps (p,) of the central quotients."""
    p = len(step)
    unit, centre = np.eye(p) * step, value(np.zeros(p))
    slope, found = np.empty(p), np.empty((p, p))
    for i in range(p):
        up, down = value(unit[i]), value(-unit[i])
        slope[i], found[i, i] = 0.5 * (up - down), up + down - 2.0 * centre
        for j in range(i):
            same = value(unit[i] + unit[j]) + value(-unit[i] - unit[j])
            found[i, j] = found[j, i] = 0.25 * (same - value(unit[i] - unit[j]) - value(unit[j] - unit[i]))
    return slope, found


def covariance(value: Callable[[np.ndarray], float], step: np.ndarray, law: Any) -> np.ndarray:
    """Inverse of the observed information of a log likelihood, (p, p)."""
    if len(step) > MOST:
        raise ValueError(
            f"the information of {len(step)} parameters is taken for at most {MOST}: ask for method='bootstrap'"
        )
    slope, bend = derivatives(value, step)
    return check_maximum(slope, -bend, law) * step * step[:, None]


def check_maximum(slope: np.ndarray, information: np.ndarray, law: Any) -> np.ndarray:
    """The inverse of the information, where the maximum is less than half a standard error away."""
    if np.isfinite(information).all() and np.linalg.eigvalsh(information)[0] > 0.0:
        inverse = np.linalg.inv(information)
        if slope @ inverse @ slope < 0.25:
            return inverse
    raise ValueError(f"x must be what the law was fitted to: its log likelihood has no maximum at {law!r}")


def observed(law: Any, x: np.ndarray, model: str | None) -> dict[str, np.ndarray]:
    """Standard errors of a law without batch, by the observed information at it."""
    law = wide(law)
    if hasattr(getattr(law, "radius", None), "cosine_variance"):  # von Mises-Fisher: in closed form, in any dimension
        radius, total = law.radius, np.sum(x, axis=0)
        along = float(total @ law.mu)
        across = np.linalg.norm(total - along * law.mu)
        slope = np.array([radius.kappa * across, along - len(x) * radius.mean_resultant_length()])
        information = np.diag([radius.kappa * along, len(x) * radius.cosine_variance()])
        error = np.sqrt(np.diag(check_maximum(slope, information, law)))
        return {"mu": np.full(law.event_shape[0] - 1, error[0]), "kappa": error[1]}
    step = units(law)
    inverse = covariance(lambda theta: float(np.sum(moved(law, theta).log_prob(x, model=model))), step, law)
    return by_name(law, np.sqrt(np.diag(inverse)))


def by_name(law: Any, error: np.ndarray) -> dict[str, Any]:
    """Errors (*batch, p) of theta as errors of the parameters, by name."""
    if factors(law):
        return {"laws": [by_name(each, part) if layout(each) else {} for each, part in _shared(law, error)]}
    found: dict[str, Any] = {}
    start, given = 0, law._arguments()
    for name, size in layout(law):
        part, start = error[..., start : start + size], start + size
        if name == "mu":
            found[name] = part
        elif name == "scale_tril":
            on = np.eye(law.event_shape[0], dtype=bool)
            found[name] = np.where(on, law.scale_tril, 1.0) * _triangle(law, part)
        elif law._event_axes.get(name, 0) and np.ndim(given[name]):
            found[name] = given[name] * part
        else:
            found[name] = (given[name] * part[..., 0])[()]
    return found


def deviations(law: Any, others: Any) -> dict[str, np.ndarray]:
    """Standard deviations over a batch of laws (n, *batch), centres in the frame of the law's own."""
    found: dict[str, np.ndarray] = {}
    for name, _ in layout(law):
        value = getattr(others, name)
        if name == "mu":
            value = law.space.to_frame(law.mean, law.space.log(law.mean, others.mean))
        found[name] = np.std(value, axis=0, ddof=1)[()]
    return found


def counts(n: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """How often each of n rows comes in each of so many resamples, (n, draws)."""
    return rng.multinomial(n, np.full(n, 1.0 / n), draws).T.astype(np.float64)


def options_of(law: Any) -> dict[str, Any]:
    """What ``fit`` has to be told to give laws of this kind."""
    given: dict[str, Any] = {"c": law.c} if hasattr(law, "c") else {}
    if "scale_tril" in law._arguments():
        given["covariance"] = "full"
    elif law._event_axes.get("sigma") and law.event_shape[0] > 1:
        one = np.ndim(law.sigma) == 0 or np.shape(law.sigma)[-1] == 1
        given["covariance"] = "isotropic" if one else "diagonal"
    return given


def resampled(law: Any, x: np.ndarray, draws: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Standard errors of a law without batch, by fits to resampled rows."""
    law = wide(law)
    return deviations(law, type(law).fit(x, weights=counts(len(x), draws, rng), **options_of(law)))
