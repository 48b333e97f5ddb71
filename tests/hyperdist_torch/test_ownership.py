"""A torch law refers to the tensors that it was made of: it follows changes in place, and refuses assignments."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import hyperdist as hd  # noqa: E402
import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch import flows  # noqa: E402
from tests.support.torch.laws import CASES, TORUS, Case  # noqa: E402

EVERY = pytest.mark.parametrize("case", [*CASES, *TORUS], ids=str)


@EVERY
def test_parameters_cannot_be_set(case: Case) -> None:
    law = case.build()
    for name in law.arg_constraints:
        with pytest.raises(AttributeError, match=f"{name} of a {case.name} cannot be set"):
            setattr(law, name, getattr(law, name))
    if case.hyperbolic:
        with pytest.raises(AttributeError, match="model of a"):
            law.model = "tangent"
    expanded = law.expand((2, *law.batch_shape))
    with pytest.raises(AttributeError, match="cannot be set"):
        expanded.mu = law.mu


def test_parts_of_a_mixture_cannot_be_set() -> None:
    mixture = ht.Mixture(torch.ones(2) / 2, ht.VonMisesFisher(torch.eye(2), 3.0))
    for name in ("weights", "component"):
        with pytest.raises(AttributeError, match=f"{name} of a Mixture cannot be set"):
            setattr(mixture, name, getattr(mixture, name))


def told(law: Any, x: Any) -> list[Any]:
    torch.manual_seed(3)
    found = [law.log_prob(x), law.entropy(), law.log_normalizer(), law.variance, law.sample((4,))]
    if hasattr(law, "radius"):
        radius = law.radius
        found += [radius.mean, radius.entropy(), radius.icdf(torch.full(law.batch_shape, 0.3, dtype=x.dtype))]
    return found


@EVERY
def test_a_change_in_place_is_the_laws_change(case: Case) -> None:
    """As by a step of an optimiser, after all that could be kept has been asked for."""
    parameters = case.tensors()
    law = case.of(*parameters)
    x = law.sample((3,))
    told(law, x)
    kept = law.radius if hasattr(law, "radius") else None
    with torch.no_grad():
        parameters[1].mul_(1.1)
    for found, expected in zip(told(law, x), told(case.of(*parameters), x), strict=True):
        torch.testing.assert_close(found, expected, rtol=0.0, atol=0.0)
    if kept is not None:
        torch.testing.assert_close(kept.entropy(), case.of(*parameters).radius.entropy(), rtol=0.0, atol=0.0)
        torch.testing.assert_close(kept.mean, case.of(*parameters).radius.mean, rtol=0.0, atol=0.0)


def test_parameters_of_a_numpy_law_are_taken() -> None:
    """They are read-only; the tensors are copies."""
    law = hd.VonMisesFisher([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], [3.0, 8.0])
    taken = ht.VonMisesFisher(law.mu, law.kappa)
    assert torch.equal(taken.kappa, torch.tensor([3.0, 8.0]))
    flow = flows.Flow(flows.FlowConfig("sphere", 2, hidden=4, base="mixture", components=2))
    flow.set_base(hd.Mixture([0.3, 0.7], law).weights, law.mu, law.kappa)
    assert torch.equal(flow.base_kappa, torch.tensor([3.0, 8.0]))
