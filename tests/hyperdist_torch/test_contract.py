"""What every law in torch must do: one list of properties, one line a new law in ``laws.py``."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import hyperdist_torch as ht  # noqa: E402
from tests.support.torch.laws import CASES, CORRELATED, TORUS, Case  # noqa: E402

LAWS = [*CASES, *TORUS, *CORRELATED]
EVERY = pytest.mark.parametrize("case", LAWS, ids=str)
# Forward-mode derivatives load a part of torch that warns of its own deprecations.
FORWARD = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


def draws(case: Case, n: int = 3, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return case.build(dtype).sample((n,), generator=torch.Generator().manual_seed(11))


def density(case: Case, x: torch.Tensor) -> Any:
    """log_prob at x as a function of the parameters that may move, without a look at values."""
    flat = case.label.endswith("flat")

    def function(*parameters: torch.Tensor) -> torch.Tensor:
        kept = [torch.zeros((), dtype=x.dtype)] if flat else []
        return case.of(*parameters, *kept, validate_args=False).log_prob(x)

    return function


def moving(case: Case, dtype: torch.dtype = torch.float64, grad: bool = False) -> tuple[torch.Tensor, ...]:
    tensors = case.tensors(dtype, grad)
    return tuple(tensors[:-1] if case.label.endswith("flat") else tensors)


def test_every_public_law_is_tested() -> None:
    tested = {case.name for case in LAWS} | {"SphericalUniform", "ToroidalUniform", "Mixture", "Product"}
    assert tested == {name for name in ht.__all__ if not name.islower()}  # those that are are modules


@EVERY
def test_is_a_distribution(case: Case) -> None:
    law = case.build()
    assert isinstance(law, torch.distributions.Distribution)
    assert law.has_rsample
    for name, constraint in law.arg_constraints.items():
        assert constraint.check(getattr(law, name)).all()
    x = law.sample((5,))
    assert law.support.check(x).all()
    assert law.support.event_dim == 1
    assert law.batch_shape == law.variance.shape == law.entropy().shape == law.log_normalizer().shape
    assert torch.isfinite(law.log_prob(law.mean)).all()
    assert (law.log_prob(law.mode) >= law.log_prob(x)).all()
    assert repr(law).startswith(case.name)


@EVERY
def test_copies(case: Case) -> None:
    """deepcopy and pickle give the same law: the same density, and the same draws from one generator state."""
    law, x = case.build(), draws(case)
    for other in (copy.deepcopy(law), pickle.loads(pickle.dumps(law)), law.expand(law.batch_shape)):
        assert torch.equal(other.log_prob(x), law.log_prob(x))
        assert torch.equal(*(q.sample(generator=torch.Generator().manual_seed(2)) for q in (law, other)))


@EVERY
def test_float32_is_float64_rounded(case: Case) -> None:
    """Densities at points of the bulk differ by what rounding of the coordinates does to them."""
    x, law = draws(case, dtype=torch.float32), case.build(torch.float32)
    wide = case.of(*(p.float().double() for p in case.tensors()), validate_args=False)
    x64 = x.double()
    if not case.hyperbolic and not isinstance(law, ht.ToroidalWrappedNormal):  # on spheres
        x64 = x64 / x64.norm(dim=-1, keepdim=True)
    np.testing.assert_allclose(law.log_prob(x), wide.log_prob(x64), rtol=3e-5, atol=3e-4)
    for name in ("entropy", "log_normalizer"):
        np.testing.assert_allclose(getattr(law, name)(), getattr(wide, name)(), rtol=1e-5, atol=1e-5)


@FORWARD
@EVERY
def test_functional_transforms(case: Case) -> None:
    """jacrev and jvp of log_prob, and of the moments, against plain autograd."""
    x = draws(case, 2)
    parameters = moving(case)
    tangents = tuple(torch.cos(torch.arange(p.numel(), dtype=p.dtype)).reshape(p.shape) for p in parameters)
    laws = [density(case, x)]
    if not case.label.endswith("flat"):
        laws += [
            lambda *p: case.of(*p, validate_args=False).entropy(),
            lambda *p: case.of(*p, validate_args=False).variance,
        ]
    for function in laws:
        leaves = tuple(p.clone().requires_grad_() for p in parameters)
        value = function(*leaves)
        plain = torch.autograd.grad(value.sum(), leaves, allow_unused=True, materialize_grads=True)
        jacobians = torch.func.jacrev(function, tuple(range(len(parameters))))(*parameters)
        for got, want in zip(jacobians, plain, strict=True):
            summed = got.reshape(-1, *want.shape).sum(dim=0)
            assert torch.allclose(summed, want, rtol=1e-10, atol=1e-12)
        _, moved = torch.func.jvp(function, parameters, tangents)
        along = sum(((j * t).reshape(*value.shape, -1).sum(-1) for j, t in zip(jacobians, tangents, strict=True)))
        assert torch.allclose(moved, along, rtol=1e-10, atol=1e-12)


@EVERY
def test_vmap_over_points_and_parameters(case: Case) -> None:
    x = draws(case, 4)
    first, second, *others = parameters = moving(case)
    each = torch.stack([density(case, row)(*parameters) for row in x])
    assert torch.allclose(torch.func.vmap(lambda row: density(case, row)(*parameters))(x), each, rtol=1e-13)
    scales = torch.linspace(0.9, 1.1, 4, dtype=torch.float64)

    def at(scale: torch.Tensor) -> torch.Tensor:
        return density(case, x[0])(first, scale * second, *others)

    mapped = torch.func.vmap(torch.func.jacrev(at))(scales)
    assert torch.allclose(mapped, torch.stack([torch.func.jacrev(at)(s) for s in scales]), rtol=1e-11, atol=1e-13)


@EVERY
def test_draws_pass_gradients_in_both_dtypes(case: Case) -> None:
    for dtype in (torch.float32, torch.float64):
        parameters = moving(case, dtype, grad=True)
        kept = [torch.zeros((), dtype=dtype)] if case.label.endswith("flat") else []
        x, log_prob = case.of(*parameters, *kept).rsample_and_log_prob((4,))
        gradients = torch.autograd.grad(x.sum() + log_prob.sum(), parameters)
        for gradient, parameter in zip(gradients, parameters, strict=True):
            assert gradient.dtype == dtype
            assert gradient.shape == parameter.shape
            assert torch.isfinite(gradient).all()
        assert not case.of(*parameters, *kept).sample().requires_grad


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@EVERY
def test_on_a_gpu(case: Case) -> None:
    device = torch.device("cuda")
    parameters = [p.to(device) for p in case.tensors()]
    law, host = case.of(*parameters), case.build()
    x, log_prob = law.rsample_and_log_prob((50,), generator=torch.Generator(device).manual_seed(1))
    assert x.device.type == log_prob.device.type == "cuda"
    np.testing.assert_allclose(law.log_prob(x).cpu(), host.log_prob(x.cpu()), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(law.entropy().cpu(), host.entropy(), rtol=1e-12, atol=1e-12)
    leaves = [p.clone().requires_grad_() for p in parameters]
    total = case.of(*leaves).rsample((7,)).sum()
    assert all(torch.isfinite(g).all() for g in torch.autograd.grad(total, leaves))
