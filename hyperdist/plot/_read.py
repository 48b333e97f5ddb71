"""What has a density, read for a picture: a law of either package, a flow, or a function of points.

Nothing is asked of its class, so that no other package is imported: of a law or a flow ``log_prob`` and, where it has
them, ``space``, ``event_shape``, ``batch_shape`` and ``sample``, with ``rng`` as in this package or as torch has it; of
a function that it can be called.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from hyperdist import checks
from hyperdist.arrays.host import numbers
from hyperdist.geometry import conversions
from hyperdist.spaces import Euclidean, Lorentz, Sphere, Tangent, Torus
from hyperdist.spaces.hyperbolic import Hyperbolic

_DRAWS, _DRAWS_OF_A_FLOW = 4000, 1000
"""Draws that say where the mass of a law lies; a flow's cost a solve each."""
_EDGE = 1.0 - 1e-12
"""Radius, in that of the ball, at which a point is drawn that lies further out."""
_BLOCK = 1 << 18
"""Densities worked out at a time."""


@dataclass(frozen=True, eq=False)
class Density:
    """A density with respect to volume, and draws where there is a law to draw from."""

    log_prob: Callable[[np.ndarray], np.ndarray]
    """From points (n, k) in the picture's coordinates to (n,), averaged over a batch of laws."""
    draws: np.ndarray | None = None
    """(m, k) of the law; on hyperbolic space in tangent coordinates, which hold any radius."""
    log_prob_of_draws: np.ndarray | None = None


def numeric(x: Any) -> Any:
    """Tensors and other arrays as NumPy's; what is none as it is."""
    return numbers(x) if hasattr(x, "requires_grad") or hasattr(x, "_array") else x


def on_ball(
    q: Any, d: int, c: Any, model: str | None, default: float, count: int | None = None
) -> tuple[Density, float]:
    """(density at ball points, c) of q on hyperbolic space.

    model   : the coordinates that a function takes, or an object that does not say its own.
    default : c where nothing says it.
    count   : draws, or more.
    """
    space, reader = _space(q), _Reader(q)
    if model is not None:
        checks.choice(model, "model", conversions.MODELS)
    if space is not None:
        flat = isinstance(space, Euclidean)
        if not (flat or isinstance(space, Hyperbolic)) or _dimension(q, space) != d:
            shape = f" with event shape {tuple(q.event_shape)}" if hasattr(q, "event_shape") else ""
            raise ValueError(f"q must be a hyperbolic law of dimension {d}, got {q!r}{shape}")
        own = "tangent" if flat else _model(q, space)
        given = one_curvature(0.0 if flat else numbers(space.c))
        if c is not None and one_curvature(c) != given:
            raise ValueError(f"c must be that of q, {given!r}, got {c!r}")
        c = given
    else:
        own, c = model or "poincare", one_curvature(default if c is None else c)

    def log_prob(x: np.ndarray, coordinates: str = "poincare") -> np.ndarray:
        wanted = own or ("tangent" if reader.single else coordinates)
        if wanted != coordinates:
            x = conversions.from_tangent(conversions.to_tangent(x, scale, coordinates), scale, wanted)
        if wanted == "poincare" and reader.single:
            x = _in_single_precision(x, scale)
        return reader.log_prob(x, **({} if own else {"model": wanted}))

    scale = np.asarray(c)
    draws = reader.draws(count, **({} if own else {"model": "tangent"}))
    if draws is not None and own not in (None, "tangent"):
        with np.errstate(all="ignore"):
            draws = conversions.to_tangent(draws, scale, own)
        draws = draws[np.isfinite(draws).all(axis=-1)]
    at_draws = None if draws is None else log_prob(draws, "tangent")
    return Density(log_prob, draws, at_draws), c


def on_sphere(q: Any) -> Density:
    """The density at unit vectors (n, 3)."""
    space, reader = _space(q), _Reader(q)
    if space is not None and not (isinstance(space, Sphere) and _dimension(q, space) == 2):
        shape = f" with event shape {tuple(q.event_shape)}" if hasattr(q, "event_shape") else ""
        raise ValueError(f"q must be a law on the sphere in R^3, got {q!r}{shape}")
    return reader.density()


