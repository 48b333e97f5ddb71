"""Full covariances in torch: the core's numbers, derivatives to second order, what bad input and traces get."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.distributions import kl_divergence  # noqa: E402

import hyperdist as hd  # noqa: E402
import hyperdist_torch as ht  # noqa: E402
from tests.support.torch.laws import TRIANGLE, ball  # noqa: E402

WIDE = np.array([[0.4, 0.0, 0.0], [0.3, 3.2, 0.0], [0.1, 0.2, 2.8]])
"""Angles of which one is summed by images, two by waves."""
CENTRE = np.array([0.3, 3.1, -2.0])


def tensor(x, grad=False):
    return torch.tensor(np.asarray(x), dtype=torch.float64, requires_grad=grad)


def hyperbolic(tril, mu, **options):
    return ht.WrappedNormal(mu, c=0.7, scale_tril=torch.tril(tril), validate_args=False, **options)


def toroidal(tril, mu):
    return ht.ToroidalWrappedNormal(mu, scale_tril=torch.tril(tril), validate_args=False)


def by_covariance(tril, mu):
    lower = torch.tril(tril)
    return ht.ToroidalWrappedNormal(mu, covariance_matrix=lower @ lower.mT, validate_args=False)


LAWS = {
    "hyperbolic": (hyperbolic, TRIANGLE, ball(3, 0.4)),
    "equal scales": (hyperbolic, 0.7 * np.eye(3), ball(3, 0.4)),
    "images": (toroidal, 2.0 * TRIANGLE, CENTRE),
    "waves": (toroidal, WIDE, CENTRE),
    "covariance": (by_covariance, WIDE, CENTRE),
}


@pytest.mark.parametrize("name", LAWS)
def test_density_has_two_derivatives(name):
    make, tril, mu = LAWS[name]
    x = make(tensor(tril), tensor(mu)).sample((2,), generator=torch.Generator().manual_seed(3)).requires_grad_()
    inputs = (tensor(tril, True), tensor(mu, True), x)

    def density(tril, mu, x):
        return make(tril, mu).log_prob(x)

    assert torch.autograd.gradcheck(density, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(density, inputs, fast_mode=True)


@pytest.mark.parametrize("name", ["hyperbolic", "equal scales"])
def test_entropy_has_two_derivatives_where_eigenvalues_are_equal_too(name):
    make, tril, mu = LAWS[name]

    def entropy(tril):
        return make(tril, tensor(mu)).entropy()

    assert torch.autograd.gradcheck(entropy, tensor(tril, True))
    assert torch.autograd.gradgradcheck(entropy, tensor(tril, True))


def test_entropy_of_correlated_angles_has_a_gradient():
    tril = tensor([[0.9, 0.0], [0.7, 1.6]], True)
    assert torch.autograd.gradcheck(lambda t: toroidal(t, tensor(CENTRE[:2])).entropy(), tril)


def test_the_core_has_the_same_numbers():
    generator = torch.Generator().manual_seed(1)
    curved, batch = ball(3, 0.4), np.stack([0.1 * TRIANGLE, TRIANGLE, WIDE, 9.0 * TRIANGLE])
    laws = [
        lambda host, p: host.WrappedNormal(p(curved), c=p(0.7), scale_tril=p(TRIANGLE)),
        lambda host, p: host.WrappedNormal(p(curved), c=p(0.7), covariance_matrix=p(0.1 * WIDE @ WIDE.T)),
        lambda host, p: host.ToroidalWrappedNormal(p(CENTRE), scale_tril=p(4.0 * TRIANGLE)),
        lambda host, p: host.ToroidalWrappedNormal(p(CENTRE), scale_tril=p(batch)),
    ]
    for make in laws:
        law, core = make(ht, tensor), make(hd, np.asarray)
        x = law.sample((5,), generator=generator)
        np.testing.assert_allclose(law.log_prob(x), core.log_prob(x.numpy()), rtol=1e-11, atol=1e-11)
        for name in ("entropy", "log_normalizer"):
            np.testing.assert_allclose(getattr(law, name)(), getattr(core, name)(), rtol=1e-12)
        for name in ("variance", "scale_tril", "covariance_matrix"):
            np.testing.assert_allclose(getattr(law, name), getattr(core, name), rtol=1e-12, atol=1e-14)
        assert hd.testing.check_sampler(x.new_tensor(core.sample(2_000, 0)), law).passed


def test_divergences_are_the_core_s():
    mu = ball(3, 0.4)
    laws = [
        lambda host, p: host.WrappedNormal(p(mu), c=p(0.7), scale_tril=p(TRIANGLE)),
        lambda host, p: host.WrappedNormal(p(mu), c=p(0.7), scale_tril=p(TRIANGLE + 0.1 * np.eye(3))),
        lambda host, p: host.WrappedNormal(p(mu), p([0.3, 0.5, 0.6]), p(0.7)),
        lambda host, p: host.RiemannianNormal(p(mu), p(0.5), p(0.7)),
    ]
    for first in laws:
        for second in laws:
            expected = hd.kl_divergence(first(hd, np.asarray), second(hd, np.asarray))
            np.testing.assert_allclose(
                kl_divergence(first(ht, tensor), second(ht, tensor)), expected, rtol=1e-11, atol=1e-15
            )
    angles, uniform = (
        ht.ToroidalWrappedNormal(tensor(CENTRE), scale_tril=tensor(WIDE)),
        ht.ToroidalUniform(3, dtype=torch.float64),
    )
    np.testing.assert_allclose(kl_divergence(angles, uniform), 3.0 * np.log(2.0 * np.pi) - angles.entropy(), rtol=1e-12)


def test_a_law_keeps_what_it_was_given():
    """In place changes of the tensor are changes of the law, as of torch's own; an expansion has them too."""
    covariance = tensor(TRIANGLE @ TRIANGLE.T)
    law = ht.WrappedNormal(tensor(ball(3, 0.4)), covariance_matrix=covariance)
    wide = law.expand((4, 2))
    before = law.entropy()
    with torch.no_grad():
        covariance *= 4.0
    np.testing.assert_allclose(law.scale_tril, 2.0 * TRIANGLE, rtol=1e-12, atol=1e-14)
    assert wide.scale_tril.shape == (4, 2, 3, 3)
    assert law.entropy() > before
    assert not hasattr(law, "sigma")
    assert not hasattr(law, "radius")
    plain = ht.WrappedNormal(tensor(ball(3, 0.4)), tensor([0.3, 0.5, 0.6]))
    np.testing.assert_array_equal(plain.scale_tril, np.diag([0.3, 0.5, 0.6]))
    with pytest.raises(AttributeError, match="scale_tril of a WrappedNormal cannot be set"):
        ht.WrappedNormal(torch.zeros(3), scale_tril=torch.eye(3)).scale_tril = torch.eye(3)


