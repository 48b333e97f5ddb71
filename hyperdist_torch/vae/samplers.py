"""Where the draws of an importance-weighted estimate come from: independent, in antithetic pairs, or scrambled Sobol'.

Every point of each is uniform on the unit cube, so that the mean of the weights has the right expectation whatever the
sampler; what differs is its variance. A law takes a point in the place of random numbers, by inversion: see
``hyperdist.distributions.quasi``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from torch.quasirandom import SobolEngine

from hyperdist import Antithetic
from hyperdist_torch._random import Points

SAMPLERS = ("random", "antithetic", "sobol")

Numbers = torch.Generator | Points | None
"""What a law draws from."""

_BITS = 30
"""Of a coordinate of torch's Sobol' points."""


class Sampler(ABC):
    """Of the draws of some rows, which stay together, in blocks one after another."""

    @abstractmethod
    def block(self, n: int) -> Numbers:
        """What the next n draws of each row come from."""


class _Random(Sampler):
    def __init__(self, generator: torch.Generator | None) -> None:
        self._generator = generator

    def block(self, n: int) -> Numbers:
        return self._generator


class _Antithetic(Sampler):
    """Points u and 1 - u one after the other, each row's u its own; an odd block leaves its last pair incomplete."""

    def __init__(self, rows: int, d: int, generator: torch.Generator | None) -> None:
        self._rows, self._pairs = rows, Antithetic(_host_generator(generator), d=rows * d)

    def block(self, n: int) -> Numbers:
        return _points(self._pairs.random(n).reshape(n, self._rows, -1))


class _Sobol(Sampler):
    """One scrambled sequence, and for each row a digital shift of its own: the rows' errors are uncorrelated."""

    def __init__(self, rows: int, d: int, generator: torch.Generator | None) -> None:
        if d > SobolEngine.MAXDIM:
            raise ValueError(f"sampler 'sobol' needs at most {SobolEngine.MAXDIM} latent dimensions, got {d}")
        rng = _host_generator(generator)
        self._engine = SobolEngine(d, scramble=True, seed=int(rng.integers(2**31)))
        self._shift = rng.integers(2**_BITS, size=(rows, d))

    def block(self, n: int) -> Numbers:
        whole = np.rint(self._engine.draw(n, dtype=torch.float64).numpy() * 2.0**_BITS).astype(np.int64)
        return _points(((whole[:, None, :] ^ self._shift) + 0.5) * 2.0**-_BITS)


def sampler(kind: str, rows: int, d: int, generator: torch.Generator | None) -> Sampler:
    """One of ``SAMPLERS`` for rows whose latent space has d dimensions."""
    if kind == "random":
        return _Random(generator)
    return (_Sobol if kind == "sobol" else _Antithetic)(rows, d, generator)


def _host_generator(generator: torch.Generator | None) -> np.random.Generator:
    """NumPy's generator, with a seed from torch's."""
    device = "cpu" if generator is None else generator.device
    return np.random.default_rng(torch.randint(2**63 - 1, (2,), generator=generator, device=device).tolist())


def _points(u: np.ndarray) -> Points:
    """Those of (n, rows, d), kept from 0 and 1, where a normal's quantile is not finite."""
    return Points(np.clip(u.reshape(-1, u.shape[-1]), 2.0**-54, 1.0 - 2.0**-53))
