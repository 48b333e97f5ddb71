"""Correlated angles: the lattice sums by high precision, by maps of the torus, by each other; what bad input gets."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from mpmath import mp

import hyperdist as hd
from hyperdist.radial import lattice, torus_terms

TURN = 2.0 * math.pi


def density_by_hand(delta, tril):
    """log f in 40 digits, by images or waves, whichever the determinant makes fewer; all integers of a large box."""
    mp.dps = 40
    d, two_pi = len(delta), 2 * mp.pi
    tril = mp.matrix(tril.tolist())
    log_det = mp.fsum(mp.log(tril[i, i]) for i in range(d))
    delta = [mp.mpf(float(t)) for t in delta]
    box = range(-12, 13)
    if log_det < d:
        inverse = tril**-1
        terms = []
        for k in itertools.product(box, repeat=d):
            z = inverse * mp.matrix([a + two_pi * b for a, b in zip(delta, k, strict=True)])
            terms.append(mp.exp(-mp.fsum(t * t for t in z) / 2))
        return mp.log(mp.fsum(terms)) - log_det - d * mp.log(two_pi) / 2
    terms = []
    for m in itertools.product(box, repeat=d):
        w = tril.T * mp.matrix(m)
        terms.append(mp.exp(-mp.fsum(t * t for t in w) / 2) * mp.cos(mp.fdot(m, delta)))
    return mp.log(mp.fsum(terms)) - d * mp.log(two_pi)


COVARIANCES = {
    "narrow": [[0.2, 0.0], [0.15, 0.05]],
    "images": [[1.2, 0.0], [1.6, 0.5]],
    "both": [[0.4, 0.0], [0.3, 3.2]],
    "turned": [[2.5, 0.0], [2.5, 0.3]],
    "waves": [[3.0, 0.0], [1.0, 2.8]],
    "wide": [[9.0, 0.0], [8.0, 7.0]],
}


@pytest.mark.parametrize("name", COVARIANCES)
def test_density_in_high_precision(name, rng):
    tril = np.array(COVARIANCES[name])
    law = hd.ToroidalWrappedNormal([3.0, -1.0], scale_tril=tril)
    x = rng.uniform(-math.pi, math.pi, (6, 2))
    found = law.log_prob(x)
    for point, value in zip(x, found, strict=True):
        expected = float(density_by_hand(hd.Torus().wrap(point - law.mu), tril))
        assert abs(value - expected) <= 1e-13 * (1.0 + abs(expected))


def unimodular(d, rng, steps):
    """A random integer matrix of determinant 1."""
    turn = np.eye(d)
    for _ in range(steps):
        i, j = rng.choice(d, 2, replace=False)
        turn[i] += rng.choice([-1.0, 1.0]) * turn[j]
    return turn


SCALES = {"narrow": (0.05, 0.5), "middle": (0.3, 4.0), "worst": (1.5, 3.5), "wide": (3.0, 30.0)}


@pytest.mark.parametrize("d", [1, 2, 4, 8])
@pytest.mark.parametrize("name", SCALES)
def test_a_map_of_the_torus_takes_independent_angles_to_correlated_ones(name, d, rng):
    """V y of independent y has the triangle of V diag(sigma), and at V y the density at y: entropies are equal too."""
    low, high = SCALES[name]
    scales = np.exp(rng.uniform(np.log(low), np.log(high), d))
    turn = unimodular(d, rng, 3 * d) if d > 1 else np.eye(1)
    triangle = np.linalg.qr((turn * scales).T)[1].T
    full = hd.ToroidalWrappedNormal(np.zeros(d), scale_tril=triangle * np.sign(np.diag(triangle)))
    plain = hd.ToroidalWrappedNormal(np.zeros(d), scales)
    y = np.concatenate([rng.uniform(-math.pi, math.pi, (20, d)), plain.sample(20, rng)])
    expected = plain.log_prob(y)
    # Integers of size V take angles of rounding eps to V eps, and squares z^2 to 2 V eps z/sigma.
    tolerance = 1e-14 * np.abs(turn).max() ** 2 * (1.0 + np.abs(expected)) / min(1.0, low)
    assert (np.abs(full.log_prob(hd.Torus().wrap(y @ turn.T)) - expected) <= tolerance).all()
    if d <= 2 or name in ("narrow", "wide"):
        try:
            entropy = full.entropy()
        except NotImplementedError as error:
            assert "average -log_prob" in str(error)  # noqa: PT017 - some of the draws of scales have one
        else:
            np.testing.assert_allclose(entropy, plain.entropy(), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("scale", [0.7, 1.3, 2.5, 4.0])
def test_images_and_waves_agree_wherever_they_are_split(scale, rng, monkeypatch):
    """Value by every split into images and waves: at the place where the choice of a law switches both are right."""
    tril = scale * np.array([[1.0, 0.0, 0.0], [0.4, 0.9, 0.0], [-0.3, 0.5, 1.1]])
    delta = rng.uniform(-math.pi, math.pi, (20, 3))
    expected = torus_terms.of_rows(delta, torus_terms.plan(tril))
    for narrow in range(4):
        monkeypatch.setattr(np, "argmin", lambda cost, q=narrow: q)
        plan = torus_terms.plan(tril)
        assert plan.narrow == narrow
        found = torus_terms.of_rows(delta, plan)
        # Waves of narrow angles cancel by exp(spare/2).
        np.testing.assert_allclose(found, expected, atol=1e-13 + 1e-15 * math.exp(min(0.5 * plan.spare, 30.0)))


def test_no_point_of_a_ball_is_missed(rng):
    basis = np.tril(rng.standard_normal((3, 3))) + 2.0 * np.eye(3)
    shift = rng.standard_normal((5, 3))
    box = np.array(list(itertools.product(range(-9, 10), repeat=3)), float)
    owner, k = lattice.within(basis, shift, np.full(5, 30.0))
    for row in range(5):
        inside = box[np.sum(np.square(shift[row] + box @ basis.T), axis=1) <= 30.0]
        assert {tuple(point) for point in k[owner == row]} == {tuple(point) for point in inside}
    near = lattice.nearest_plane(basis, shift) @ basis.T + shift
    assert (np.abs(near) <= 0.5 * np.diag(basis) + 1e-12).all()


def test_a_sum_of_too_many_terms_says_how_many():
    law = hd.ToroidalWrappedNormal(np.zeros(20), covariance_matrix=2.5**2 * (0.9 * np.eye(20) + 0.1))
    with pytest.raises(ValueError, match=r"20 angles is a sum of .* terms a point, more than 2.1e\+06"):
        law.log_prob(np.zeros(20))
    assert law.sample(3, 0).shape == (3, 20)
    with pytest.raises(NotImplementedError, match="more than 3 dimensions: average -log_prob"):
        law.entropy()


def test_entropy_is_minus_the_mean_log_density(rng):
    """z-test at 1e-6, of a law of each kind of quadrature; the divergence from the uniform law is what is left."""
    for tril in (
        [[0.9, 0.0, 0.0], [0.8, 0.3, 0.0], [-0.7, 0.5, 1.2]],
        [[0.2, 0.0, 0.0], [0.1, 1.5, 0.0], [3.0, 2.0, 9.0]],
    ):
        law = hd.ToroidalWrappedNormal([3.0, 0.1, -2.0], scale_tril=tril)
        value = -law.sample_and_log_prob(20_000, rng)[1]
        assert abs(value.mean() - law.entropy()) < 5.0 * value.std() / math.sqrt(len(value))
        uniform = hd.kl_divergence(law, hd.ToroidalUniform(3))
        np.testing.assert_allclose(uniform, 3.0 * math.log(TURN) - law.entropy(), rtol=1e-12)


def test_batches_draws_and_mixtures(rng):
    tril = np.stack([COVARIANCES["images"], COVARIANCES["both"]])
    law = hd.ToroidalWrappedNormal([[3.0, 1.0], [0.0, -2.0]], scale_tril=tril[:, None])
    x, density = law.sample_and_log_prob((3,), rng)
    assert x.shape == (3, 2, 2, 2)
    np.testing.assert_allclose(law.log_prob(x), density, rtol=1e-12)
    np.testing.assert_array_equal(law[1, 0].log_prob(x[:, 1, 0]), law.log_prob(x)[:, 1, 0])
    assert law.radius.sigma.shape == (2, 2, 2)
    mixture = hd.Mixture([0.5, 0.5], law[:, 0])
    x, density = mixture.sample_and_log_prob(50, rng)
    np.testing.assert_allclose(mixture.log_prob(x), density, rtol=1e-12)
    narrow = hd.ToroidalWrappedNormal(np.float32([3.0, 1.0]), scale_tril=np.float32(tril[0]))
    assert (
        narrow.sample(5, rng).dtype
        == narrow.log_prob(np.float32([[0.0, 1.0]])).dtype
        == narrow.entropy().dtype
        == np.float32
    )


def test_a_sampler_that_forgets_the_correlations_is_found():
    law = hd.ToroidalWrappedNormal([3.0, 0.1], covariance_matrix=[[1.0, 0.9], [0.9, 1.0]])
    assert hd.testing.check_sampler(law.sample, law).passed
    assert not hd.testing.check_sampler(hd.ToroidalWrappedNormal([3.0, 0.1], 1.0).sample, law).passed


BAD = [
    ({}, "exactly one of sigma, scale_tril and covariance_matrix, got none"),
    ({"sigma": 1.0, "covariance_matrix": np.eye(2)}, "got sigma and covariance_matrix"),
    ({"scale_tril": np.ones((2, 2))}, "scale_tril must be lower-triangular"),
    ({"scale_tril": np.eye(3)}, r"scale_tril must have shape \(\*batch, 2, 2\)"),
    ({"scale_tril": 1e9 * np.eye(2)}, r"scale_tril must give standard deviations of at most 1e\+08, got 1000000000.0"),
    ({"covariance_matrix": [[1.0, 2.0], [2.0, 1.0]]}, "covariance_matrix must be positive definite.*is -1"),
    ({"covariance_matrix": [[1.0, 0.5], [0.4, 1.0]]}, r"be symmetric, got 0.5 at index \(0, 1\).* across from 0.4"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "message"), BAD, ids=range(len(BAD)))
def test_bad_covariances_are_named(given, message):
    with pytest.raises(ValueError, match=message):
        hd.ToroidalWrappedNormal([0.2, 0.1], **given)


def test_two_of_several_correlated_angles_are_drawn_by_their_own_law():
    """The marginal law, which the picture's pixels are the density of."""
    plt = pytest.importorskip("matplotlib.pyplot")
    from hyperdist import plot

    tril = np.array([[0.9, 0.0, 0.0], [0.8, 0.3, 0.0], [-0.7, 0.5, 1.2]])
    image = plot.torus_density(hd.ToroidalWrappedNormal([3.0, 0.1, -2.0], scale_tril=tril), axes=(0, 2), pixels=20)
    covariance = (tril @ tril.T)[np.ix_([0, 2], [0, 2])]
    own = plot.torus_density(hd.ToroidalWrappedNormal([3.0, -2.0], covariance_matrix=covariance), pixels=20)
    np.testing.assert_allclose(image.get_array(), own.get_array(), rtol=1e-9)
    plt.close("all")


