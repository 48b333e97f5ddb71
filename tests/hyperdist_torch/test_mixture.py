"""Mixtures in torch: the core's density, draws, gradients, and what has no closed form."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.distributions import Categorical, MixtureSameFamily  # noqa: E402

import hyperdist as hd  # noqa: E402
import hyperdist_torch as ht  # noqa: E402
from tests.support.statistics import ALPHA, chi_square, mean_is  # noqa: E402
from tests.support.torch.laws import unit  # noqa: E402

WEIGHTS = np.array([0.2, 0.5, 0.3])
CENTRES = np.array([[0.1, 0.2], [-0.3, 0.5], [0.0, 0.0]])
AXES = np.stack([np.roll(unit(3), i) for i in range(3)])
SPECS = {
    "riemannian": ("RiemannianNormal", (CENTRES, np.array([0.3, 0.8, 1.2]), 0.7)),
    "wrapped": ("WrappedNormal", (CENTRES, np.array([[0.3], [0.8], [1.2]]), 0.7)),
    "flat": ("WrappedNormal", (CENTRES, 0.5, 0.0)),
    "fisher": ("VonMisesFisher", (AXES, np.array([2.0, 40.0, 500.0]))),
    "spherical": ("SphericalRiemannianNormal", (AXES, np.array([0.1, 0.5, 2.0]))),
    "torus": ("ToroidalWrappedNormal", (3.0 * CENTRES, np.array([[0.3], [0.8], [2.2]]))),
}
EVERY = pytest.mark.parametrize("name", SPECS)


def both(name: str) -> tuple[ht.Mixture, hd.Mixture]:
    law, parameters = SPECS[name]
    tensors = [torch.tensor(np.asarray(p), dtype=torch.float64) for p in parameters]
    component = getattr(ht, law)(*tensors)
    return ht.Mixture(torch.tensor(WEIGHTS), component), hd.Mixture(WEIGHTS, getattr(hd, law)(*parameters))


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed % 2**63)


@EVERY
def test_density_is_the_core_s(name: str, seed: int) -> None:
    law, core = both(name)
    assert law.log_normalizer().tolist() == core.log_normalizer().tolist() == 0.0
    for model in ("poincare", "lorentz", "tangent") if name in ("riemannian", "wrapped") else (None,):
        how = {} if model is None else {"model": model}
        x = law.sample((50,), generator=seeded(seed), **how)
        assert law.log_prob(x, **how).shape == (50,)
        np.testing.assert_allclose(law.log_prob(x, **how), core.log_prob(x.numpy(), **how), rtol=1e-12, atol=1e-12)
        shares = core.responsibilities(x.numpy(), **how)
        np.testing.assert_allclose(law.responsibilities(x, **how), shares, rtol=1e-11, atol=1e-13)


@EVERY
def test_torch_s_own_mixture_agrees(name: str, seed: int) -> None:
    law, _ = both(name)
    own = MixtureSameFamily(Categorical(torch.tensor(WEIGHTS)), law.component)
    x = own.sample((20,))
    np.testing.assert_allclose(own.log_prob(x), law.log_prob(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["riemannian", "torus"])
def test_draws_follow_the_density(name: str, seed: int) -> None:
    """E of each component's responsibility under the mixture is its weight: z-tests at ALPHA over 20,000 draws."""
    law, _ = both(name)
    x = law.sample((20_000,), generator=seeded(seed))
    assert mean_is(law.responsibilities(x).numpy(), WEIGHTS) > ALPHA


def test_components_are_chosen_by_weight_in_every_batch_element(seed: int) -> None:
    """Narrow components far apart: counts by Pearson's test at ALPHA."""
    weights = torch.tensor([[0.2, 0.8], [0.9, 0.1], [0.5, 0.5]])
    centres = torch.tensor([-2.0, 2.0]).reshape(2, 1).expand(3, 2, 1)
    law = ht.Mixture(weights, ht.ToroidalWrappedNormal(centres, 0.01))
    x = law.sample((4, 1000), generator=seeded(seed))
    assert x.shape == (4, 1000, 3, 1)
    for element in range(3):
        right = int((x[..., element, 0] > 0).sum())
        assert chi_square([4000 - right, right], weights[element].double().numpy()) > ALPHA


@EVERY
def test_gradients(name: str) -> None:
    """gradcheck and gradgradcheck of log_prob in weights and the components' second parameter."""
    law_name, parameters = SPECS[name]
    x = both(name)[0].sample((2,), generator=seeded(5))
    tensors = [torch.tensor(np.asarray(p), dtype=torch.float64) for p in parameters]
    weights, second = torch.tensor(WEIGHTS, requires_grad=True), tensors[1].requires_grad_()

    def density(weights: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        component = getattr(ht, law_name)(tensors[0], second, *tensors[2:])
        return ht.Mixture(weights, component, validate_args=False).log_prob(x)

    assert torch.autograd.gradcheck(density, (weights, second))
    assert torch.autograd.gradgradcheck(density, (weights, second), fast_mode=True)


def test_weight_zero() -> None:
    """The density is the other component's, and the gradient in the weight is the ratio of densities less 1."""
    component = ht.VonMisesFisher(torch.eye(3, dtype=torch.float64)[:2], 2.0)
    weights = torch.tensor([0.0, 1.0], dtype=torch.float64, requires_grad=True)
    x = torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64)
    value = ht.Mixture(weights, component).log_prob(x)
    each = component.log_prob(x)
    assert value.item() == pytest.approx(each[1].item(), rel=1e-14)
    (gradient,) = torch.autograd.grad(value, weights)
    # Weights are divided by their sum, which the gradient is orthogonal to.
    assert gradient[0].item() == pytest.approx(math.exp(each[0] - each[1]) - 1.0, rel=1e-12)
    assert gradient[1].item() == pytest.approx(0.0, abs=1e-14)


