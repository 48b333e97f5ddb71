"""Mixtures: quasi-Newton steps of their fits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hyperdist as hd
from hyperdist.distributions import acceleration, displacement
from hyperdist.distributions.components import Components
from tests.support.mixtures import BALL, SHARES, components, mixture

AXES = np.eye(3)
TRIL = np.array([[[0.3, 0.0], [0.1, 0.2]], [[0.5, 0.0], [-0.6, 0.4]], [[0.2, 0.0], [0.0, 0.9]]])
LAWS: dict[str, Any] = {name: law for name, (law, _) in components().items()} | {
    "power": hd.PowerSpherical(AXES, [3.0, 20.0, 9.0]),
    "full": hd.WrappedNormal(BALL, scale_tril=TRIL, c=1.3),
    "torus, full": hd.ToroidalWrappedNormal(3.0 * BALL, scale_tril=TRIL),
    "product": hd.Product(hd.WrappedNormal(BALL, scale_tril=TRIL), hd.VonMisesFisher(AXES, [5.0, 9.0, 50.0])),
    "several": Components(
        [hd.VonMisesFisher(AXES[:1], [5.0]), hd.SphericalUniform(2), hd.PowerSpherical(AXES[1], 3.0)]
    ),
}


def two_runs(name: str) -> displacement.Point:
    """The same mixture for two runs."""
    law, weights = LAWS[name], np.log(SHARES)

    def twice(law: Any) -> Any:
        if not law.batch_shape:
            return law
        if isinstance(law, hd.Product):
            return hd.Product(*map(twice, law.laws))
        given = law._arguments()
        own = {key: value for key, value in law._expanded().items() if np.ndim(given[key])}
        return type(law)(**(given | {key: np.stack([value, value]) for key, value in own.items()}))

    if name == "several":
        first, uniform, _ = law.laws
        law = Components([twice(first), uniform, hd.PowerSpherical(np.stack([AXES[1:2]] * 2), [[3.0], [3.0]])])
    else:
        law = twice(law)
    return displacement.Point(law, np.stack([weights, weights]))


@pytest.mark.parametrize("name", LAWS)
def test_displacements_lead_back(name: str, rng: np.random.Generator) -> None:
    """What is between a mixture and another leads there; runs that are not meant stay, to the last bit."""
    start = two_runs(name)
    theta = 0.1 * rng.standard_normal(displacement.between(start, start).shape)
    there = displacement.displaced(start, theta, None)
    np.testing.assert_allclose(np.sum(np.exp(there.log_weights), axis=-1), 1.0)
    k = SHARES.size
    found = displacement.between(start, there)
    np.testing.assert_allclose(found[:, :-k], theta[:, :-k], atol=1e-12)
    np.testing.assert_allclose(np.diff(found[:, -k:] - theta[:, -k:]), 0.0, atol=1e-12)
    mixed = displacement.replaced(start, np.array([1]), there.of(np.array([1])))
    assert mixed.law[0] == start.law[0]
    assert mixed.law[1] == there.law[1]
    measure = displacement.metric(start)
    assert measure.width.shape == measure.information.shape == theta.shape
    assert (measure.width > 0.0).all()
    assert (measure.information > 0.0).all()


@pytest.mark.parametrize("name", ["vmf", "power", "wrapped", "full", "riemannian", "spherical", "product"])
def test_no_scale_goes_below_the_least(name: str, rng: np.random.Generator) -> None:
    start, least = two_runs(name), 0.15
    theta = displacement.between(start, start) + 4.0 * rng.standard_normal(displacement.metric(start).width.shape)
    for leaf in displacement.leaves(displacement.displaced(start, 0.2 * theta, least).law):
        if hasattr(leaf, "kappa"):
            assert (leaf.kappa <= (2.0 if isinstance(leaf, hd.PowerSpherical) else 1.0) / least**2).all()
        elif name in ("full", "product"):
            assert (np.linalg.svd(leaf.scale_tril, compute_uv=False) >= least * (1.0 - 1e-12)).all()
        else:
            assert (leaf.sigma >= least).all()


def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expectation-maximisation alone."""
    monkeypatch.setattr(acceleration, "_RADIUS", 0.0)


@pytest.mark.filterwarnings("ignore:the best start has not converged")
def test_too_many_components_converge(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half as many again as there are: every start is at a maximum, above where plain EM is after as many steps."""
    poles = np.concatenate([AXES, -AXES[:1]])
    x = hd.Mixture(np.full(4, 0.25), hd.VonMisesFisher(poles, [20.0, 10.0, 5.0, 10.0])).sample(500, rng)
    fast = hd.Mixture.fit(x, hd.VonMisesFisher, 6, rng=3, starts=2)
    assert all(start.converged for start in fast.record.starts)
    plain(monkeypatch)
    slow = hd.Mixture.fit(x, hd.VonMisesFisher, 6, rng=3, starts=2, max_iter=fast.record.iterations)
    assert fast.record.log_likelihood > slow.record.log_likelihood


@pytest.mark.parametrize("name", ["vmf", "wrapped", "toroidal"])
def test_bad_steps_are_taken_back(name: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ways beyond in no good direction, some of them to no law at all: the fit climbs all the same to its maximum."""
    law, options = components()[name]
    x = hd.Mixture(SHARES, law).sample(200, rng)
    wanted = hd.Mixture.fit(x, type(law), 3, rng=1, starts=2, **options)

    def anywhere(self: Any, f: np.ndarray, measure: Any, arrived: np.ndarray, jumped: np.ndarray) -> np.ndarray:
        self.before = np.where(arrived[:, None], f, self.before)
        self.size = np.ones(len(f))
        return np.where(rng.random((len(f), 1)) < 0.3, 1e3, 0.5 * measure.width) * rng.standard_normal(f.shape)

    monkeypatch.setattr(acceleration.Acceleration, "beyond", anywhere)
    found = hd.Mixture.fit(x, type(law), 3, rng=1, starts=2, **options)
    assert found.record.log_likelihood == pytest.approx(wanted.record.log_likelihood, abs=1e-6)
    for start in found.record.starts:
        assert (np.diff(start.log_likelihood) >= 0.0).all()
        assert start.converged


def test_what_ends_a_start_is_an_ordinary_step(rng: np.random.Generator) -> None:
    """From the fitted mixture a step of EM gains less than tol."""
    x, tol = mixture("vmf").sample(500, rng), 1e-7
    q = hd.Mixture.fit(x, hd.VonMisesFisher, 4, rng=0, starts=2, tol=tol)
    share = q.responsibilities(x)
    onward = hd.Mixture(share.mean(axis=0), hd.VonMisesFisher.fit(x, weights=share))
    assert 0.0 <= onward.score(x) - q.score(x) < tol