def test_a_mixture_without_a_maximum_names_what_its_family_can_change() -> None:
    x = np.array([[0.0, 1.0], [0.2, 1.1], [2.0, -1.0]])
    advice = r"; give min_scale, take covariance='diagonal', fewer components, or more starts$"
    for points, family in ((x, hd.ToroidalWrappedNormal), (x / 4.0, hd.WrappedNormal)):
        with pytest.raises(ValueError, match=advice):
            hd.Mixture.fit(points, family, 2, covariance="full", rng=0)
        held = hd.Mixture.fit(points, family, 2, covariance="full", rng=0, min_scale=0.1)
        assert np.linalg.eigvalsh(held.component.covariance_matrix).min() == pytest.approx(0.01, rel=1e-9)


def test_a_mixture_fit_names_an_unknown_covariance_and_a_radius_what_stands_against_it():
    x = np.zeros((5, 2))
    with pytest.raises(ValueError, match=r"^covariance must be one of diagonal, isotropic, full, got 'round'"):
        hd.Mixture.fit(x, hd.ToroidalWrappedNormal, 2, covariance="round")
    with pytest.raises(ValueError, match="radius needs one scale for all coordinates, got a full covariance"):
        _ = hd.WrappedNormal([0.3, 0.1], scale_tril=np.eye(2)).radius


