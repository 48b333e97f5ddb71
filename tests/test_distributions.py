"""Every distribution, against the contract of ``tests/contracts.py``."""

from __future__ import annotations

import numpy as np
import pytest

from tests import contracts
from tests.cases import CASES, Case

PER_MODEL = [pytest.param(case, model, id=f"{case}-{model or 'points'}") for case in CASES for model in case.models]
RADIAL = [pytest.param(case, id=str(case)) for case in CASES if case.radial]
FIRST_MODEL = [pytest.param(case, case.models[0], id=str(case)) for case in CASES if case.radial]
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


@DTYPES
@pytest.mark.parametrize(("case", "model"), PER_MODEL)
def test_shapes_and_dtypes(case: Case, model: str | None, dtype: type, rng: np.random.Generator) -> None:
    contracts.shapes_and_dtypes(case.build(dtype), model, rng)


@pytest.mark.parametrize(("case", "model"), PER_MODEL)
def test_draws_follow_from_the_state(case: Case, model: str | None) -> None:
    contracts.draws_follow_from_the_state(case.build(np.float64), model)


@DTYPES
@pytest.mark.parametrize(("case", "model"), [p for p in PER_MODEL if p.values[0].radial])
def test_density_of_a_draw(case: Case, model: str | None, dtype: type, rng: np.random.Generator) -> None:
    contracts.density_of_a_draw(case.build(dtype), model, rng)


@pytest.mark.parametrize(("case", "model"), PER_MODEL)
def test_off_the_space(case: Case, model: str | None) -> None:
    contracts.off_the_space(case.build(np.float64), model)


@pytest.mark.parametrize(("case", "model"), FIRST_MODEL)
def test_density_integrals(case: Case, model: str | None) -> None:
    contracts.density_integrals(case.build(np.float64), model)


@DTYPES
@pytest.mark.parametrize("case", RADIAL)
def test_radial_law_is_consistent(case: Case, dtype: type) -> None:
    contracts.radial_law_is_consistent(case.build(dtype))


@pytest.mark.parametrize("method", ["rejection", "inverse"])
@pytest.mark.parametrize(("case", "model"), [p for p in PER_MODEL if p.values[0].radial])
def test_draws_have_the_law(case: Case, model: str | None, method: str, rng: np.random.Generator) -> None:
    contracts.draws_have_the_law(case.build(np.float64), model, method, rng)


@pytest.mark.parametrize("case", RADIAL)
def test_radius_sampler_has_the_law(case: Case, rng: np.random.Generator) -> None:
    contracts.radius_sampler_has_the_law(case.build(np.float64), rng)


@pytest.mark.parametrize("case", [p for p in RADIAL if p.values[0].build(np.float64).batch_shape])
def test_elements_are_independent(case: Case, rng: np.random.Generator) -> None:
    contracts.elements_are_independent(case.build(np.float64), rng)
