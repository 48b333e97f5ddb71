"""``hyperdist.testing`` of samplers of torch: laws, tensors with gradients, densities on tensors."""

from __future__ import annotations

import pytest
import torch

import hyperdist as hd
import hyperdist_torch as ht

CENTRE = torch.tensor([0.1, 0.2, 0.0])
LAWS = [
    ht.RiemannianNormal(CENTRE.requires_grad_(), torch.tensor(0.8), 1.3),
    ht.WrappedNormal(CENTRE.double(), [0.2, 0.5, 0.9]),
    ht.VonMisesFisher(torch.eye(3, dtype=torch.float64)[:2], [0.0, 7.0]),
    ht.SphericalUniform(2),
    ht.ToroidalWrappedNormal(torch.tensor([3.0, 1.0], dtype=torch.float64), [0.5, 2.0]),
    ht.ToroidalUniform(2, dtype=torch.float64),
    ht.Mixture([0.3, 0.7], ht.VonMisesFisher(torch.eye(3, dtype=torch.float64)[:2], [20.0, 5.0])),
]


def seeded(law):
    """Draws of torch by the seed that the check hands on."""

    def sample(n, rng):
        torch.manual_seed(int(rng.integers(2**63)))
        return (law.rsample if law.has_rsample else law.sample)((n,))

    return sample


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_right_draws_of_torch_pass(law, seed):
    with torch.random.fork_rng():
        hd.testing.check_sampler(seeded(law), law, n=2_000, rng=seed).raise_for_failure()


def test_a_wrong_law_of_torch_fails_by_its_score(seed):
    law = ht.RiemannianNormal(CENTRE.double(), 0.8)
    wrong = ht.RiemannianNormal(CENTRE.double(), 0.84)
    with torch.random.fork_rng():
        report = hd.testing.check_sampler(seeded(wrong), law, rng=seed)
    assert "score sigma" in {failure.test for failure in report.failures}


def test_a_density_takes_the_tensors_that_the_sampler_gives(seed):
    law = ht.VonMisesFisher(torch.eye(3)[2], 5.0)

    def density(x):
        assert isinstance(x, torch.Tensor)
        return 5.0 * x[:, 2]

    with torch.random.fork_rng():
        report = hd.testing.check_sampler(seeded(law), density, n=5_000, rng=seed, space=hd.Sphere())
    assert report.passed
    assert "stein" in {test.test for test in report.tests}