BAD = [
    ({}, "exactly one of sigma, scale_tril and covariance_matrix, got none"),
    ({"sigma": 1.0, "scale_tril": torch.eye(2)}, "got sigma and scale_tril"),
    ({"scale_tril": torch.ones(2, 2)}, "parameter scale_tril .* lower triangles of scales"),
    ({"scale_tril": torch.tensor([[1.0, 0.0], [float("nan"), 1.0]])}, "parameter scale_tril .* lower triangles"),
    ({"scale_tril": 1e-20 * torch.eye(2)}, "parameter scale_tril .* of scales 1e-15 to"),
    ({"scale_tril": 1e160 * torch.eye(2, dtype=torch.float64)}, "parameter scale_tril .* in torch.float64"),
    ({"covariance_matrix": torch.diag(torch.tensor([math.inf, 1.0]))}, "parameter covariance_matrix .* of scales"),
    ({"covariance_matrix": torch.ones(2, 2)}, "parameter covariance_matrix .* positive definite"),
    ({"scale_tril": torch.eye(3)}, r"scale_tril must have shape \(\*batch, 2, 2\)"),
    ({"covariance_matrix": -torch.eye(2)}, "parameter covariance_matrix .* positive definite"),
    ({"covariance_matrix": torch.tensor([[1.0, 0.5], [0.4, 1.0]])}, "parameter covariance_matrix .* symmetric"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "message"), BAD, ids=range(len(BAD)))
