"""The laws of ``hyperdist`` for PyTorch, with exact gradients.

Each is a ``torch.distributions.Distribution``: ``rsample``, ``rsample_and_log_prob``, ``log_prob``, ``entropy``,
``expand``, ``support`` and ``torch.distributions.kl_divergence`` work as everywhere in torch.
"""

try:
    import torch as _torch
except ImportError as error:
    raise ImportError("hyperdist_torch needs PyTorch: pip install 'hyperdist[torch]'") from error

from importlib import import_module as _import_module
from typing import TYPE_CHECKING
from typing import Any as _Any

from hyperdist_torch import constraints, distributions, transforms
from hyperdist_torch.distributions import *  # noqa: F403 - the laws are listed once, in their package

if TYPE_CHECKING:
    from hyperdist_torch import datasets as datasets
    from hyperdist_torch import fast as fast
    from hyperdist_torch import flows as flows
    from hyperdist_torch import nn as nn
    from hyperdist_torch import pyro as pyro
    from hyperdist_torch import training as training
    from hyperdist_torch import vae as vae

__all__ = ["constraints", "transforms"]
__all__ += distributions.__all__

_ON_DEMAND = ("datasets", "fast", "flows", "nn", "pyro", "training", "vae")
"""Parts that are loaded when they are named: some need the packages of an extra."""

del _torch


def __getattr__(name: str) -> _Any:
    if name in _ON_DEMAND:
        return _import_module(f"hyperdist_torch.{name}")
    raise AttributeError(f"module 'hyperdist_torch' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ON_DEMAND})