def test_off_the_space() -> None:
    component = ht.RiemannianNormal(torch.tensor([[0.1, 0.0], [0.0, 0.2]]), 1.0, validate_args=False)
    law = ht.Mixture(torch.tensor([0.5, 0.5]), component, validate_args=False)
    x = torch.tensor([[0.3, 0.1], [2.0, 0.0], [math.nan, 0.0]], requires_grad=True)
    value = law.log_prob(x)
    assert torch.isfinite(value[0])
    assert value[1] == -math.inf
    assert torch.isnan(value[2])
    (gradient,) = torch.autograd.grad(value[0], x)
    assert torch.isfinite(gradient).all()


def test_far_components_do_not_stop_a_draw() -> None:
    """A draw that is not kept may lie beyond the ball's coordinates; one that is raises."""
    far = torch.zeros(2, 20)
    scales = torch.tensor([0.1, 1.5])
    law = ht.Mixture(torch.tensor([1.0, 0.0]), ht.RiemannianNormal(far, scales))
    assert law.sample((100,)).shape == (100, 20)
    law = ht.Mixture(torch.tensor([0.5, 0.5]), ht.RiemannianNormal(far, scales))
    with pytest.raises(ValueError, match="model='tangent'"):
        law.sample((100,))
    assert torch.isfinite(law.log_prob(law.sample((100,), model="tangent"), model="tangent")).all()


@EVERY
def test_expand_support_and_copies(name: str) -> None:
    law, _ = both(name)
    assert not law.has_rsample
    wide = law.expand((4,))
    x = wide.sample((2,))
    assert x.shape == (2, 4, *law.event_shape)
    np.testing.assert_allclose(wide.log_prob(x), law.log_prob(x), rtol=1e-13)
    assert law.support.check(x).all()
    assert wide.support.check(x).all()
    assert torch.equal(copy.deepcopy(law).log_prob(x), law.log_prob(x))
    assert type(law.component).__name__ in repr(law)


def test_what_has_no_closed_form_says_so() -> None:
    law, _ = both("fisher")
    for call in (lambda: law.mean, lambda: law.variance, lambda: law.stddev, lambda: law.mode, law.entropy):
        with pytest.raises(NotImplementedError, match="estimate it by"):
            call()
    with pytest.raises(NotImplementedError, match="no reparametrisation"):
        law.rsample()


FISHER = ht.VonMisesFisher(torch.eye(3)[:2], 1.0)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: ht.Mixture([0.5, 0.6], FISHER), ValueError, "weights"),
        (lambda: ht.Mixture([-0.5, 1.5], FISHER), ValueError, "weights"),
        (lambda: ht.Mixture([0.2, 0.3, 0.5], FISHER), ValueError, "weights"),
        (lambda: ht.Mixture(1.0, FISHER), ValueError, "weights must have shape"),
        (lambda: ht.Mixture([1.0], ht.SphericalUniform(2)), ValueError, "component must have batch shape"),
        (lambda: ht.Mixture([1.0], Categorical(torch.ones(1, 2))), TypeError, "component"),
        (lambda: ht.Mixture(["a", "b"], FISHER), TypeError, "weights"),
        (
            lambda: ht.Mixture([0.5, 0.5], ht.WrappedNormal(torch.zeros(2, 3), 1.0, torch.tensor([1.0, 2.0]))),
            ValueError,
            "one curvature",
        ),
        (lambda: ht.Mixture([0.5, 0.5], FISHER).log_prob([1.0, 0.0, 0.0]), TypeError, "torch.Tensor"),
        (lambda: ht.Mixture([0.5, 0.5], FISHER).log_prob(torch.ones(3)), ValueError, "support"),
        (lambda: ht.Mixture([0.5, 0.5], FISHER).sample(model="lorentz"), ValueError, "model"),
    ],
)
def test_bad_input(make, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        make()


@EVERY
def test_labels_and_scores_are_the_core_s(name):
    ours, core = both(name)
    x = core.sample(40, rng=0)
    points = torch.tensor(x)
    np.testing.assert_array_equal(ours.predict(points), core.predict(x))
    np.testing.assert_allclose(ours.predict_proba(points), core.predict_proba(x), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.score_samples(points), core.score_samples(x), rtol=1e-9, atol=1e-9)
    batch = ours.expand((3,))
    assert batch.predict(points).shape == (40, 3)
    with pytest.raises(ValueError, match=r"x must have shape \(n, k\)"):
        ours.predict(points[0])
