"""What a first call keeps for later ones: nothing that belongs to the mode it was made in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: E402
from torch.func import jacrev, vmap  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

import hyperdist_torch as ht  # noqa: E402
from hyperdist.arrays import namespace as _namespace  # noqa: E402

# torch's own warning, where its forward-mode derivatives load
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

Scalar = Callable[[Any], Any]


class Watched(TorchDispatchMode):
    """Sees every operation, and changes none."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return function(*args, **(kwargs or {}))


def inside(mode: Callable[[], Any]) -> Callable[[Scalar], Any]:
    def run(f: Scalar) -> Any:
        with mode():
            return f(scale())

    return run


FIRST_CALLS: dict[str, Callable[[Scalar], Any]] = {
    "fake": lambda f: inside(FakeTensorMode)(constants),  # a draw by inversion takes it ten times as long
    "watched": inside(Watched),
    "inference": inside(torch.inference_mode),
    "jacrev twice": lambda f: jacrev(jacrev(f))(scale()),
    "vmap": lambda f: vmap(f, randomness="same")(scale()[None]),
}


def scale() -> Any:
    return torch.tensor(0.8, dtype=torch.float64)


def constants(sigma: Any) -> Any:
    q = ht.RiemannianNormal(torch.zeros(2, dtype=sigma.dtype), sigma, 1.0, validate_args=False)
    return q.variance + q.log_normalizer()


def told(sigma: Any) -> Any:
    """A number that quadrature tells; so many draws have a slope by pieces."""
    q = ht.RiemannianNormal(torch.zeros(2, dtype=sigma.dtype), sigma, 1.0, validate_args=False)
    x = q.rsample((512,), method="inverse", generator=torch.Generator().manual_seed(1))
    return x.square().mean() + constants(sigma)


def derivatives() -> list[float]:
    sigma = scale().requires_grad_()
    value = told(sigma)
    (first,) = torch.autograd.grad(value, sigma, create_graph=True)
    (second,) = torch.autograd.grad(first, sigma)
    return [float(number.detach()) for number in (value, first, second)]


@pytest.fixture(scope="module")
def want() -> list[float]:
    return derivatives()


@pytest.mark.parametrize("name", FIRST_CALLS)
def test_a_first_call_in_a_mode_leaves_nothing_behind(name: str, want: list[float]) -> None:
    """Values and two derivatives after it are those of a plain start."""
    _namespace._KEPT.clear()
    for _ in range(2 if name == "jacrev twice" else 1):
        FIRST_CALLS[name](told)
    assert derivatives() == want
    assert any(isinstance(table, torch.Tensor) for table in _namespace._KEPT.values())
