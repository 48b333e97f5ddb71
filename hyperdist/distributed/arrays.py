"""Draws and densities as lazy arrays, a block at a time."""

from __future__ import annotations

import math
import secrets
from typing import Any, SupportsIndex

import dask.array as da
import numpy as np
from dask.delayed import delayed

from hyperdist import checks
from hyperdist.distributions.base import Distribution

_BLOCK_BYTES = 1 << 26
"""Of a block of draws where the caller names no size."""


def sample(
    law: Distribution, n: SupportsIndex, *, chunks: SupportsIndex | None = None, seed: int | None = None,
    method: str = "rejection", model: str | None = None,
) -> da.Array:  # fmt: skip
    """n independent draws as a lazy ``dask.array``, (n, *batch, k), of the law's dtype.

    chunks : draws of a block; by default those that take 64 MiB.
    seed   : an integer >= 0; None takes a fresh one, once. Block i has the stream (seed, i) of ``numpy.random``'s
             ``SeedSequence``, so that the draws depend on seed and chunks alone, not on who makes them, or how often.
    method, model : as ``law.sample`` takes them.
    Raises  ValueError for arguments that ``law.sample`` would not take, TypeError for what is no law; a block that
            coordinates cannot hold raises when it is made.

    >>> import hyperdist as hd
    >>> x = hd.distributed.sample(hd.SphericalUniform(2), 10**9, chunks=10**6, seed=0)
    >>> x.shape, x.numblocks, x[:2].compute().shape
    ((1000000000, 3), (1000, 1), (2, 3))
    """
    _check_law(law)
    n = checks.dimension(n, "n", 0)
    seed = secrets.randbits(64) if seed is None else checks.dimension(seed, "seed", 0)
    # On none, all arguments are looked at, and the shape and dtype of draws are seen.
    meta = law.sample((0,), np.random.default_rng(0), method=method, model=model)
    rest = meta.shape[1:]
    row = max(1, meta.dtype.itemsize * int(np.prod(rest)))
    size = max(1, _BLOCK_BYTES // row) if chunks is None else checks.dimension(chunks, "chunks")
    sizes = (size,) * (n // size) + ((n % size,) if n % size or not n else ())
    return da.map_blocks(
        _draw, law=delayed(law, pure=True), n=n, size=size, seed=seed, method=method, model=model,
        chunks=(sizes, *((length,) for length in rest)), dtype=meta.dtype, meta=meta,
    )  # fmt: skip


def _draw(
    law: Distribution, n: int, size: int, seed: int, method: str, model: str | None,
    block_id: tuple[int, ...] = (0,),
) -> np.ndarray:  # fmt: skip
    """The draws of one block."""
    stream = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(block_id[0],)))
    return law.sample((min(size, n - size * block_id[0]),), stream, method=method, model=model)


def log_prob(law: Distribution, x: Any, *, model: str | None = None) -> da.Array:
    """``law.log_prob(x)`` of a ``dask.array`` x, (n, *batch, k), as one, (n, *batch), block by block.

    How many points there are need not be known, as of ``x[x[:, 0] > 0]``.
    Raises  ValueError for a shape that ``law.log_prob`` would not take, TypeError for what is no law or no array.

    >>> import hyperdist as hd
    >>> law = hd.VonMisesFisher([0.0, 0.0, 1.0], 5.0)
    >>> x = hd.distributed.sample(law, 100_000, chunks=10_000, seed=0)
    >>> bool(abs(hd.distributed.log_prob(law, x).mean().compute() + law.entropy()) < 0.01)
    True
    """
    _check_law(law)
    x = points(x)
    # Axes that the law's own batch broadcasts with stay whole, and so does the point.
    extra = max(0, x.ndim - 1 - len(law.batch_shape))
    own = x.shape[extra:]
    if any(math.isnan(length) for length in own):
        raise ValueError(
            f"x must have known sizes along its last {len(own)} axes, got shape {x.shape}: "
            "x.compute_chunk_sizes() finds them"
        )
    meta = law.log_prob(np.zeros((0,) * extra + own, x.dtype), model=model)
    x = x.rechunk(dict.fromkeys(range(extra, x.ndim), -1))
    shape = np.broadcast_shapes(own[:-1], law.batch_shape)
    chunks = (*x.chunks[:extra], *((length,) for length in shape))
    return da.map_blocks(
        _log_prob, x, law=delayed(law, pure=True), model=model, drop_axis=list(range(extra, x.ndim)),
        new_axis=list(range(extra, extra + len(shape))), chunks=chunks, dtype=meta.dtype,
        meta=np.empty((0,) * (extra + len(shape)), meta.dtype),
    )  # fmt: skip


def _check_law(law: Any) -> None:
    if not isinstance(law, Distribution):
        got = f"the class {law.__name__}" if isinstance(law, type) else type(law).__name__
        raise TypeError(f"law must be a distribution, such as hyperdist.SphericalUniform(2), got {got}")


def _log_prob(x: np.ndarray, law: Distribution, model: str | None) -> np.ndarray:
    return np.asarray(law.log_prob(x, model=model))


def points(x: Any) -> da.Array:
    """``x`` where it is a ``dask.array`` with a point along its last axis."""
    if not isinstance(x, da.Array):
        raise TypeError(f"x must be a dask.array, got {type(x).__name__}: dask.array.from_array makes one")
    if x.ndim < 1 or x.dtype.kind not in "iuf":
        raise TypeError(f"x must hold real numbers, (..., k), got shape {x.shape} and dtype {x.dtype}")
    return x