def on_torus(q: Any, axes: tuple[int, int]) -> Density:
    """The density of two angles (n, 2) of q, exact where the law of two of its angles is known."""
    space = _space(q)
    if space is not None:
        d = _dimension(q, space) if isinstance(space, Torus) else 0
        if d < 2:
            shape = f" with event shape {tuple(q.event_shape)}" if hasattr(q, "event_shape") else ""
            raise ValueError(f"q must be a law of two angles or more on the torus, got {q!r}{shape}")
        if max(axes) >= d:
            raise ValueError(f"axes must be two of the {d} angles of q, 0 to {d - 1}, got {axes}")
        if d > 2 or axes != (0, 1):
            q = _marginal(q, axes)
    return _Reader(q).density()


def one_curvature(c: Any) -> float:
    """The one size of the curvature of a picture."""
    values = np.unique(checks.curvature(numeric(c)))
    if values.size != 1:
        raise ValueError(f"c must be one number, since one picture has one curvature, got {values!r}")
    return float(values[0])


def ball_points(x: Any, name: str, d: int, c: float, model: str) -> np.ndarray:
    """Ball coordinates (*batch, d) of points of a model."""
    checks.choice(model, "model", conversions.MODELS)
    x = checks.points(numeric(x), name, d + (model == "lorentz"))
    if model == "poincare":
        return checks.inside_ball(x, np.asarray(c), name)
    checks.hyperboloid(model != "lorentz" or c > 0)
    x = (Lorentz if model == "lorentz" else Tangent)(c).check_point(x.astype(np.float64), name)
    return to_ball(conversions.to_tangent(x, np.asarray(c), model), c)


def to_ball(v: np.ndarray, c: float) -> np.ndarray:
    """Ball coordinates of tangent ones; what lies further out than the ball holds comes to the rim."""
    x = conversions.tangent_to_poincare(v, np.asarray(c))
    return x * np.minimum(1.0, _EDGE / np.maximum(np.sqrt(c) * np.linalg.norm(x, axis=-1, keepdims=True), 0.5))


def _space(q: Any) -> Any:
    """The space of a law, of the core's classes; None of what says none."""
    space = getattr(q, "space", None)
    return getattr(space, "core", space)


def _dimension(q: Any, space: Any) -> int:
    if getattr(space, "d", None) is not None:
        return space.d
    return q.event_shape[0] - space._extra if len(q.event_shape) == 1 else 0


def _model(q: Any, space: Any) -> str | None:
    """The coordinates that the law's densities are asked in; None where they can be asked in any model."""
    models = getattr(q, "_models", None)
    any_model = bool(models) if models is not None else "model" in inspect.signature(q.log_prob).parameters
    return None if any_model else space._model


def _marginal(q: Any, axes: tuple[int, int]) -> Any:
    """The law of two angles, of wrapped normals and uniform laws, and of mixtures of such laws."""
    pick = list(axes)
    if hasattr(q, "component"):
        return type(q)(q.weights, _marginal(q.component, axes))
    if hasattr(q, "laws"):
        return type(q)([_marginal(law, axes) for law in q.laws])
    if hasattr(q, "mu") and hasattr(q, "sigma"):
        sigma = q.sigma[..., pick] if q.sigma.ndim and q.sigma.shape[-1] > 1 else q.sigma
        return type(q)(q.mu[..., pick], sigma)
    if hasattr(q, "mu") and hasattr(q, "covariance_matrix"):
        return type(q)(q.mu[..., pick], covariance_matrix=q.covariance_matrix[..., pick, :][..., pick])
    if type(q).__name__ == "ToroidalUniform":
        return type(q)(2)
    raise ValueError(
        f"q must have two angles, or be of a known family, for the density of axes {axes}, got {q!r}: draw points of "
        "it with torus_points(q.sample(n), axes=...)"
    )


