"""Unit vectors as data have them: float32 read in float64, and what a network in half precision normalises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402
from torch.nn import functional  # noqa: E402

import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch import flows  # noqa: E402
from hyperdist_torch.constraints import unit_sphere  # noqa: E402

DOUBLE = torch.float64
LAWS: list[Callable[[Any], Any]] = [
    lambda mu: ht.VonMisesFisher(mu, 5.0),
    lambda mu: ht.SphericalRiemannianNormal(mu, 0.4),
    lambda mu: ht.Mixture([0.3, 0.7], ht.VonMisesFisher(torch.stack([mu, mu]), torch.tensor([5.0, 50.0]))),
    lambda mu: flows.RiemannianCNF(
        ht.SphericalUniform(mu.shape[-1] - 1, dtype=mu.dtype if mu.dtype == DOUBLE else torch.float32),
        flows.FrameField(flows.Sphere(2), hidden=4).to(mu.dtype if mu.dtype == DOUBLE else torch.float32),
    ),
]


def points(n: int, dtype: torch.dtype) -> Tensor:
    return functional.normalize(torch.randn(n, 3, dtype=dtype), dim=-1)


@pytest.mark.parametrize("law", LAWS)
def test_density_of_a_catalogue_is_that_of_its_directions(law: Any) -> None:
    x = points(50, torch.float32).double()
    unit = x / torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    torch.manual_seed(1)
    q = law(unit[0])
    torch.manual_seed(1)
    rough = law(x[0])
    torch.testing.assert_close(q.log_prob(x), q.log_prob(unit), rtol=0.0, atol=1e-12)
    torch.testing.assert_close(rough.log_prob(x), q.log_prob(unit), rtol=0.0, atol=1e-12)
    with pytest.raises(ValueError, match="must lie"):
        q.log_prob(x * 1.001)


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("law", LAWS)
def test_half_precision_under_autocast(law: Any, half: torch.dtype) -> None:
    """Its own rounding is tolerated, and divided out; what is further off is refused."""
    with torch.autocast("cpu", dtype=half):
        x = functional.normalize(points(200, torch.float32).to(half), dim=-1).to(half)
        wide = x.float() / torch.linalg.vector_norm(x.float(), dim=-1, keepdim=True)
        assert bool(unit_sphere.check(x).all())
        torch.manual_seed(1)
        q = law(x[0])
        torch.manual_seed(1)
        fine = law(wide[0])
        got = q.log_prob(x)
        torch.testing.assert_close(got, fine.log_prob(wide), rtol=0.0, atol=1e-5)
        with pytest.raises(ValueError, match="must lie"):
            q.log_prob(x * 1.05)


def test_constraint() -> None:
    for dtype, step in ((DOUBLE, 1e-7), (torch.float32, 1e-7), (torch.bfloat16, 8e-3), (torch.float16, 1e-3)):
        x = torch.tensor([[1.0 + step, 0.0], [0.95, 0.0]], dtype=dtype)
        assert unit_sphere.check(x).tolist() == [True, False]
    with pytest.raises(ValueError, match="mu"):
        ht.VonMisesFisher(torch.tensor([0.6, 0.7], dtype=DOUBLE), 1.0)
