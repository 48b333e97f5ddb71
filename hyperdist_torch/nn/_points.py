"""Points that layers hand to each other: between tangent coordinates, in which they work, and those of a model.

Ball coordinates end at radius 17/sqrt(c) in float32: beyond it a point rounds onto the boundary, at no distance from
anything, and the next layer makes NaN of it, and training of every weight. So a point that its coordinates do not hold
is refused where it is made, and where it is read. NaN passes, as everywhere in ``torch.nn``. Traces and transforms
cannot look at values and leave this out.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hyperdist.arrays.namespace import transformed
from hyperdist.geometry import conversions

_FURTHEST = {getattr(torch, name): float(conversions.ball_radius_limit(name, 1.0)) for name in ("float32", "float64")}
"""The largest sqrt(c) times a radius that ball coordinates of a dtype hold."""


def to_tangent(x: Tensor, c: Tensor, model: str) -> Tensor:
    """``conversions.to_tangent``; ValueError for points off the ball, or with infinite coordinates."""
    if model != "tangent" and not transformed(torch):
        with torch.no_grad():
            if model == "poincare":
                square = c * (x * x).sum(dim=-1)
                outside = square >= 1.0
                bound = "inside the ball, sqrt(c) |x| < 1"
            else:
                square = x.abs().amax(dim=-1)
                outside = torch.isinf(square)
                bound = "on the hyperboloid, with finite coordinates"
            count = int(outside.sum())
        if count:
            worst = float(square[outside].max())
            got = f"sqrt(c) |x| = {worst**0.5!r}" if model == "poincare" else "an infinite one"
            raise ValueError(
                f"x must lie {bound}, got {got} ({count} of {outside.numel()} points): "
                "hand points on with model='tangent', which holds any radius"
            )
    return conversions.to_tangent(x, c, model)


def from_tangent(v: Tensor, c: Tensor, model: str) -> Tensor:
    """``conversions.from_tangent``; ValueError where coordinates of the dtype cannot hold a point."""
    x = conversions.from_tangent(v, c, model)
    if model != "tangent" and not transformed(torch):
        with torch.no_grad():
            held = torch.isfinite(x).all(dim=-1)
            if model == "poincare":
                # Rounding of its direction may leave a point far beyond the ball's last just inside.
                far = c.sqrt() * torch.linalg.vector_norm(v, dim=-1) > _FURTHEST[x.dtype]
                held = conversions.holdable(x, c) & ~far
            lost = ~held & torch.isfinite(v).all(dim=-1)
            count = int(lost.sum())
        if count:
            raise ValueError(
                f"{count} of {lost.numel()} points lie further from the origin than {x.dtype} {model} coordinates "
                f"hold, the furthest at {float(torch.linalg.vector_norm(v.detach()[lost], dim=-1).max()):.4g}: "
                "model='tangent' holds any radius, between layers too"
            )
    return x