def test_no_laws_have_no_densities():
    law = hd.ToroidalWrappedNormal(np.zeros((0, 2)), covariance_matrix=[[0.3, 0.1], [0.1, 0.2]])
    assert law.log_prob(np.zeros((0, 2))).shape == (0,)
    assert law.log_prob(np.zeros((4, 1, 2))).shape == (4, 0)
    assert law.sample_and_log_prob((3,), rng=0)[1].shape == (3, 0)
    assert hd.ToroidalWrappedNormal([0.1, 0.2], scale_tril=np.zeros((0, 2, 2))).log_prob([0.1, 0.2]).shape == (0,)


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("scale", [1e-6, 1e-9, 1e-11, 1e-13, 1e-30, 1e-100])
def test_density_of_laws_far_narrower_than_a_turn(d, scale, rng):
    """So far out in units of the scales one image counts, and its distance squared is rounded by more than a turn."""
    tril = np.tril(rng.uniform(-1.0, 1.0, (d, d)), -1) + np.diag(rng.uniform(0.5, 1.5, d))
    x = rng.uniform(-math.pi, math.pi, (40, d))
    images = x[:, None] + TURN * np.array(list(itertools.product(range(-3, 4), repeat=d)))
    distance = np.min(np.sum(np.square(images @ np.linalg.inv(tril).T), axis=-1), axis=-1)
    expected = -0.5 * distance / scale**2 - np.sum(np.log(scale * np.diag(tril))) - 0.5 * d * math.log(TURN)
    law = hd.ToroidalWrappedNormal(np.zeros(d), scale_tril=scale * tril)
    np.testing.assert_allclose(law.log_prob(x), expected, rtol=1e-13)
