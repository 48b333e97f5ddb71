"""The laws of ``hyperdist`` for PyTorch, with exact gradients.

Each is a ``torch.distributions.Distribution``: ``rsample``, ``rsample_and_log_prob``, ``log_prob``, ``entropy``,
``expand``, ``support`` and ``torch.distributions.kl_divergence`` work as everywhere in torch.
"""

try:
    import torch as _torch
except ImportError as error:
    raise ImportError("hyperdist_torch needs PyTorch: pip install 'hyperdist[torch]'") from error

from hyperdist_torch import constraints, transforms
from hyperdist_torch.distributions import (
    Mixture,
    RiemannianNormal,
    SphericalRiemannianNormal,
    SphericalUniform,
    ToroidalUniform,
    ToroidalWrappedNormal,
    VonMisesFisher,
    WrappedNormal,
)

__all__ = [
    "Mixture",
    "RiemannianNormal",
    "SphericalRiemannianNormal",
    "SphericalUniform",
    "ToroidalUniform",
    "ToroidalWrappedNormal",
    "VonMisesFisher",
    "WrappedNormal",
    "constraints",
    "transforms",
]

del _torch
