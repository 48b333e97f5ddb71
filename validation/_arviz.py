"""ArviZ 0.x (Python 3.11) and 1.x behind three functions; imported on first use, because it takes seconds."""

from __future__ import annotations

import os
import tempfile
import warnings
from functools import lru_cache
from importlib import import_module
from importlib.metadata import version
from typing import Any

import numpy as np

SIMULATIONS = 500
"""Simulated ECDFs that calibrate a simultaneous band."""


def is_modular() -> bool:
    """True for ArviZ 1.x, whose statistics live in ``arviz_stats``."""
    return int(version("arviz").split(".")[0]) >= 1


@lru_cache(maxsize=1)
def _backend() -> Any:
    """Functions of (chain, draw) arrays named ``ess`` and ``rhat``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return import_module("arviz_stats.base").array_stats if is_modular() else _undated()


def _undated() -> Any:
    """ArviZ 0.23 keeps the date of its last warning in the user's cache, and cannot be imported where it has none."""
    try:
        return import_module("arviz")
    except OSError:
        kept = {name: os.environ.get(name) for name in ("HOME", "XDG_CACHE_HOME")}
        with tempfile.TemporaryDirectory() as folder:
            os.environ |= dict.fromkeys(kept, folder)
            try:
                return import_module("arviz")
            finally:
                for name, value in kept.items():
                    os.environ.pop(name)
                    os.environ |= {} if value is None else {name: value}


def _diagnostic(name: str, draws: np.ndarray) -> float:
    axes = {"chain_axis": 0, "draw_axis": 1} if is_modular() else {}
    return float(getattr(_backend(), name)(draws, **axes))


def ess(draws: np.ndarray) -> float:
    """Bulk effective sample size of draws (chain, draw)."""
    return _diagnostic("ess", draws)


def rhat(draws: np.ndarray) -> float:
    """Rank-normalised split R-hat of draws (chain, draw)."""
    return _diagnostic("rhat", draws)


def ecdf_band(n: int, points: np.ndarray, probability: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper simultaneous band for the ECDF of n uniforms at ``points`` (Sailynoja, Burkner, Vehtari 2022)."""
    rng = np.random.default_rng(seed)
    if is_modular():
        bands = import_module("arviz_stats.ecdf_utils")
        pointwise = bands.simulate_confidence_bands(n, 1, points, probability, SIMULATIONS, rng)
        return bands.get_pointwise_confidence_band(pointwise, n, points)
    _backend()  # imports the package with its warning silenced
    return import_module("arviz.stats.ecdf_utils").ecdf_confidence_band(
        n, points, points, probability, method="simulated", rvs=_uniforms, num_trials=SIMULATIONS, random_state=rng
    )


def _uniforms(n: int, random_state: np.random.Generator) -> np.ndarray:
    """Uniform draws in the form that ArviZ 0.x asks for."""
    return random_state.random(n)
