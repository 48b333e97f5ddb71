"""The three laws of the radius: their kernels and proposals are the core's, the random numbers torch's."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from hyperdist._namespace import settled
from hyperdist.radial import hyperbolic, spherical, spherical_hats
from hyperdist_torch._law import Law
from hyperdist_torch._random import Propose, uniform


def _pick(parameter: Tensor, index: Tensor | None, n: int) -> Tensor:
    """The parameters (batch,) of the flattened draws ``index``, which belong to the batch in turn."""
    size = parameter.shape[0]
    if size == 1:
        return parameter
    return parameter.repeat(n // size) if index is None else parameter[index % size]


def _one_of(choice: Tensor, first: Propose, second: Propose) -> Propose:
    """``second`` for the batch elements where ``choice`` (batch,) holds, ``first`` for the others."""
    one_side = settled(choice)
    if one_side is not None:
        return second if one_side else first

    def propose(chi: Tensor, index: Tensor | None, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        by_second = _pick(choice, index, chi.shape[0])
        a, b = first(chi, index, generator), second(chi, index, generator)
        return torch.where(by_second, b[0], a[0]), torch.where(by_second, b[1], a[1])

    return propose


class HyperbolicLaw(Law):
    """y = r/sigma of the Riemannian normal; theta is w = c sigma^2, and w = 0 is the chi law with d degrees."""

    end = math.inf

    def kernel(self, theta: Tensor) -> hyperbolic.HyperbolicKernel:
        return hyperbolic.HyperbolicKernel.build(self.d, theta.sqrt())

    def log_kernel(self, y: Tensor, theta: Tensor) -> Tensor:
        return hyperbolic.log_kernel(self.d - 1, y, theta)

    def score(self, y: Tensor, theta: Tensor) -> Tensor:
        return hyperbolic.log_kernel_score(self.d - 1, y, theta)

    def proposal(self, kernel: Any, theta: Tensor) -> Propose:
        d, s = self.d, kernel.s
        point, gamma_mass = hyperbolic.gamma_hat(d, s)

        def gamma(chi: Tensor, index: Tensor | None, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
            at, scale = _pick(point, index, chi.shape[0]), _pick(s, index, chi.shape[0])
            y = chi * at / math.sqrt(d)
            return y, hyperbolic.gamma_hat_cost(d, scale, at, y)

        def normal(chi: Tensor, index: Tensor | None, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
            mode, scale = _pick(kernel.centre, index, chi.shape[0]), _pick(s, index, chi.shape[0])
            t = torch.randn(chi.shape, generator=generator, device=chi.device, dtype=chi.dtype)
            return mode + t, hyperbolic.normal_hat_cost(d - 1, scale, mode, t)

        return _one_of(kernel.log_peak + hyperbolic.normal_hat_log_mass(kernel.n) < gamma_mass, gamma, normal)


class SphericalNormalLaw(Law):
    """The angle of the Riemannian normal on S^d; theta is sigma."""

    end = math.pi

    def kernel(self, theta: Tensor) -> spherical.SphericalNormalKernel:
        return spherical.SphericalNormalKernel.build(self.d, theta)

    def log_kernel(self, y: Tensor, theta: Tensor) -> Tensor:
        return spherical.normal_log_kernel(self.d - 1, y, theta)

    def score(self, y: Tensor, theta: Tensor) -> Tensor:
        return spherical.normal_score(y, theta)

    def proposal(self, kernel: Any, theta: Tensor) -> Propose:
        d = self.d
        point, touch, by_cauchy = spherical_hats.normal_hats(d, theta)

        def gamma(chi: Tensor, index: Tensor | None, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
            at, sigma = _pick(point, index, chi.shape[0]), _pick(theta, index, chi.shape[0])
            r = chi * at / math.sqrt(d)
            return r, spherical_hats.normal_gamma_cost(d, sigma, at, r)

        def cauchy(chi: Tensor, index: Tensor | None, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
            at, sigma = _pick(touch, index, chi.shape[0]), _pick(theta, index, chi.shape[0])
            r = _cauchy_radius(chi, at, generator)
            return r, spherical_hats.normal_cauchy_cost(d, sigma, at, r)

        return _one_of(by_cauchy, gamma, cauchy)


class FisherLaw(Law):
    """The angle of the von Mises-Fisher law on S^d, exp(kappa (cos y - 1)); theta is kappa >= 0."""

    end = math.pi

    def kernel(self, theta: Tensor) -> spherical.VonMisesFisherKernel:
        return spherical.VonMisesFisherKernel.build(self.d, theta)

    def log_kernel(self, y: Tensor, theta: Tensor) -> Tensor:
        return spherical.fisher_log_kernel(self.d - 1, y, theta)

    def score(self, y: Tensor, theta: Tensor) -> Tensor:
        return spherical.fisher_score(y)

    def proposal(self, kernel: Any, theta: Tensor) -> Propose:
        d = self.d
        if d == 1:
            return _arcs(theta)
        point, rate, touch, by_cauchy = spherical_hats.fisher_hats(d, theta)

        def gamma(chi: Tensor, index: Tensor | None, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
            w = 0.5 * chi * chi / _pick(rate, index, chi.shape[0])
            r = 2.0 * torch.asin(torch.sqrt(0.5 * w.clamp_max(2.0)))
            return r, spherical_hats.fisher_gamma_cost(d, _pick(point, index, chi.shape[0]), w)

        def cauchy(chi: Tensor, index: Tensor | None, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
            at, kappa = _pick(touch, index, chi.shape[0]), _pick(theta, index, chi.shape[0])
            r = _cauchy_radius(chi, at, generator)
            return r, spherical_hats.fisher_cauchy_cost(d, kappa, at, r)

        return _one_of(by_cauchy, gamma, cauchy)


def _cauchy_radius(chi: Tensor, touch: Tensor, generator: torch.Generator | None) -> Tensor:
    z = torch.randn(chi.shape, generator=generator, device=chi.device, dtype=chi.dtype)
    return spherical_hats.cauchy_radius(chi, z, torch.cos(touch))


_LEAST_KAPPA = 1e-20
"""The hat of two arcs divides by kappa; so small a one is uniform to rounding."""


def _arcs(kappa: Tensor) -> Propose:
    """The proposal on the circle."""

    def propose(chi: Tensor, index: Tensor | None, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        own = _pick(kappa, index, chi.shape[0])
        u = uniform(tuple(chi.shape), chi.device, generator)
        r = spherical_hats.fisher_arc(own.clamp_min(_LEAST_KAPPA), u)
        return r, spherical_hats.fisher_arc_cost(own, r)

    return propose