def _in_single_precision(x: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Ball points that stay inside when they are rounded to float32."""
    size = np.sqrt(c * np.sum(x * x, axis=-1, keepdims=True))
    return x * np.where(size > 1 - 4e-7, (1 - 4e-7) / np.maximum(size, 0.5), 1.0)


class _Reader:
    """q as functions of NumPy arrays."""

    def __init__(self, q: Any) -> None:
        self.q, self.law = q, hasattr(q, "log_prob")
        if not self.law and not callable(q):
            raise ValueError(f"q must be a law, a flow or a function of points to their density, got {q!r}")
        self.batch = tuple(getattr(q, "batch_shape", ())) if self.law else ()
        if 0 in self.batch:
            raise ValueError(f"q must hold at least one law, got batch shape {self.batch}")
        torch: Any = sys.modules.get("torch")
        kinds = () if torch is None else (torch.distributions.Distribution, torch.nn.Module)
        self.torch: Any = torch if isinstance(q, kinds) else None
        self.like = self._parameter() if self.torch else None
        self.single = self.like is not None and str(self.like.dtype) == "torch.float32"

    def _parameter(self) -> Any:
        """A number of a flow's network, whose dtype points must have."""
        module = next((part for part in (self.q, getattr(self.q, "flow", None)) if hasattr(part, "parameters")), None)
        parameters = [] if module is None else module.parameters()
        return next((p for p in parameters if p.dtype.is_floating_point), None)

    def density(self) -> Density:
        """The density in the coordinates that q takes."""
        draws = self.draws()
        return Density(self.log_prob, draws, None if draws is None else self.log_prob(draws))

    def draws(self, count: int | None = None, **options: Any) -> np.ndarray | None:
        """Some thousand draws (m, k) of a law; None where there are none. Torch's own generator stays as it is."""
        count = count or (_DRAWS if self.like is None else _DRAWS_OF_A_FLOW)
        shape = (-(-count // max(1, int(np.prod(self.batch)))),)
        if self.torch is None:
            if not hasattr(self.q, "sample") or "rng" not in inspect.signature(self.q.sample).parameters:
                return None
            x: Any = self.q.sample(shape, rng=0, **options)
        else:
            if not hasattr(self.q, "sample"):
                return None
            try:
                with self._seeded():
                    x = self.q.sample(self.torch.Size(shape), **options)
            except (NotImplementedError, RuntimeError, ValueError):
                return None  # the density is shown all the same
            self.like = x if self.like is None else self.like
        x = np.asarray(numbers(x), np.float64)
        x = x.reshape(-1, x.shape[-1])
        return x[np.isfinite(x).all(axis=-1)]

    @contextmanager
    def _seeded(self) -> Iterator[None]:
        """Torch's generators with a seed of ours, put back afterwards; no device is woken for it."""
        cuda = self.torch.cuda.is_initialized()
        devices = range(self.torch.cuda.device_count()) if cuda else ()
        with self.torch.random.fork_rng(devices=devices), self.torch.no_grad():
            self.torch.default_generator.manual_seed(0)
            if cuda:
                self.torch.cuda.manual_seed_all(0)
            yield

    def log_prob(self, x: np.ndarray, **options: Any) -> np.ndarray:
        """Log density at points (n, k), (n,)."""
        size = max(1, _BLOCK // max(1, int(np.prod(self.batch))) // (32 if self.torch is not None else 1))
        blocks = [self._block(x[start : start + size], options) for start in range(0, len(x), size)]
        return np.concatenate(blocks) if blocks else np.empty(0)

    def _block(self, x: np.ndarray, options: dict[str, Any]) -> np.ndarray:
        rows = x.reshape(len(x), *(1,) * len(self.batch), x.shape[-1])
        with nullcontext() if self.torch is None else self.torch.no_grad():
            values = (self.q.log_prob if self.law else self.q)(self._there(rows), **options)
        values = np.asarray(numbers(values) if hasattr(values, "dtype") else values)
        if values.dtype.kind not in "iuf" or values.shape != (len(x), *self.batch):
            what = "log densities" if self.law else "densities"
            raise ValueError(
                f"q must give {what} of shape {(len(x), *self.batch)} at points of shape {rows.shape}, "
                f"got shape {values.shape} of dtype {values.dtype}"
            )
        values = values.astype(np.float64)
        bad = np.isnan(values) if self.law else ~((values >= 0) & (values < np.inf))
        if bad.any():
            at = np.argwhere(bad)[0]
            bound = "numbers" if self.law else "densities >= 0 and finite"
            raise ValueError(f"q must give {bound}, got {values[tuple(at)]} at the point {x[at[0]].tolist()}")
        if not self.law:
            with np.errstate(divide="ignore"):
                return np.log(values)
        flat = values.reshape(len(x), -1)
        return flat[:, 0] if not self.batch else np.logaddexp.reduce(flat, axis=1) - np.log(flat.shape[1])

    def _there(self, x: np.ndarray) -> Any:
        """Points as q takes them: NumPy's, or tensors of a flow's dtype and on the law's device."""
        if self.torch is None:
            return x
        dtype = self.torch.float64 if not self.single else self.torch.float32
        return self.torch.as_tensor(x, dtype=dtype, device=None if self.like is None else self.like.device)
