"""The three laws of the radius: their kernels are the core's."""

from __future__ import annotations

import math

from hyperdist.arrays.namespace import namespace
from hyperdist.radial import riemannian_normal, spherical_normal, von_mises_fisher
from hyperdist.radial.riemannian_normal import functions
from hyperdist_torch._host import Array
from hyperdist_torch._law import Law


class HyperbolicLaw(Law):
    """y = r/sigma of the Riemannian normal; theta is w = c sigma^2, and w = 0 is the chi law with d degrees."""

    end = math.inf

    def kernel(self, theta: Array) -> riemannian_normal.HyperbolicKernel:
        return riemannian_normal.HyperbolicKernel.build(self.d, namespace(theta).sqrt(theta))

    def log_kernel(self, y: Array, theta: Array) -> Array:
        return functions.log_kernel(self.d - 1, y, theta)

    def score(self, y: Array, theta: Array) -> Array:
        return functions.log_kernel_score(self.d - 1, y, theta)


class SphericalNormalLaw(Law):
    """The angle of the Riemannian normal on S^d; theta is sigma."""

    end = math.pi

    def kernel(self, theta: Array) -> spherical_normal.SphericalNormalKernel:
        return spherical_normal.SphericalNormalKernel.build(self.d, theta)

    def log_kernel(self, y: Array, theta: Array) -> Array:
        return spherical_normal.normal_log_kernel(self.d - 1, y, theta)

    def score(self, y: Array, theta: Array) -> Array:
        return spherical_normal.normal_score(y, theta)


class FisherLaw(Law):
    """The angle of the von Mises-Fisher law on S^d, exp(kappa (cos y - 1)); theta is kappa >= 0."""

    end = math.pi

    def kernel(self, theta: Array) -> von_mises_fisher.VonMisesFisherKernel:
        return von_mises_fisher.VonMisesFisherKernel.build(self.d, theta)

    def log_kernel(self, y: Array, theta: Array) -> Array:
        return von_mises_fisher.fisher_log_kernel(self.d - 1, y, theta)

    def score(self, y: Array, theta: Array) -> Array:
        return von_mises_fisher.fisher_score(y)
