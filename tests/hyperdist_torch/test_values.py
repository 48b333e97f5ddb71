"""Values: the torch laws against the core's, shapes, dtypes, the law of the draws."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import hyperdist as hd  # noqa: E402
import hyperdist_torch as ht  # noqa: E402
from hyperdist.geometry import conversions, polar, sphere  # noqa: E402
from tests.support.statistics import ALPHA, ks_uniform, uniform_directions  # noqa: E402
from tests.support.torch.laws import CASES, TORUS, Case  # noqa: E402

PER_MODEL = [pytest.param(case, model, id=f"{case}-{model}") for case in CASES for model in case.models]
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
DRAWS = 20_000


@pytest.fixture
def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed % 2**63)


def how(model: str | None) -> dict[str, str]:
    return {} if model is None else {"model": model}


@pytest.mark.parametrize(("case", "model"), PER_MODEL)
def test_density_is_the_core_s(case: Case, model: str | None, generator: torch.Generator) -> None:
    law, core = case.build(), case.core()
    x, density = law.rsample_and_log_prob((7,), generator=generator, **how(model))
    expected = core.log_prob(x.numpy(), **how(model))
    np.testing.assert_allclose(density.numpy(), expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(law.log_prob(x, **how(model)).numpy(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_moments_are_the_core_s(case: Case) -> None:
    law, core = case.build(), case.core()
    for name in ("mean", "mode", "variance"):
        np.testing.assert_allclose(getattr(law, name).numpy(), getattr(core, name), rtol=1e-12)
    np.testing.assert_allclose(law.log_normalizer().numpy(), core.log_normalizer(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(law.entropy().numpy(), core.entropy(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(law.stddev.numpy() ** 2, core.variance, rtol=1e-12)
    if hasattr(core, "mean_resultant_length"):
        np.testing.assert_allclose(law.mean_resultant_length.numpy(), core.mean_resultant_length, rtol=1e-12)


@pytest.mark.parametrize("case", [*CASES, *TORUS], ids=str)
def test_whole_numbers_are_points(case: Case) -> None:
    """As they are for the parameters; what is no real number is not."""
    law = case.build(torch.float32)
    x = torch.eye(law.event_shape[0], dtype=torch.int64)[0] * (0 if case.hyperbolic else 1)
    assert torch.equal(law.log_prob(x), law.log_prob(x.float()))
    for bad in (x.to(torch.complex64), x.bool()):
        with pytest.raises(TypeError, match="value must hold real numbers, got dtype"):
            law.log_prob(bad)


@DTYPES
@pytest.mark.parametrize(("case", "model"), PER_MODEL)
def test_shapes_and_dtypes(case: Case, model: str | None, dtype: torch.dtype, generator: torch.Generator) -> None:
    law, core = case.build(dtype), case.core()
    width = law.event_shape[0] + (model == "lorentz")
    assert tuple(law.batch_shape) == core.batch_shape
    for method, shapes in (("rejection", [(), (2, 3), (0,)]), ("inverse", [(3,)])):
        for shape in shapes:
            x, density = law.rsample_and_log_prob(shape, generator=generator, method=method, **how(model))
            assert x.shape == (*shape, *law.batch_shape, width)
            assert density.shape == (*shape, *law.batch_shape)
            assert x.dtype == density.dtype == dtype
            again = law.log_prob(x, **how(model))
            assert again.shape == density.shape
            assert again.dtype == dtype
    assert not case.build(dtype, grad=True).sample((2,), **how(model)).requires_grad
    assert law.sample((4,), **how(model)).shape == (4, *law.batch_shape, width)
    for value in (law.variance, law.log_normalizer()):
        assert value.shape == law.batch_shape
        assert value.dtype == dtype


@pytest.mark.parametrize("method", ["rejection", "inverse"])
@pytest.mark.parametrize("case", [case for case in CASES if hasattr(case.core(), "radius")], ids=str)
def test_draws_have_the_law(case: Case, method: str, generator: torch.Generator) -> None:
    """KS of the radius by the core's cdf and uniformity of directions, at ALPHA a batch element."""
    law, core = case.build(), case.core()
    n = DRAWS if method == "rejection" else DRAWS // 10
    x = law.sample((n,), generator=generator, method=method, **how("tangent" if case.hyperbolic else None)).numpy()
    if case.hyperbolic:
        c = np.asarray(core.c)
        radius, direction = polar.log_polar(conversions.poincare_to_tangent(core.mu, c), x, c, "tangent")
    else:
        radius, direction = sphere.log_polar(core.mu, x)
    u = np.asarray(core.radius.cdf(radius))
    for index in np.ndindex(core.batch_shape):
        assert ks_uniform(u[(slice(None), *index)]) > ALPHA
        assert uniform_directions(direction[(slice(None), *index)]) > ALPHA


