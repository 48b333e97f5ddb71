"""Correlated angles in torch: which terms their sums have, looked up on the host, and the density and entropy of them.

The terms are integers that values decide; through ``torch.vmap`` all of its batch is looked at together.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from hyperdist.arrays.host import numbers
from hyperdist.distributions import torus_forms
from hyperdist.radial import torus_entropy, torus_terms, wrapped_torus
from hyperdist.radial.wrapped_torus import Terms
from hyperdist_torch._host import unseen


def _look(*tensors: Tensor) -> None:
    if unseen(*tensors):
        raise RuntimeError(
            "which terms the density of correlated angles has follows from their values, which a trace cannot record: "
            "give independent scales, sigma, or leave the law out of what is traced or exported"
        )


def _uncompiled(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """``function``, which runs as it is inside compiled code; the compiler is loaded by whoever uses it."""

    @wraps(function)
    def apart(*tensors: Tensor) -> Tensor:
        loaded = "torch._dynamo" in sys.modules
        called: Any = torch.compiler.disable(function) if loaded else function  # type: ignore[arg-type]
        return called(*tensors)

    return apart


class _Terms(torch.autograd.Function):
    """Those of deviations (*shape, d) under triangles (*batch, d, d), float64."""

    @staticmethod
    def forward(delta: Tensor, tril: Tensor) -> tuple[Tensor, ...]:
        found = torus_terms.terms(delta.detach().cpu().numpy(), tril.detach().cpu().numpy())
        return tuple(torch.as_tensor(array, device=delta.device) for array in found)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        ctx.mark_non_differentiable(*output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None]:
        return None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> tuple[None, ...]:
        return (None,) * 6

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, int | None], *tensors: Tensor) -> Any:
        """One more axis in front; triangles of its batch get axes of length 1 beside the deviations' own."""
        (delta, tril), (first, second) = tensors, in_dims
        delta = delta.expand(info.batch_size, *delta.shape) if first is None else delta.movedim(first, 0)
        if second is None:
            found = _Terms.apply(delta, tril)
            return found, (None, None, None, None, 0, 0)
        tril = tril.movedim(second, 0)
        tril = tril.reshape(tril.shape[0], *(1,) * (delta.ndim + 1 - tril.ndim), *tril.shape[1:])
        return _Terms.apply(delta, tril), (0,) * 6


@_uncompiled
def log_density(delta: Tensor, tril: Tensor) -> Tensor:
    """log f, (*shape), at deviations (*shape, d) in [-pi, pi), of triangles (*batch, d, d) whose axes are the last."""
    _look(delta, tril)
    dtype, delta, tril = delta.dtype, delta.double(), tril.double()
    terms = Terms(*_Terms.apply(delta.detach(), tril.detach()))  # type: ignore[arg-type]
    return wrapped_torus.log_density(delta, wrapped_torus.turned(tril, terms.turn), terms).to(dtype)


def _look_each(what: str, *tensors: Tensor) -> None:
    """Raise where each law of a batch cannot be looked at for itself."""
    _look(*tensors)
    if any(numbers(tensor).shape != tuple(tensor.shape) for tensor in tensors):
        raise RuntimeError(
            f"the {what} of correlated angles is an integral of each law for itself: not under torch.vmap"
        )


@_uncompiled
def divergence(apart: Tensor, p_tril: Tensor, q_tril: Tensor, entropy: Tensor) -> Tensor:
    """``torus_forms.divergence``, float64."""
    _look_each("divergence", apart, p_tril, q_tril, entropy)
    return torus_forms.divergence(apart, p_tril, q_tril, entropy)


def _entropy(tril: Tensor) -> Tensor:
    """NaN of a triangle that nobody has checked and that is none."""
    usable = torus_terms.regular(numbers(tril)).item()
    return torus_entropy.entropy(tril) if usable else tril.sum() * torch.nan


@_uncompiled
def entropy(tril: Tensor) -> Tensor:
    """That of triangles (*batch, d, d), (*batch), float64."""
    _look_each("entropy", tril)
    d = tril.shape[-1]
    each = [_entropy(one) for one in tril.double().reshape(-1, d, d)]
    return torch.stack(each).reshape(tril.shape[:-2]) if each else tril.new_empty(tril.shape[:-2]).double()
