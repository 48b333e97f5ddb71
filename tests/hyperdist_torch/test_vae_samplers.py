"""Importance-weighted estimates from antithetic pairs and scrambled Sobol' points, beside independent draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

torch = pytest.importorskip("torch")

from hyperdist_torch import vae  # noqa: E402
from hyperdist_torch.vae import samplers  # noqa: E402
from tests.support.statistics import ALPHA  # noqa: E402

ROWS, SAMPLES, REPEATS = 6, 128, 16
NARROW = {"prior_std": 0.6}

LATENTS: dict[str, tuple[dict[str, Any], list[float]]] = {
    "riemannian": ({"latent_dim": 2, **NARROW}, [0.8]),
    "wrapped": ({"latent_dim": 2, "posterior": "wrapped", **NARROW}, [0.8, 0.7]),
    "normal": ({"latent_dim": 3, "posterior": "normal", "prior": "wrapped", **NARROW}, [0.8]),
    "line": ({"latent_dim": 1, **NARROW}, [0.8]),
    "flat": ({"latent_dim": 2, "c": 0.0, **NARROW}, [0.8]),
    "double": ({"latent_dim": 2, **NARROW}, [0.8]),
    "sphere": ({"latent": "s2"}, [1.5]),
    "power": ({"latent": "s2", "posterior": "power_spherical"}, [0.2]),
    "torus": ({"latent": "t2"}, [1.6]),
    "product": ({"latent": "h2,s1,e1", **NARROW}, [0.8, 0.5, 0.8]),
}
"""Configurations, and the posteriors' scales or concentrations: wider than the priors, so that weights are bounded."""


def estimates(name: str, sampler: str) -> np.ndarray:
    """Of p(x), (repeats, rows), in units that are the same for all samplers: unbiased, where logarithms are not."""
    more, scale = LATENTS[name]
    config = vae.VAEConfig(data_shape=(6,), hidden=8, **more)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        made = vae.PoincareVAE(
            config, encoder=lambda x: (0.5 * x[:, : config.width] + 0.1, torch.tensor(scale).to(x).expand(len(x), -1))
        )
    x = torch.rand((ROWS, 6), generator=torch.Generator().manual_seed(2))
    if name == "double":
        made, x = made.double(), x.double()
    found = [
        vae.log_likelihood(made, x, SAMPLES, sampler=sampler, generator=torch.Generator().manual_seed(100 + k))
        for k in range(REPEATS)
    ]
    return np.exp(torch.stack(found).double().numpy() + 4.0)


@pytest.mark.parametrize("name", LATENTS)
def test_unbiased_and_of_smaller_variance(name: str) -> None:
    """Means agree within an interval of false alarm 1e-6 over all rows and samplers. Sobol' estimates have less than
    half of the variance of independent draws, summed over the rows; where it is a sixth, which is more than any has
    here, that fails with a chance below 1e-6 (an F law with 6 x 15 degrees of freedom)."""
    plain, *others = (estimates(name, sampler) for sampler in samplers.SAMPLERS)
    limit = stats.t.isf(0.5 * ALPHA / (2 * ROWS), REPEATS - 1)
    for other in others:
        error = np.sqrt((plain.var(axis=0, ddof=1) + other.var(axis=0, ddof=1)) / REPEATS)
        assert (np.abs(plain.mean(axis=0) - other.mean(axis=0)) < limit * error).all()
    ratio = others[1].var(axis=0).sum() / plain.var(axis=0).sum()
    assert ratio < 0.5, f"{name}: {ratio:.2f}"


@pytest.mark.parametrize("sampler", samplers.SAMPLERS)
def test_draws_do_not_depend_on_memory(sampler: str) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        made = vae.PoincareVAE(vae.VAEConfig(latent_dim=2, data_shape=(6,), hidden=8))
    x = torch.rand((3, 6))
    all_at_once, in_pieces = (
        vae.log_likelihood(made, x, 50, memory, sampler=sampler, generator=torch.Generator().manual_seed(3))
        for memory in (2**28, 1)
    )
    torch.testing.assert_close(all_at_once, in_pieces)


def test_points_are_uniform_and_rows_have_their_own() -> None:
    """Of every sampler, by blocks; a Sobol' row has a point in each of 64 equal parts of an axis."""
    for kind in ("antithetic", "sobol"):
        source = samplers.sampler(kind, 5, 3, torch.Generator().manual_seed(4))
        blocks = [source.block(n) for n in (40, 24)]
        u = np.concatenate(
            [block.random((5 * n, 3)).reshape(n, 5, 3) for n, block in zip((40, 24), blocks, strict=True)]
        )
        assert ((u > 0.0) & (u < 1.0)).all()
        assert len(np.unique(u[0], axis=0)) == 5
        if kind == "sobol":
            assert (np.sort((64 * u).astype(int), axis=0) == np.arange(64)[:, None, None]).all()
        else:
            np.testing.assert_allclose(u[0::2] + u[1::2], 1.0, rtol=1e-15)


def test_errors() -> None:
    made = vae.PoincareVAE(vae.VAEConfig(latent_dim=2, data_shape=(6,), hidden=8))
    with pytest.raises(ValueError, match=r"sampler must be .*, got 'halton'"):
        vae.log_likelihood(made, torch.rand((2, 6)), 4, sampler="halton")
    with pytest.raises(ValueError, match="sampler 'sobol' needs at most 21201 latent dimensions, got 30000"):
        samplers.sampler("sobol", 1, 30_000, None)
