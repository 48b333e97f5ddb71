"""What a matrix that says how a normal spreads must satisfy: a lower triangle, or a covariance."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.distributions import biject_to, constraints, transform_to
from torch.distributions.transforms import LowerCholeskyTransform, PositiveDefiniteTransform, Transform

from hyperdist.checks.matrices import ASYMMETRY
from hyperdist_torch.constraints import SCALES

WIDE_ANGLES = {torch.float32: 1e3, torch.float64: 1e8}
"""The largest standard deviations of correlated angles: draws are rounded to 1e-4 and 1e-8 radians there."""


class SpreadMatrix(constraints.Constraint):
    """Matrices (*batch, d, d) whose scales, and the deviations of coordinates, are those of ``Scale``.

    widest : by dtype, of deviations, where it is less.
    """

    event_dim = 2
    _what = ""

    def __init__(self, widest: Mapping[torch.dtype, float] | None = None) -> None:
        self.widest = widest or {}
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        """Whether each matrix is one, (*batch)."""
        low, high = SCALES.get(value.dtype, SCALES[torch.float64])
        holds, scales, deviations = self._parts(value)
        high = min(high, self.widest.get(value.dtype, high))
        return holds & (scales >= low).all(dim=-1) & (deviations <= high).all(dim=-1)

    @abstractmethod
    def _parts(self, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(whether each is of its form, the triangle's diagonal, standard deviations of the coordinates)."""

    def __repr__(self) -> str:
        ranges = [f"{low:g} to {min(high, self.widest.get(dtype, high)):g} in {dtype}" for dtype, (low, high) in
                  SCALES.items()]  # fmt: skip
        return f"{self._what} of scales {', '.join(ranges)}"


class ScaleTriangle(SpreadMatrix):
    """Lower triangles L, with scales on the diagonal."""

    _what = "lower triangles"

    def _parts(self, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        triangle = value.tril()
        scales, deviations = triangle.diagonal(dim1=-2, dim2=-1), triangle.square().sum(dim=-1).sqrt()
        return (triangle == value).flatten(-2).all(dim=-1), scales, deviations


class Covariance(SpreadMatrix):
    """Symmetric matrices that are positive definite as far as their dtype tells, as ``hyperdist.checks`` has it."""

    _what = "symmetric positive definite matrices, by more than d eps in units of their diagonal,"

    def _parts(self, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        deviations = value.diagonal(dim1=-2, dim2=-1).sqrt()
        rows, columns = deviations[..., :, None], deviations[..., None, :]
        even = (value - value.mT).abs() <= ASYMMETRY * rows * columns
        # By coordinates of unit variance, whatever their units.
        correlation = value / rows / columns
        factor, failed = torch.linalg.cholesky_ex(correlation)
        definite = (failed == 0) & (_least(correlation) > value.shape[-1] * torch.finfo(value.dtype).eps)
        # The law's own factorisation is of the matrix as it stands, and rounds apart.
        definite &= torch.linalg.cholesky_ex(value)[1] == 0
        return even.flatten(-2).all(dim=-1) & definite, factor.diagonal(dim1=-2, dim2=-1) * deviations, deviations


def _least(value: Tensor) -> Tensor:
    """The least eigenvalue of symmetric matrices, (*batch), in float64; 1 where they are not finite."""
    value, eye = value.detach().double(), torch.eye(value.shape[-1], dtype=torch.float64, device=value.device)
    known = torch.isfinite(value).flatten(-2).all(dim=-1)
    return torch.linalg.eigvalsh(torch.where(known[..., None, None], value, eye))[..., 0]


@biject_to.register(ScaleTriangle)
@transform_to.register(ScaleTriangle)
def _triangle(constraint: ScaleTriangle) -> Transform:
    return LowerCholeskyTransform()


@biject_to.register(Covariance)
@transform_to.register(Covariance)
def _covariance(constraint: Covariance) -> Transform:
    return PositiveDefiniteTransform()
