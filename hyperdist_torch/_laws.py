"""The three laws of the radius: their kernels and proposals are the core's, the random numbers torch's."""

from __future__ import annotations

import math
from typing import Any

from hyperdist.arrays.namespace import namespace, settled
from hyperdist.radial import riemannian_normal, spherical, spherical_normal, von_mises_fisher
from hyperdist.radial.riemannian_normal import functions, hats
from hyperdist_torch._host import Array
from hyperdist_torch._law import Law
from hyperdist_torch._random import Propose, Source


def _pick(parameter: Array, index: Array | None, n: int) -> Array:
    """The parameters (batch,) of the flattened draws ``index``, which belong to the batch in turn."""
    size = parameter.shape[0]
    if size == 1:
        return parameter
    return namespace(parameter).tile(parameter, (n // size,)) if index is None else parameter[index % size]


def _one_of(choice: Array, first: Propose, second: Propose) -> Propose:
    """``second`` for the batch elements where ``choice`` (batch,) holds, ``first`` for the others."""
    one_side = settled(choice)
    if one_side is not None:
        return second if one_side else first

    def propose(chi: Array, index: Array | None, source: Source) -> tuple[Array, Array]:
        by_second = _pick(choice, index, chi.shape[0])
        a, b = first(chi, index, source), second(chi, index, source)
        xp = namespace(chi)
        return xp.where(by_second, b[0], a[0]), xp.where(by_second, b[1], a[1])

    return propose


class HyperbolicLaw(Law):
    """y = r/sigma of the Riemannian normal; theta is w = c sigma^2, and w = 0 is the chi law with d degrees."""

    end = math.inf

    def kernel(self, theta: Array) -> riemannian_normal.HyperbolicKernel:
        return riemannian_normal.HyperbolicKernel.build(self.d, namespace(theta).sqrt(theta))

    def log_kernel(self, y: Array, theta: Array) -> Array:
        return functions.log_kernel(self.d - 1, y, theta)

    def score(self, y: Array, theta: Array) -> Array:
        return functions.log_kernel_score(self.d - 1, y, theta)

    def proposal(self, kernel: Any, theta: Array) -> Propose:
        d, s = self.d, kernel.s
        point, gamma_mass = hats.gamma_hat(d, s)

        def gamma(chi: Array, index: Array | None, source: Source) -> tuple[Array, Array]:
            at, scale = _pick(point, index, chi.shape[0]), _pick(s, index, chi.shape[0])
            y = chi * at / math.sqrt(d)
            return y, hats.gamma_hat_cost(d, scale, at, y)

        def normal(chi: Array, index: Array | None, source: Source) -> tuple[Array, Array]:
            mode, scale = _pick(kernel.centre, index, chi.shape[0]), _pick(s, index, chi.shape[0])
            t = source.normal(chi.shape[0])
            return mode + t, hats.normal_hat_cost(d - 1, scale, mode, t)

        return _one_of(kernel.log_peak + hats.normal_hat_log_mass(kernel.n) < gamma_mass, gamma, normal)


class SphericalNormalLaw(Law):
    """The angle of the Riemannian normal on S^d; theta is sigma."""

    end = math.pi

    def kernel(self, theta: Array) -> spherical_normal.SphericalNormalKernel:
        return spherical_normal.SphericalNormalKernel.build(self.d, theta)

    def log_kernel(self, y: Array, theta: Array) -> Array:
        return spherical_normal.normal_log_kernel(self.d - 1, y, theta)

    def score(self, y: Array, theta: Array) -> Array:
        return spherical_normal.normal_score(y, theta)

    def proposal(self, kernel: Any, theta: Array) -> Propose:
        d = self.d
        point, touch, by_cauchy = spherical_normal.normal_hats(d, theta)

        def gamma(chi: Array, index: Array | None, source: Source) -> tuple[Array, Array]:
            at, sigma = _pick(point, index, chi.shape[0]), _pick(theta, index, chi.shape[0])
            r = chi * at / math.sqrt(d)
            return r, spherical_normal.normal_gamma_cost(d, sigma, at, r)

        def cauchy(chi: Array, index: Array | None, source: Source) -> tuple[Array, Array]:
            at, sigma = _pick(touch, index, chi.shape[0]), _pick(theta, index, chi.shape[0])
            r = _cauchy_radius(chi, at, source)
            return r, spherical_normal.normal_cauchy_cost(d, sigma, at, r)

        return _one_of(by_cauchy, gamma, cauchy)


class FisherLaw(Law):
    """The angle of the von Mises-Fisher law on S^d, exp(kappa (cos y - 1)); theta is kappa >= 0."""

    end = math.pi

    def kernel(self, theta: Array) -> von_mises_fisher.VonMisesFisherKernel:
        return von_mises_fisher.VonMisesFisherKernel.build(self.d, theta)

    def log_kernel(self, y: Array, theta: Array) -> Array:
        return von_mises_fisher.fisher_log_kernel(self.d - 1, y, theta)

    def score(self, y: Array, theta: Array) -> Array:
        return von_mises_fisher.fisher_score(y)

    def proposal(self, kernel: Any, theta: Array) -> Propose:
        d = self.d
        if d == 1:
            return _arcs(theta)
        point, rate, touch, by_cauchy = von_mises_fisher.fisher_hats(d, theta)

        def gamma(chi: Array, index: Array | None, source: Source) -> tuple[Array, Array]:
            w = 0.5 * chi * chi / _pick(rate, index, chi.shape[0])
            xp = namespace(w)
            r = 2.0 * xp.asin(xp.sqrt(0.5 * xp.clip(w, None, 2.0)))
            return r, von_mises_fisher.fisher_gamma_cost(d, _pick(point, index, chi.shape[0]), w)

        def cauchy(chi: Array, index: Array | None, source: Source) -> tuple[Array, Array]:
            at, kappa = _pick(touch, index, chi.shape[0]), _pick(theta, index, chi.shape[0])
            r = _cauchy_radius(chi, at, source)
            return r, von_mises_fisher.fisher_cauchy_cost(d, kappa, at, r)

        return _one_of(by_cauchy, gamma, cauchy)


def _cauchy_radius(chi: Array, touch: Array, source: Source) -> Array:
    return spherical.cauchy_radius(chi, source.normal(chi.shape[0]), namespace(touch).cos(touch))


_LEAST_KAPPA = 1e-20
"""The hat of two arcs divides by kappa; so small a one is uniform to rounding."""


def _arcs(kappa: Array) -> Propose:
    """The proposal on the circle."""

    def propose(chi: Array, index: Array | None, source: Source) -> tuple[Array, Array]:
        own = _pick(kappa, index, chi.shape[0])
        u = source.uniform(chi.shape[0])
        r = von_mises_fisher.fisher_arc(namespace(own).clip(own, _LEAST_KAPPA, None), u)
        return r, von_mises_fisher.fisher_arc_cost(own, r)

    return propose
