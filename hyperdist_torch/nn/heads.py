"""exp_0 and log_0 as heads: between a network's features and points of hyperbolic space."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from hyperdist.arrays.namespace import recorded
from hyperdist.geometry import tangent
from hyperdist_torch._host import known_signature
from hyperdist_torch._precision import upcast
from hyperdist_torch.fast.node import nested_forward
from hyperdist_torch.nn._arguments import model_of
from hyperdist_torch.nn._points import from_tangent, to_tangent
from hyperdist_torch.nn.curvature import Curvature, as_curvature


class _RiemannianGradient(torch.autograd.Function):
    """The identity, whose gradient g at v becomes G(v)^-1 g: as it is along v, over (sinh(a)/a)^2 across."""

    generate_vmap_rule = True

    @staticmethod
    @known_signature
    def forward(v: Tensor, c: Tensor) -> Tensor:
        return v.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        v, c = ctx.saved_tensors
        return tangent.from_frame(v, tangent.from_frame(v, grad, c), c), None

    @staticmethod
    def jvp(ctx: Any, moved: Tensor, _: None) -> Tensor:  # type: ignore[override]
        return _RiemannianGradient.backward(ctx, moved)[0]  # the same symmetric map


def riemannian_gradient(v: Tensor, c: Tensor) -> Tensor:
    """v unchanged, its gradient divided by the metric there: v (*batch, d) in tangent coordinates, c a scalar.

    exp_0 stretches angles by sinh(a)/a, 1e6 at a = sqrt(c) |v| = 17, so that the gradient in v of a function that is
    smooth in the geometry has an angular part larger than its radial one by that factor. G^-1 of the gradient is the
    direction of steepest descent for geodesic length (Amari 1998), whose parts compare. Not a gradient of any function:
    ``gradcheck`` fails by design; derivatives of it are right. Forward mode divides the tangent too: both agree.
    Raises  NotImplementedError in forward mode over forward mode, where torch would lose the outer derivative.

    >>> import torch
    >>> from hyperdist_torch.nn import riemannian_gradient
    >>> v = torch.tensor([2.0, 0.0], requires_grad=True)
    >>> riemannian_gradient(v, torch.tensor(1.0)).sum().backward()
    >>> v.grad  # (1, 1) over the metric: 1 along v, (2/sinh 2)^2 across
    tensor([1.0000, 0.3041])
    """
    if nested_forward():
        raise NotImplementedError(
            "riemannian_gradient has no forward-mode derivative of a forward-mode derivative: "
            "use jacfwd(jacrev(f)) or jacrev(jacfwd(f))"
        )
    if recorded(torch):
        # The first derivative: a trace has not the node's rule.
        step = v - v.detach()
        return v.detach() + tangent.from_frame(v.detach(), tangent.from_frame(v.detach(), step, c), c)
    return _RiemannianGradient.apply(v, c)


class ExpOrigin(nn.Module):
    """Features (*batch, d) as the points exp_0(features) of a model.

    curvature : a ``Curvature``, or a number.
    model     : "tangent" (the features themselves, to radius 1e9), "lorentz" ((*batch, d + 1), to radius 88/sqrt(c) in
                float32, 709/sqrt(c) in float64) or "poincare" (to 16/sqrt(c), 36/sqrt(c)).
    riemannian_gradient : divide the gradient by the metric on its way back; see ``riemannian_gradient``.
    Raises  ValueError for an unknown model, for "lorentz" at c = 0, and where coordinates of the model cannot hold a
            point: in the ball it would round onto the boundary, and gradients behind it be NaN. "tangent" holds all.

    >>> import torch
    >>> from hyperdist_torch.nn import ExpOrigin
    >>> head = ExpOrigin(1.0, "poincare")
    >>> head(torch.tensor([[0.0, 2.0]])).shape
    torch.Size([1, 2])
    """

    def __init__(self, curvature: Curvature | float, model: str = "tangent", *, riemannian_gradient: bool = False):
        super().__init__()
        self.curvature = as_curvature(curvature)
        self.model = model_of(model, self.curvature)
        self.riemannian_gradient = bool(riemannian_gradient)

    def forward(self, features: Tensor) -> Tensor:
        """Points (*batch, d), or (*batch, d + 1) for "lorentz"."""
        features = upcast(features, "features")
        c = self.curvature(features.dtype)
        if self.riemannian_gradient and not self.curvature.flat:
            features = riemannian_gradient(features, c.detach())
        return from_tangent(features, c, self.model)

    def extra_repr(self) -> str:
        """For ``repr``."""
        return f"model={self.model!r}, riemannian_gradient={self.riemannian_gradient}"


class LogOrigin(nn.Module):
    """Points of a model as the features log_0(x), (*batch, d), whose length is the distance from the origin.

    curvature, model, errors : as for ``ExpOrigin``, whose inverse it is.

    >>> import torch
    >>> from hyperdist_torch.nn import ExpOrigin, LogOrigin
    >>> v = torch.tensor([[0.0, 2.0], [1.0, 1.0]])
    >>> x = ExpOrigin(1.0, "poincare")(v)
    >>> x.norm(dim=-1), torch.allclose(LogOrigin(1.0, "poincare")(x), v)  # tanh of half the distance from the origin
    (tensor([0.7616, 0.6089]), True)
    """

    def __init__(self, curvature: Curvature | float, model: str = "tangent"):
        super().__init__()
        self.curvature = as_curvature(curvature)
        self.model = model_of(model, self.curvature)

    def forward(self, x: Tensor) -> Tensor:
        """Features (*batch, d)."""
        x = upcast(x, "x")
        return to_tangent(x, self.curvature(x.dtype), self.model)

    def extra_repr(self) -> str:
        """For ``repr``."""
        return f"model={self.model!r}"
