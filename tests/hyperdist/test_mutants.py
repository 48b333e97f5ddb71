"""Laws with one planted fault each: the contract must reject every one, or it proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hyperdist as hd
from hyperdist.radial import rejection
from hyperdist.radial.riemannian_normal import RiemannianNormalRadius
from tests.support import contracts

CENTRE = np.array([0.2, -0.1, 0.3])


class WrongExponent(hd.RiemannianNormal):
    """Radius with exponent d - 2."""

    def __init__(self, *parameters: Any) -> None:
        super().__init__(*parameters)
        wrong = RiemannianNormalRadius(2, self.radius.sigma, self.radius.c)
        vars(self.radius).update(_kernel=wrong._kernel, _log_mass=wrong._log_mass)


class ClampedSigma(hd.RiemannianNormal):
    """Draws with sigma at most 1, as some clamp it for stability."""

    def _draw(self, *args: Any) -> Any:
        return hd.RiemannianNormal(self.mu, np.minimum(self.sigma, 1.0), self.c)._draw(*args)


class MissingLambda(hd.RiemannianNormal):
    """Density with respect to the ball's coordinates passed off as one with respect to volume."""

    def _log_prob(self, x: np.ndarray, model: str | None) -> np.ndarray:
        return super()._log_prob(x, model) + 3 * np.log(2.0)


class NoVolumeFactor(hd.WrappedNormal):
    """A wrapped normal whose density lacks (sinh(r)/r)^(d-1)."""

    def _log_prob(self, x: np.ndarray, model: str | None) -> np.ndarray:
        radius, _ = contracts.polar(self, x, model)
        return -0.5 * np.square(radius / self.sigma) - self._log_z


class WrappedPassedOff(hd.RiemannianNormal):
    """A wrapped normal's draws under the Riemannian normal's name."""

    def _draw(self, *args: Any) -> Any:
        return hd.WrappedNormal(self.mu, self.sigma, self.c)._draw(*args)


class HalfSphere(hd.VonMisesFisher):
    """Directions of one half of the tangent space."""

    def _place(self, out: Any, normals: np.ndarray, *rest: Any) -> float:  # type: ignore[override]
        normals[:, 0] = np.abs(normals[:, 0])
        return super()._place(out, normals, *rest)


class SharedUniform(hd.RiemannianNormal):
    """One acceptance variate for the whole batch, a fault seen in a published sampler."""

    class _Radius(RiemannianNormalRadius):
        @property
        def _proposal(self) -> rejection.Draw:
            propose = super()._proposal

            def shared(chi: np.ndarray, source: rejection.Source, which: Any) -> rejection.Proposal:
                chi[:] = np.repeat(chi[:: self.sigma.size], self.sigma.size)[: chi.size]
                return propose(chi, source, which)

            return shared

    def __init__(self, *parameters: Any) -> None:
        super().__init__(*parameters)
        self.radius = self._Radius(3, self.radius.sigma, self.radius.c)


class DensityOfAnother(hd.RiemannianNormal):
    """sample_and_log_prob's density with the normaliser of sigma 1 % off."""

    def _log_density(self, which: Any, radius: np.ndarray) -> np.ndarray:
        return super()._log_density(which, radius) + 0.01


def _law(law: Any, rng: np.random.Generator) -> None:
    contracts.draws_have_the_law(law, law._models[0] if law._models else None, "rejection", rng)


def _integrals(law: Any, rng: np.random.Generator) -> None:
    contracts.density_integrals(law, "poincare")


def _density(law: Any, rng: np.random.Generator) -> None:
    contracts.density_of_a_draw(law, law, "poincare", rng)


def _independence(law: Any, rng: np.random.Generator) -> None:
    contracts.elements_are_independent(law, rng)


MUTANTS = [
    (WrongExponent(CENTRE, 0.8, 1.0), _integrals),
    (ClampedSigma(CENTRE, 1.1, 1.0), _law),
    (MissingLambda(CENTRE, 0.8, 1.0), _integrals),
    (NoVolumeFactor(CENTRE, 0.8, 1.0), _integrals),
    (WrappedPassedOff(CENTRE, 0.8, 1.0), _law),
    (HalfSphere([0.0, 0.6, 0.8], 3.0), _law),
    (SharedUniform(CENTRE, np.array([0.7, 0.8]), 1.0), _independence),
    (DensityOfAnother(CENTRE, 0.8, 1.0), _density),
]


@pytest.mark.parametrize(("law", "contract"), MUTANTS, ids=[type(law).__name__ for law, _ in MUTANTS])
def test_fault_is_rejected(
    law: Any, contract: Callable[[Any, np.random.Generator], None], rng: np.random.Generator
) -> None:
    with pytest.raises(AssertionError):
        contract(law, rng)
