"""The curvature of a network's space: fixed, or learnt and positive."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from hyperdist import checks


class Curvature(nn.Module):
    """c >= 0, the size of the curvature, as a 0-d tensor: ``curvature()``.

    c         : float >= 0; 0 is Euclidean space.
    learnable : c = c_0 exp(theta) with a parameter theta that starts at 0, so that c is exact at the start and stays
                positive, and small steps are not lost to rounding: near 0 theta resolves far smaller changes than c
                itself, its logarithm or a softplus would. Needs c > 0.

    Share one module between the layers of a network. c_0 is part of ``state_dict``, exact to double precision.
    Raises  ValueError, where c is negative, not finite or not a scalar, and where c = 0 is to be learnt.

    >>> import torch
    >>> from hyperdist_torch import nn
    >>> curvature = nn.Curvature(0.5, learnable=True)
    >>> curvature().item(), curvature.flat, nn.Curvature(0.0).flat
    (0.5, False, True)
    >>> model = torch.nn.Sequential(nn.ExpOrigin(curvature), nn.Gyroplane(2, 3, curvature))  # one curvature for both
    >>> [name for name, _ in model.named_parameters()]
    ['0.curvature.theta', '1.weight', '1.bias']
    """

    theta: Tensor

    def __init__(
        self,
        c: float = 1.0,
        *,
        learnable: bool = False,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        value = checks.curvature(c)
        if value.ndim:
            raise ValueError(f"c must be one number, got shape {value.shape}")
        self.initial = float(value)
        self.learnable = bool(learnable)
        if self.learnable and self.initial == 0.0:
            raise ValueError("c must be > 0 to be learnt, got 0.0: its logarithm is the parameter")
        start = torch.zeros((), device=device, dtype=dtype)
        if self.learnable:
            self.theta = nn.Parameter(start)
        else:
            self.register_buffer("theta", start)

    @property
    def flat(self) -> bool:
        """Whether c is 0 and stays it; known without a look at the device."""
        return self.initial == 0.0

    def forward(self, dtype: torch.dtype | None = None) -> Tensor:
        """c, shape (), on the device of the module, in its dtype or the given one: c_0 is rounded to that one only."""
        if not self.learnable:
            return torch.full_like(self.theta, self.initial, dtype=dtype)
        return self.initial * torch.exp(self.theta.to(dtype))

    def get_extra_state(self) -> Tensor:
        """c_0 for ``state_dict``: a tensor, which loads with ``weights_only``."""
        return torch.tensor(self.initial, dtype=torch.float64)

    def set_extra_state(self, state: Any) -> None:
        """c_0 from ``state_dict``."""
        initial = float(checks.curvature(float(state)))
        if self.learnable and initial == 0.0:
            raise ValueError("c must be > 0 to be learnt, got 0.0 in the state")
        self.initial = initial

    def extra_repr(self) -> str:
        """For ``repr``: c_0, and whether it is learnt."""
        return f"c={self.initial:g}, learnable={self.learnable}"


def as_curvature(curvature: Any) -> Curvature:
    """A ``Curvature`` as it is; a number as a fixed one."""
    return curvature if isinstance(curvature, Curvature) else Curvature(curvature)
