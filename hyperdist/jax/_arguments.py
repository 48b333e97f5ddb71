"""What comes in: parameters, points, keys. Values are checked where they can be looked at, shapes and dtypes always."""

from __future__ import annotations

import operator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hyperdist import checks
from hyperdist.arrays.host import hidden, kind, numbers
from hyperdist.arrays.types import AnyArray
from hyperdist.distributions import Distribution

Array = jax.Array


def default_dtype() -> Any:
    """float64 where it is switched on (``jax_enable_x64``), else float32."""
    return jnp.asarray(0.0, dtype=float).dtype


def float_dtype(dtype: Any) -> Any:
    """float32, or the default for anything wider."""
    return jnp.dtype(jnp.float32) if np.dtype(dtype) == np.float32 else default_dtype()


def _stand_in(name: str, array: Array, on_sphere: bool) -> np.ndarray:
    """In place of a parameter that nobody can look at, one of its shape and dtype that passes every check of values."""
    shape, dtype = tuple(array.shape), kind(array)
    if name == "mu" and on_sphere and shape:
        return np.broadcast_to(np.eye(1, shape[-1], dtype=dtype)[0] if shape[-1] else np.empty(0, dtype), shape)
    if name == "weights":
        return np.full(shape, 1.0 / max(1, shape[-1]) if shape else 1.0, dtype)
    return np.zeros(shape, dtype) if name in ("mu", "c") else np.ones(shape, dtype)


def twin(law: type[Distribution], on_sphere: bool, given: dict[str, AnyArray], **options: Any) -> Distribution:
    """NumPy's law of the arguments, which checks them: of their values, or of stand-ins where there are none."""
    known = {}
    for name, value in given.items():
        array = checks.floating(value, name)
        known[name] = _stand_in(name, array, on_sphere) if hidden(array) else numbers(array)
    return law(**known, **options)


def points(x: AnyArray, dtype: Any, width: int, batch: tuple[int, ...]) -> Array:
    """Points (*, width): JAX's keep their dtype, numbers of others take the law's."""
    array = checks.points(x, "x", width, checks.floating)
    checks.broadcast(x=tuple(array.shape[:-1]), batch=batch)
    return array if isinstance(array, jax.Array) else jnp.asarray(array, dtype=dtype)


def scalars(value: AnyArray, name: str, dtype: Any, batch: tuple[int, ...]) -> tuple[Array, Any]:
    """An argument of a radial law and the dtype of its result, as in NumPy: a number without axes decides nothing."""
    array = checks.floating(value, name)
    checks.broadcast(**{name: tuple(array.shape)}, batch=batch)
    array = array if isinstance(array, jax.Array) else jnp.asarray(array, dtype=dtype)
    return array, jnp.promote_types(array.dtype, dtype) if array.ndim else dtype


def key(rng: Any) -> Array:
    """A key of ``jax.random``: a key, typed or of two integers, or an integer seed of one.

    Raises ValueError for None, since JAX has no generator of its own, and TypeError for anything else.
    """
    if rng is None:
        raise ValueError("rng must be a key, jax.random.key(0), or an integer seed: JAX has no generator of its own")
    if isinstance(rng, jax.Array | np.ndarray) and rng.ndim:
        if rng.dtype != jnp.uint32 or rng.shape != (2,):
            raise ValueError(f"rng must be one key of jax.random, got shape {rng.shape} of {rng.dtype}")
        return jax.random.wrap_key_data(jnp.asarray(rng))
    if isinstance(rng, jax.Array) and jnp.issubdtype(rng.dtype, jax.dtypes.prng_key):
        return rng
    if isinstance(rng, jax.Array) and jnp.issubdtype(rng.dtype, jnp.integer):
        return jax.random.key(rng)
    try:
        return jax.random.key(operator.index(rng))
    except TypeError:
        raise TypeError(f"rng must be a key of jax.random or an integer seed, got {rng!r}") from None


def uniform(rng: Array, shape: tuple[int, ...]) -> Array:
    """Uniforms on the open interval (0, 1), in the default dtype."""
    dtype = default_dtype()
    return jnp.maximum(jax.random.uniform(rng, shape, dtype), 0.25 * float(jnp.finfo(dtype).eps))


def directions(rng: Array, shape: tuple[int, ...], d: int, dtype: Any) -> Array:
    """Uniform unit vectors, shape + (d,)."""
    z = jax.random.normal(rng, (*shape, d), dtype)
    square = jnp.sum(z * z, axis=-1, keepdims=True)
    zero = square == 0.0
    first = jnp.arange(d) == 0
    return jnp.where(zero, first, z / jnp.sqrt(jnp.where(zero, 1.0, square)))