def test_bad_covariances_are_named(given, message):
    for law in (ht.WrappedNormal, ht.ToroidalWrappedNormal):
        with pytest.raises(ValueError, match=message):
            law(torch.tensor([0.2, 0.1]), **given)
    with pytest.raises(ValueError, match="do not broadcast"):
        ht.WrappedNormal(torch.zeros(2, 3), scale_tril=torch.eye(3).expand(4, 3, 3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("law", [ht.WrappedNormal, ht.ToroidalWrappedNormal])
def test_a_covariance_that_its_dtype_cannot_tell_from_a_singular_one_is_named(law, dtype, rng):
    """Turned ones, of which rounding alone says whether Cholesky's factorisation goes through."""
    mu, eps = torch.zeros(3, dtype=dtype), torch.finfo(dtype).eps
    for _ in range(40):
        turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
        for least, able in ((1e3 * eps, True), (0.01 * eps, False)):
            given = torch.tensor(turn @ np.diag([1.0, 0.5, least]) @ turn.T, dtype=dtype)
            size = given.diagonal().sqrt()
            # In these units the least eigenvalue is what it was, and rounding beside it that of 1.
            given = 0.5 * (given + given.mT) / size / size[:, None]
            if able:
                assert torch.isfinite(law(mu, covariance_matrix=given).log_prob(mu))
            else:
                with pytest.raises(ValueError, match="by more than d eps"):
                    law(mu, covariance_matrix=given).log_prob(mu)


@pytest.mark.parametrize("law", [ht.WrappedNormal, ht.ToroidalWrappedNormal])
def test_no_laws_and_laws_under_vmap_are_laws(law):
    """Validated, and without a warning."""
    eye, mu = torch.eye(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    for name in ("scale_tril", "covariance_matrix"):
        none = law(mu, **{name: eye.expand(0, 2, 2)})
        assert none.log_prob(none.sample()).shape == (0,)
        found = torch.func.vmap(lambda matrix, name=name: law(mu, **{name: matrix}).log_prob(mu))(
            torch.stack([eye, 0.5 * eye])
        )
        one = law(mu, **{name: 0.5 * eye}).log_prob(mu)
        np.testing.assert_allclose(found[1], one, rtol=1e-14)
        chosen = torch.distributions.biject_to(law(mu, **{name: eye}).arg_constraints[name])
        law(mu, **{name: chosen(torch.tensor([[0.3, 0.0], [0.2, -0.5]], dtype=torch.float64))})


@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 1e3), (torch.float64, 1e8)])
def test_correlated_angles_are_as_wide_as_their_dtype_tells_apart(dtype, most):
    mu, corner = torch.zeros(2, dtype=dtype), torch.tensor([[1.0, 0.0], [1.0, 1e-3]], dtype=dtype)
    law = ht.ToroidalWrappedNormal(mu, scale_tril=0.7 * most * corner)
    assert torch.isfinite(law.log_prob(law.sample()))
    with pytest.raises(ValueError, match=re.escape(f"to {most:g} in {dtype}")):
        ht.ToroidalWrappedNormal(mu, scale_tril=1.1 * most * corner)
    ht.WrappedNormal(mu, scale_tril=1.1 * most * corner)


def test_a_trace_of_correlated_angles_says_why_not():
    law = ht.ToroidalWrappedNormal(torch.zeros(2), scale_tril=torch.eye(2), validate_args=False)
    make_fx = torch.fx.experimental.proxy_tensor.make_fx
    for function in (lambda x: law.log_prob(x), lambda x: law.entropy() + x.sum()):
        with pytest.raises(RuntimeError, match="which a trace cannot record"):
            make_fx(function)(torch.zeros(2))
