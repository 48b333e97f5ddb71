"""Laws whose centre is given in tangent coordinates: the same laws, and centres that the ball cannot hold."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import hyperdist as hd  # noqa: E402
import hyperdist_torch as ht  # noqa: E402
from hyperdist.geometry import conversions, tangent  # noqa: E402

NAMES = pytest.mark.parametrize("name", ["RiemannianNormal", "WrappedNormal"])
CENTRE = np.array([[0.5, 1.0, -0.3], [3.0, 2.0, 1.0]])
C = 1.2


@NAMES
def test_same_law_in_both_charts(name: str) -> None:
    ball = conversions.tangent_to_poincare(CENTRE, C)
    for module, wrap in ((hd, np.asarray), (ht, torch.as_tensor)):
        one = getattr(module, name)(wrap(CENTRE), 0.8, C, model="tangent")
        other = getattr(module, name)(wrap(ball), 0.8, C)
        x = one.sample((5,))
        assert tuple(x.shape) == (5, 2, 3)
        expected = other.log_prob(x, model="tangent")
        np.testing.assert_allclose(one.log_prob(x), expected, rtol=1e-10)
        points = wrap(conversions.tangent_to_poincare(np.asarray(x), C))
        np.testing.assert_allclose(one.log_prob(points, model="poincare"), expected, rtol=1e-9)
        np.testing.assert_allclose(np.asarray(one.mean), CENTRE)


@NAMES
def test_centre_beyond_the_ball_s_reach(name: str) -> None:
    centre = torch.zeros(20)
    centre[0] = 60.0
    law = getattr(ht, name)(centre, 0.5, 1.0, model="tangent")
    x, density = law.rsample_and_log_prob((1000,))
    assert x.dtype == density.dtype == torch.float32
    radius = tangent.dist(x.double(), centre.double(), torch.tensor(1.0, dtype=torch.float64))
    assert torch.isfinite(x).all()
    assert torch.isfinite(density).all()
    assert ((radius.square().mean() / law.variance - 1.0).abs() < 0.2).all()
    # The core's copy agrees on the law.
    core = getattr(hd, name)(centre.numpy(), 0.5, 1.0, model="tangent")
    np.testing.assert_allclose(law.entropy().item(), core.entropy(), rtol=1e-6)


@NAMES
@pytest.mark.parametrize("module", [hd, ht])
def test_bad_model(name: str, module: object) -> None:
    with pytest.raises(ValueError, match="model must be one of poincare, tangent, got 'lorentz'"):
        getattr(module, name)([0.0, 0.0], 1.0, 1.0, model="lorentz")
