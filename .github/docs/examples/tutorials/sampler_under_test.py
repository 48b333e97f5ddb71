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
# A sampler takes the number of draws and a generator, and gives points. This one draws the cosine of the angle to mu by
# inversion, which for the sphere in three dimensions is a closed form.


def sampler(kappa: float):
    """Von Mises-Fisher draws about the third axis."""

    def sample(n: int, rng: np.random.Generator) -> np.ndarray:
        cosine = 1.0 + np.log1p(rng.random(n) * np.expm1(-2.0 * kappa)) / kappa
        angle = 2.0 * np.pi * rng.random(n)
        sine = np.sqrt(1.0 - cosine**2)
        return np.stack([sine * np.cos(angle), sine * np.sin(angle), cosine], axis=-1)

    return sample


N = 50_000  # quick: 20_000
report = hd.testing.check_sampler(sampler(5.0), law, n=N, rng=0)
print(report)

# %%
# One that is wrong: its kappa is 6 per cent too large.

wrong = hd.testing.check_sampler(sampler(5.3), law, n=N, rng=0)
print(wrong)
wrong.passed

# %%
# In a test suite
# ---------------
#
# ``raise_for_failure`` raises an AssertionError that names the tests that failed, with their statistics and p-values:
#
# .. code-block:: python
#
#     import hyperdist as hd
#     from mypackage import sample_directions
#
#
#     def test_directions_follow_their_law():
#         law = hd.VonMisesFisher([0.0, 0.0, 1.0], kappa=5.0)
#         hd.testing.check_sampler(sample_directions, law, n=100_000).raise_for_failure()
#
# With a sampler of torch, give a callable that returns a NumPy array or a tensor; ``rng`` may be ignored, and the test
# then draws on whatever state the sampler has. Where there is no law but only a density, give the density: the tests
# that need no more are run. ``report.to_html("report.html")`` writes everything on a page.
