"""The laws of ``hyperdist`` for PyTorch, with exact gradients.

Each is a ``torch.distributions.Distribution``: ``rsample``, ``rsample_and_log_prob``, ``log_prob``, ``entropy``,
``expand``, ``support`` and ``torch.distributions.kl_divergence`` work as everywhere in torch.
"""

try:
    import torch as _torch
except ImportError as error:
    raise ImportError("hyperdist_torch needs PyTorch: pip install 'hyperdist[torch]'") from error

from hyperdist_torch import constraints, distributions, transforms
from hyperdist_torch.distributions import *  # noqa: F403 - the laws are listed once, in their package

__all__ = ["constraints", "transforms"]
__all__ += distributions.__all__

del _torch
