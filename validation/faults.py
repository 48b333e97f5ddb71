"""Planted faults: samplers that are wrong in ways seen in practice, each with the case it pretends to be.

Every sampler has the library's ``sample`` signature, so that the same tests judge it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

import hyperdist as hd
from hyperdist.testing import geometry
from validation.cases import Case
from validation.laws import Parameters, build, parameters

Draw = Callable[[Case, int, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Fault:
    """A wrong sampler; ``case`` is the law that it claims to be."""

    name: str
    text: str
    case: Case
    draw: Draw

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator, **_: Any) -> np.ndarray:
        """Draws of shape (n, *batch, k) in the case's model, of its dtype."""
        return self.draw(self.case, shape[0], rng).astype(self.case.dtype)


def _unit(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    x = rng.standard_normal(shape)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def _place(case: Case, r: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Points at polar coordinates about the case's centre, in its model (ball or tangent)."""
    p = parameters(case)
    v = geometry.move_to(geometry.to_tangent(p.mu, "poincare", np.asarray(p.c)), r, unit, p.c)
    return geometry.to_ball(v, np.asarray(p.c)) if case.model == "poincare" else v


def _radial(case: Case, radius: Callable[[Parameters], Any], n: int, rng: np.random.Generator) -> np.ndarray:
    """Correct directions with the radii of another radial law."""
    r = radius(parameters(case)).sample((n,), rng)
    return _place(case, r, _unit(rng, (*r.shape, case.d)))


def _normal_radius(d: int, sigma: Any, c: float) -> Any:
    return hd.RiemannianNormal(np.zeros(d), sigma, c).radius


def _wrong_exponent(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    return _radial(case, lambda p: _normal_radius(case.d - 1, p.scale, p.c), n, rng)


def _sigma_off(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    return _radial(case, lambda p: _normal_radius(case.d, 1.02 * p.scale, p.c), n, rng)


def _one_percent(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    return _radial(case, lambda p: _normal_radius(case.d, 1.01 * p.scale, p.c), n, rng)


def _sigma_clamped(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    return _radial(case, lambda p: _normal_radius(case.d, np.maximum(p.scale, 0.1), p.c), n, rng)


def _wrong_curvature(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    return _radial(case, lambda p: _normal_radius(case.d, p.scale, 1.1 * p.c), n, rng)


def _wrapped_as_riemannian(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    return _radial(case, lambda p: _normal_radius(case.d, p.scale, 0.0), n, rng)


def _missing_lambda(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    p = parameters(case)
    v = p.scale * rng.standard_normal((n, case.d)) * 2.0 / (1.0 - p.c * np.sum(p.mu**2))
    r = np.linalg.norm(v, axis=-1)
    return _place(case, r, v / r[:, None])


def _shared_uniform(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    """Rejection from a gamma hat with one acceptance uniform for the whole batch, as the Poincare VAE's code has it."""
    p, power = parameters(case), case.d - 1
    s = p.scale * np.sqrt(p.c)
    at = 1.6 * _normal_radius(case.d, p.scale, p.c).mode * np.sqrt(p.c)
    rate = 0.5 / s**2 - power * (1.0 / np.tanh(at) - 1.0 / at) / (2.0 * at)
    x = np.full((n, s.size), np.nan)
    while np.isnan(x).any():
        proposal = np.sqrt(rng.standard_gamma(0.5 * case.d, x.shape) / rate)
        rise = np.log(np.sinh(proposal) / proposal) - np.log(np.sinh(at) / at)
        log_accept = power * rise - (0.5 / s**2 - rate) * (proposal**2 - at**2)
        accepted = np.isnan(x) & (np.log(rng.random((n, 1))) <= log_accept)
        x[accepted] = proposal[accepted]
    return _place(case, x / np.sqrt(p.c), _unit(rng, (n, s.size, case.d)))


def _shared_direction(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    r = build(case).radius.sample((n,), rng)
    return _place(case, r, np.broadcast_to(_unit(rng, (n, 1, case.d)), (*r.shape, case.d)))


def _never_rejects(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    p = parameters(case)
    r = np.abs(build(case).radius.mode + p.scale * rng.standard_normal(n))
    return _place(case, r, _unit(rng, (n, case.d)))


def _clamped(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    """The ball's boundary kept at 1 - 0.004, as research code does in float32: distance 6.2."""
    tangent = build(case).sample((n,), rng, model="tangent")
    ball = geometry.to_ball(tangent, np.asarray(case.c))
    size = np.linalg.norm(ball, axis=-1, keepdims=True)
    return ball * np.minimum(1.0, (1.0 - 4e-3) / size)


def _float32_mobius(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    """The draw at the origin moved by textbook Mobius addition in float32."""
    p, single = parameters(case), np.float32
    r = build(case).radius.sample((n,), rng)
    y = geometry.to_ball(r[:, None] * _unit(rng, (n, case.d)), np.asarray(case.c)).astype(single)
    x = p.mu.astype(single)
    xy, xx, yy = (y @ x)[:, None], single(x @ x), np.sum(y * y, axis=-1, keepdims=True)
    return ((1 + 2 * xy + yy) * x + (1 - xx) * y) / (1 + 2 * xy + xx * yy)


def _floored_direction(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    """Normals floored to a coarse grid, which shifts each by 0.04, as a truncating conversion to low precision does."""
    x = np.floor(rng.standard_normal((n, case.d)) * 12.5) / 12.5 + 1e-9
    return _place(case, build(case).radius.sample((n,), rng), x / np.linalg.norm(x, axis=-1, keepdims=True))


def _hemisphere(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    unit = _unit(rng, (n, case.d))
    unit[:, -1] = np.abs(unit[:, -1])
    return _place(case, build(case).radius.sample((n,), rng), unit)


def _entangled(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    """Radius and direction each right, but the far half of the draws lies in one hemisphere."""
    law, unit = build(case), _unit(rng, (n, case.d))
    r = law.radius.sample((n,), rng)
    unit[:, 0] = np.abs(unit[:, 0]) * np.where(r > law.radius.icdf(0.5), 1.0, -1.0)
    return _place(case, r, unit)


def _duplicates(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    x = build(case).sample((n,), rng, model=case.model)
    again = rng.integers(1, n, max(2, n // 1000))
    x[again] = x[again - 1]
    return x


def _restarted(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    """Each half of the draws starts from the same generator state."""
    half = build(case).sample(((n + 1) // 2,), rng, model=case.model)
    return np.concatenate([half, half])[:n]


def _autocorrelated(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    """A chain passed off as independent draws: correlation 0.15 between the normal scores of consecutive radii."""
    noise, rho = rng.standard_normal(n), 0.15
    score = np.empty(n)
    score[0] = noise[0]
    for i in range(1, n):
        score[i] = rho * score[i - 1] + np.sqrt(1 - rho * rho) * noise[i]
    return _place(case, build(case).radius.icdf(special.ndtr(score)), _unit(rng, (n, case.d)))


def _added_centre(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    """The centre added in the tangent space at the origin, where an isometry is needed."""
    p = parameters(case)
    mu = geometry.to_tangent(p.mu, "poincare", np.asarray(p.c))
    r = build(case).radius.sample((n,), rng)
    return geometry.to_ball(mu + r[:, None] * _unit(rng, (n, case.d)), np.asarray(p.c))


def _scales_reversed(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    v = parameters(case).scale[::-1] * rng.standard_normal((n, case.d))
    r = np.linalg.norm(v, axis=-1)
    return _place(case, r, v / r[:, None])


def _wrong_envelope(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    """Wood's sampler with b replaced by its limit (m - 1)/(4 kappa) above kappa = 10, but not in a and d."""
    p, m = parameters(case), case.d + 1
    kappa, k = float(p.scale), case.d
    root = np.sqrt(4.0 * kappa**2 + k * k)
    mix = min(max(0.0, kappa - 10.0), 1.0)
    b = mix * k / (4.0 * kappa) + (1.0 - mix) * (root - 2.0 * kappa) / k
    a = (k + 2.0 * kappa + root) / 4.0
    shift = 4.0 * a * b / (1.0 + b) - k * np.log(k)
    cosine = np.full(n, np.nan)
    while np.isnan(cosine).any():
        e = rng.beta(0.5 * k, 0.5 * k, n)
        w = (1.0 - (1.0 + b) * e) / (1.0 - (1.0 - b) * e)
        t = 2.0 * a * b / (1.0 - (1.0 - b) * e)
        accepted = np.isnan(cosine) & (k * np.log(t) - t + shift >= np.log(rng.random(n)))
        cosine[accepted] = w[accepted]
    return geometry.sphere_move(p.mu, np.arccos(cosine), _unit(rng, (n, m - 1)))


def _wrapped_on_sphere(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    p = parameters(case)
    v = p.scale * rng.standard_normal((n, case.d))
    r = np.linalg.norm(v, axis=-1)
    return geometry.sphere_move(p.mu, r, v / r[:, None])


def _cube_direction(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    x = rng.uniform(-1.0, 1.0, (n, case.d + 1))
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def _clipped_torus(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    p = parameters(case)
    gap = np.clip(p.scale * rng.standard_normal((n, case.d)), -np.pi, np.pi)
    return geometry.wrap(p.mu + gap)


def _equal_weights(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    p = parameters(case)
    law = hd.RiemannianNormal(p.mu, p.scale, p.c)
    return law.sample((n,), rng, model=case.model)[np.arange(n), rng.integers(0, len(p.scale), n)]


def _factor_without_jacobian(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    """A product whose hyperbolic factor is a wrapped normal, as where (sinh r/r)^(d - 1) is left out of its density."""
    first, *others = case.factors
    return np.concatenate([_wrapped_as_riemannian(first, n, rng), *(build(f).sample((n,), rng) for f in others)], -1)


def _shared_generator(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    """Every factor of a product from the same state."""
    state = int(rng.integers(2**63))
    return np.concatenate([build(factor).sample((n,), state) for factor in case.factors], axis=-1)


def _transposed(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    """z L for L z: the covariance L^T L."""
    p = parameters(case)
    return geometry.wrap(p.mu + rng.standard_normal((n, case.d)) @ p.scale)


def _off_diagonal_dropped(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    """Each coordinate with its own standard deviation, independent of the others."""
    v = np.sqrt(np.sum(parameters(case).scale ** 2, axis=-1)) * rng.standard_normal((n, case.d))
    r = np.linalg.norm(v, axis=-1)
    return _place(case, r, v / r[:, None])


def _frame_not_transported(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    """A frame at mu whose first axis points away from the origin, not the one that was carried there."""
    p = parameters(case)
    away = p.mu / np.linalg.norm(p.mu)
    axis = away - np.eye(case.d)[0]
    v = rng.standard_normal((n, case.d)) @ p.scale.T
    v -= 2.0 * (v @ axis)[:, None] * axis / np.sum(axis**2)
    r = np.linalg.norm(v, axis=-1)
    return _place(case, r, v / r[:, None])


def _riemannian(d: int, s: float, **options: Any) -> Case:
    return Case("RiemannianNormal", d, s, **({"model": "poincare", "centre": 0.7} | options))


_CORRELATED = Case("WrappedNormal", 3, 0.5, model="poincare", centre=0.7, spread=0.6, correlated=True, mmd=True)

_BATCHED = _riemannian(5, 0.7, batch=True, n=10_000)

FAULTS = (
    Fault("exponent d - 2", "radius of dimension d - 1", _riemannian(5, 1.0), _wrong_exponent),
    Fault("shared uniform", "one acceptance uniform for the batch", _BATCHED, _shared_uniform),
    Fault("sigma 2 % off", "sigma times 1.02", _riemannian(5, 1.0), _sigma_off),
    Fault("scale 1 % off", "sigma times 1.01, d = 3, s = 0.1, 100,000 draws",
          _riemannian(3, 0.1, n=100_000), _one_percent),
    Fault("sigma clamped", "sigma = 0.09 raised to 0.1", _riemannian(3, 0.09), _sigma_clamped),
    Fault("wrong envelope above kappa 10", "von Mises-Fisher, kappa = 11, ambient dimension 50",
          Case("VonMisesFisher", 49, 11.0), _wrong_envelope),
    Fault("points clamped at the boundary", "ball radius 0.996, d = 10, s = 1",
          _riemannian(10, 1.0, centre=0.0), _clamped),
    Fault("missing lambda", "exp_mu(v) for exp_mu(v / lambda)",
          Case("WrappedNormal", 3, 0.5, model="poincare", centre=0.7, mmd=True), _missing_lambda),
    Fault("wrapped passed off as Riemannian", "chi radius, d = 5, s = 0.5",
          _riemannian(5, 0.5, mmd=True), _wrapped_as_riemannian),
    Fault("off-centre normals", "directions from normals floored to a grid of 0.08",
          _riemannian(10, 0.3), _floored_direction),
    Fault("float32 direction bias", "Mobius addition in float32, centre at distance 12, s = 0.02",
          _riemannian(2, 0.02, centre=12.0), _float32_mobius),
    Fault("duplicate draws", "one draw in a thousand repeats another", _riemannian(5, 1.0), _duplicates),
    Fault("restarted generator", "both halves from one state", _riemannian(2, 1.0), _restarted),
    Fault("wrong curvature", "c times 1.1, same sigma", _riemannian(5, 1.0), _wrong_curvature),
    Fault("hemisphere", "one coordinate of the direction is never negative", _riemannian(10, 0.3), _hemisphere),
    Fault("radius tied to direction", "far draws in one hemisphere, marginals right", _riemannian(3, 1.0), _entangled),
    Fault("shared direction", "one direction for the batch", _BATCHED, _shared_direction),
    Fault("autocorrelated", "consecutive radii correlate by 0.15", _riemannian(5, 1.0), _autocorrelated),
    Fault("never rejects", "the hat's draws, unfiltered, d = 3, s = 0.98", _riemannian(3, 0.98), _never_rejects),
    Fault("centre added", "added in the tangent space, not moved by an isometry",
          _riemannian(2, 0.5, mmd=True), _added_centre),
    Fault("scales reversed", "anisotropic wrapped normal",
          Case("WrappedNormal", 3, 0.5, model="poincare", centre=0.7, spread=0.2), _scales_reversed),
    Fault("wrapped passed off as Riemannian, sphere", "chi radius, S^2, sigma = 0.6",
          Case("SphericalRiemannianNormal", 2, 0.6), _wrapped_on_sphere),
    Fault("direction from a cube", "normalised uniforms of a cube",
          Case("SphericalUniform", 2, mmd=True), _cube_direction),
    Fault("clipped, not wrapped", "torus, sigma = 2", Case("ToroidalWrappedNormal", 2, 2.0), _clipped_torus),
    Fault("weights ignored", "mixture with equal weights for 0.5, 0.3, 0.2",
          Case("Mixture", 2, 0.5, model="poincare", centre=1.5, mmd=True), _equal_weights),
    Fault("a factor's Jacobian dropped", "product, chi radius on its hyperbolic factor, d = 3, s = 1",
          Case("Product", 3, 1.0, model="poincare", centre=0.7), _factor_without_jacobian),
    Fault("scale_tril transposed", "torus, correlated angles",
          Case("ToroidalWrappedNormal", 3, 0.5, spread=0.6, correlated=True, mmd=True), _transposed),
    Fault("off-diagonal dropped", "correlated wrapped normal, standard deviations right",
          _CORRELATED, _off_diagonal_dropped),
    Fault("frame not transported", "correlated wrapped normal, first axis along mu",
          _CORRELATED, _frame_not_transported),
    Fault("a shared generator", "product, every factor from one state",
          Case("Product", 2, 1.0, model="poincare", centre=0.7), _shared_generator),
)  # fmt: skip


def by_name(name: str) -> Fault:
    """The fault of that name."""
    return next(fault for fault in FAULTS if fault.name == name)
