"""
Your sampler under test
=======================

A sampler that is wrong by a per cent looks right in every picture. ``hyperdist.testing.check_sampler`` compares it with
a law of this library by Kolmogorov-Smirnov tests of the radius and of projections, tests of directions, of repeats and
of independence, and a score test of each parameter, under Holm's correction. A right sampler fails once in a million
runs.
"""

import numpy as np

import hyperdist as hd

law = hd.VonMisesFisher([0.0, 0.0, 1.0], kappa=5.0)

# %%
# A sampler takes the number of draws and a generator, and gives unit vectors. This one draws the cosine of the angle to
# mu by inversion, which for the sphere in three dimensions is a closed form.


def mine(n: int, rng: np.random.Generator) -> np.ndarray:
    """Von Mises-Fisher draws about the third axis, kappa = 5."""
    kappa = 5.0
    cosine = 1.0 + np.log1p(-rng.random(n) * -np.expm1(-2.0 * kappa)) / kappa
    angle = 2.0 * np.pi * rng.random(n)
    sine = np.sqrt(1.0 - cosine**2)
    return np.stack([sine * np.cos(angle), sine * np.sin(angle), cosine], axis=-1)


N = 20_000  # quick: 5_000
report = hd.testing.check_sampler(mine, law, n=N, rng=0)
report
