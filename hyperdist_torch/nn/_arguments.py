"""Checks that every layer makes of its arguments and of its input."""

from __future__ import annotations

from torch import Tensor

from hyperdist import checks
from hyperdist.geometry import conversions
from hyperdist_torch.nn.curvature import Curvature


def model_of(model: str, curvature: Curvature) -> str:
    """One of the models; "lorentz" only where c > 0."""
    checks.choice(model, "model", conversions.MODELS)
    checks.hyperboloid(model != "lorentz" or not curvature.flat)
    return model


def coordinates(x: Tensor, features: int, model: str = "tangent") -> Tensor:
    """x where its last axis holds the coordinates of points of ``features`` dimensions."""
    width = features + (model == "lorentz")
    if x.ndim == 0 or x.shape[-1] != width:
        raise ValueError(f"x must have {width} coordinates on its last axis ({model}), got shape {tuple(x.shape)}")
    return x