def test_draws_follow_from_the_generator() -> None:
    law = CASES[2].build()
    first, second = (law.sample((50,), generator=torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)
    generator = torch.Generator().manual_seed(3)
    state = torch.get_rng_state()
    law.sample((50,), generator=generator)
    assert not torch.equal(first, law.sample((50,), generator=generator))
    assert torch.equal(state, torch.get_rng_state())


def test_elements_of_a_batch_are_independent(generator: torch.Generator) -> None:
    """Radii of 3 x 2 laws under both hats: z-test of every correlation at ALPHA."""
    law = next(case for case in CASES if case.label == "riemannian-batch").build()
    x = law.sample((DRAWS,), generator=generator, model="tangent")
    distance = law._dist_sq(x, "tangent").sqrt().reshape(DRAWS, -1).numpy()
    correlation = np.corrcoef(distance, rowvar=False)[np.triu_indices(6, 1)]
    assert (np.abs(correlation) * np.sqrt(DRAWS) < 6.0).all()


def test_uniform() -> None:
    law = ht.SphericalUniform(4)
    x, density = law.rsample_and_log_prob((3, 2))
    assert x.shape == (3, 2, 5)
    assert torch.equal(density, law.log_prob(x))
    np.testing.assert_allclose(law.entropy().item(), hd.SphericalUniform(4).entropy(), rtol=1e-6)
    np.testing.assert_allclose(law.variance.item(), hd.SphericalUniform(4).variance, rtol=1e-6)
    assert law.expand((2, 3)).sample((4,)).shape == (4, 2, 3, 5)
    assert law.expand((2,)).mode.shape == (2, 5)


@pytest.mark.parametrize("d", [20, 50])
def test_float32_holds_far_draws(d: int, generator: torch.Generator) -> None:
    """Radii near 26 and 80: the ball refuses, tangent coordinates and the density of the draw are right."""
    law = ht.RiemannianNormal(torch.zeros(d), 1.18, 1.0)
    with pytest.raises(ValueError, match="model='tangent'"):
        law.rsample((100,), generator=generator)
    x, density = law.rsample_and_log_prob((200,), model="tangent", generator=generator)
    core = hd.RiemannianNormal(np.zeros(d), 1.18, 1.0)
    np.testing.assert_allclose(density.numpy(), core.log_prob(x.numpy().astype(float), model="tangent"), rtol=1e-4)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_expand(case: Case, generator: torch.Generator) -> None:
    law = case.build()
    wide = law.expand((4, *law.batch_shape))
    assert wide.batch_shape == (4, *law.batch_shape)
    assert type(wide) is type(law)
    x = wide.sample((2,), generator=generator)
    np.testing.assert_allclose(wide.log_prob(x), law.log_prob(x), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("case", [*CASES, *TORUS], ids=str)
def test_torch_compositions(case: Case, generator: torch.Generator) -> None:
    """Independent and MixtureSameFamily over a batch of three."""
    law = case.build().expand((3, *case.core().batch_shape))
    x = law.sample((5,), generator=generator)
    independent = torch.distributions.Independent(law, len(law.batch_shape))
    assert torch.allclose(independent.log_prob(x), law.log_prob(x).reshape(5, -1).sum(-1))
    assert independent.rsample((2,)).shape == (2, *law.batch_shape, *law.event_shape)
    rolled = torch.distributions.Independent(law, 0)
    assert torch.equal(rolled.log_prob(x), law.log_prob(x))
    if len(law.batch_shape) == 1:
        weights = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
        mixture = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(weights), law)
        y = mixture.sample((6,))
        assert y.shape == (6, *law.event_shape)
        expected = torch.logsumexp(law.log_prob(y[:, None]) + weights.log(), dim=-1)
        assert torch.allclose(mixture.log_prob(y), expected)
