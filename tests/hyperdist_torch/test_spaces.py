"""The spaces on tensors: values, two derivatives, dtypes, devices, transforms, errors; every method of every space."""

from __future__ import annotations

import inspect
import warnings
from functools import partial
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.fx.experimental.proxy_tensor import make_fx  # noqa: E402

import hyperdist as hd  # noqa: E402
from tests.support.space_methods import CHECKS, CURVED, KINDS, METHODS, Method  # noqa: E402
from tests.support.torch.device import DEVICE, Elsewhere, elsewhere  # noqa: E402

SPECIAL = ("", "same", "origin", "flat")
GENERIC = 1e-12
"""Rounding of two elementary functions, amplified by cosh(3)^2 = 101 at most (``contracts_spaces``): 40 eps each."""


def tensors(free: dict[str, np.ndarray], dtype: Any = None) -> dict[str, Any]:
    return {name: torch.tensor(value, dtype=dtype or torch.float64) for name, value in free.items()}


def has(method: Method, special: str) -> bool:
    """Whether a kind of space has special points of a kind, and the method a value there."""
    return special != "flat" or (method.kind in ("poincare", "tangent") and method.name != "to_lorentz")


def smooth(method: Method, special: str) -> bool:
    """A distance has no derivative at x = y, nor a length at 0."""
    return (special, method.name) not in {("same", "dist"), ("same", "pairwise"), ("origin", "norm")}


def test_every_public_method_is_here() -> None:
    for kind, space in KINDS.items():
        made = space(1.0) if kind in CURVED else space()
        public = {name for name, _ in inspect.getmembers(type(made), callable) if not name.startswith("_")}
        assert public - set(CHECKS) == {method.name for method in METHODS if method.kind == kind}


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_value_is_that_of_numpy(method: Method, rng: np.random.Generator) -> None:
    for special in filter(partial(has, method), SPECIAL):
        free = method.free(rng, special)
        for dtype, tolerance in ((np.float64, GENERIC), (np.float32, GENERIC * 2.0**29)):
            given = {name: value.astype(dtype) for name, value in free.items()}
            want, got = method.call(given), method.call(tensors(given, getattr(torch, np.dtype(dtype).name)))
            assert str(got.dtype) == f"torch.{np.dtype(dtype).name}"
            np.testing.assert_allclose(got.numpy(), want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_two_derivatives(method: Method, rng: np.random.Generator) -> None:
    """In points, tangents, times and c; where c is 0, its least value, in the others."""
    for special in SPECIAL:
        if not has(method, special) or not smooth(method, special):
            continue
        free = tensors(method.free(rng, special))
        fixed = {"c": free.pop("c")} if special == "flat" else {}
        names = list(free)

        def function(*given: Any, names: list[str] = names, fixed: dict[str, Any] = fixed) -> Any:
            return method.call(dict(zip(names, given, strict=True)) | fixed)

        leaves = [value.requires_grad_() for value in free.values()]
        assert torch.autograd.gradcheck(function, leaves, fast_mode=True)
        assert torch.autograd.gradgradcheck(function, leaves, fast_mode=True)


@pytest.mark.parametrize("method", [m for m in METHODS if m.kind in ("poincare", "tangent")], ids=str)
def test_derivative_in_curvature_where_it_is_flat(method: Method, rng: np.random.Generator) -> None:
    """Against the one-sided difference 4 f(h/2) - f(h) - 3 f(0), which is right to h^2."""
    if not has(method, "flat"):
        return
    free, h = tensors(method.free(rng, "flat")), 2.0**-13
    c = free.pop("c").requires_grad_()
    result = method.call(free | {"c": c}).sum()
    slope = torch.autograd.grad(result, c)[0] if result.requires_grad else torch.zeros((), dtype=torch.float64)

    def at(c: float) -> Any:
        return method.call(free | {"c": torch.tensor(c, dtype=torch.float64)}).sum()

    difference = (4.0 * at(0.5 * h) - at(h) - 3.0 * at(0.0)) / h
    torch.testing.assert_close(slope, difference, rtol=100 * h * h, atol=100 * h * h)


@pytest.mark.parametrize("kind", KINDS)
def test_lengths_have_gradient_zero_where_they_are_zero(kind: str, rng: np.random.Generator) -> None:
    for name, special in (("dist", "same"), ("pairwise", "same"), ("norm", "origin")):
        (method,) = (m for m in METHODS if (m.kind, m.name) == (kind, name))
        free = {name: value.requires_grad_() for name, value in tensors(method.free(rng, special)).items()}
        result = method.call(free)
        for gradient in torch.autograd.grad(result.diagonal().sum() if result.ndim else result, free.values()):
            assert (gradient == 0).all()


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_on_a_device(method: Method, rng: np.random.Generator) -> None:
    free = tensors(method.free(rng))
    want = method.call(free)
    with elsewhere():
        there = {name: value.to(DEVICE).requires_grad_() for name, value in free.items()}
        got = method.call(there)
        gradients = torch.autograd.grad(got.sum(), list(there.values()), allow_unused=True)
    assert isinstance(got, Elsewhere)
    torch.testing.assert_close(got.here, want, rtol=GENERIC, atol=GENERIC)
    assert all(gradient is None or isinstance(gradient, Elsewhere) for gradient in gradients)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_under_vmap_and_in_a_trace(method: Method, rng: np.random.Generator) -> None:
    free = tensors(method.free(rng))
    names = list(free)

    def function(*given: Any) -> Any:
        return method.call(dict(zip(names, given, strict=True)))

    many = [torch.stack([value, 0.5 * value, 0.7 * value]) for value in free.values()]
    want = torch.stack([function(*row) for row in zip(*many, strict=True)])
    torch.testing.assert_close(torch.func.vmap(function)(*many), want, rtol=GENERIC, atol=GENERIC)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = make_fx(function)(*(row[0] for row in many))
    torch.testing.assert_close(traced(*(row[1] for row in many)), want[1], rtol=GENERIC, atol=GENERIC)


@pytest.mark.parametrize("kind", KINDS)
def test_compiled_as_one_graph(kind: str, rng: np.random.Generator) -> None:
    names = ("dist", "geodesic", "from_frame")
    methods = [m for m in METHODS if m.kind == kind and m.name in names]

    def function(free: dict[str, Any]) -> Any:
        return [method.call(free) for method in methods]

    free = tensors({name: value for method in methods for name, value in method.free(rng).items()})
    compiled = torch.compile(function, backend="eager", fullgraph=True)
    for got, want in zip(compiled(free), function(free), strict=True):
        torch.testing.assert_close(got, want, rtol=GENERIC, atol=GENERIC)


WRONG: list[tuple[Any, str, tuple[Any, ...]]] = [
    (hd.PoincareBall(4.0), "dist", ([0.3, 0.4], [0.1, 0.1])),
    (hd.PoincareBall(4.0), "dist", ([0.3, 0.3], [[0.1, 0.1], [3.0, 4.0]])),
    (hd.PoincareBall(1.0), "dist", ([0.3, np.nan], [0.1, 0.1])),
    (hd.PoincareBall(1.0), "dist", ([0.3, 0.1], [0.1, 0.1, 0.2])),
    (hd.PoincareBall([1.0, 2.0, 3.0]), "dist", ([[0.1, 0.2]] * 2, [0.1, 0.1])),
    (hd.PoincareBall(0.0), "check_point", ([1e160, 0.0],)),
    (hd.PoincareBall(1.0), "exp", ([0.0, 0.0], [40.0, 0.0])),
    (hd.PoincareBall(1.0), "mobius_scalar_mul", (40.0, [0.9, 0.0])),
    (hd.PoincareBall(1.0), "dist_to_gyroplane", ([0.1, 0.0], [0.1, 0.0], [0.0, 0.0])),
    (hd.PoincareBall(1.0), "pairwise", ([0.1, 0.0], [[0.1, 0.0]])),
    (hd.PoincareBall([1.0, 2.0]), "pairwise", ([[0.1, 0.0]], [[0.1, 0.0]])),
    (hd.PoincareBall(1.0, d=3), "log_volume", ([0.1, 0.0],)),
    (hd.Tangent(1.0), "to_poincare", ([60.0, 0.0],)),
    (hd.Tangent(1.0), "to_lorentz", ([800.0, 0.0],)),
    (hd.Tangent(1.0), "log", ([70.0, 20.0], [-40.0, 10.0])),
    (hd.Lorentz(1.0), "check_point", ([1.0, 0.5, 0.5],)),
    (hd.Lorentz(1.0), "exp", ([1.0, 0.0, 0.0], [1.0, 0.0, 0.0])),
    (hd.Sphere(), "check_point", ([[1.0, 0.0], [0.6, 0.7]],)),
    (hd.Sphere(), "exp", ([1.0, 0.0], [1.0, 0.0])),
    (hd.Sphere(), "project", ([0.0, 0.0],)),
    (hd.Sphere(3), "check_point", ([1.0, 0.0],)),
    (hd.Torus(), "check_point", ([0.0, np.pi],)),
    (hd.Euclidean(), "dist", ([0.0, np.inf], [0.0, 1.0])),
]


@pytest.mark.parametrize(("space", "name", "given"), WRONG, ids=lambda v: v if isinstance(v, str) else "")
def test_refuses_what_numpy_refuses_in_the_same_words(space: Any, name: str, given: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError) as plain:  # noqa: PT011
        getattr(space, name)(*(np.asarray(value) for value in given))
    with pytest.raises(ValueError) as other:  # noqa: PT011
        getattr(space, name)(*(torch.tensor(value, dtype=torch.float64) for value in given))
    assert str(other.value) == str(plain.value)


def test_refuses_within_a_vmap() -> None:
    many = torch.tensor([[0.1, 0.2], [0.9, 0.9]])
    with pytest.raises(ValueError, match=r"x must lie inside the ball, .* = 1\.27.* \(1 of 2 points outside\)"):
        torch.func.vmap(lambda x: hd.PoincareBall(1.0).dist(x, torch.zeros(2)))(many)


def test_refuses_other_dtypes() -> None:
    for dtype in (torch.float16, torch.bfloat16, torch.bool, torch.complex64):
        with pytest.raises(TypeError, match="x must hold real numbers, float32 or float64, got dtype"):
            hd.Euclidean().log_volume(torch.zeros(2, dtype=dtype))
    assert hd.Euclidean().dist(torch.tensor([0, 0]), torch.tensor([3, 4])).dtype == torch.float64


def test_a_tensor_decides_for_lists_arrays_and_curvature() -> None:
    x = torch.tensor([0.1, 0.2], requires_grad=True)
    for y in ([0.3, 0.1], np.array([0.3, 0.1])):
        for result in (hd.PoincareBall(1.0).dist(x, y), hd.PoincareBall(1.0).dist(y, x)):
            assert result.dtype == torch.float32
            assert result.requires_grad
    c = torch.tensor(1.3, requires_grad=True)
    for result in (hd.PoincareBall(c).dist([0.1, 0.2], [0.3, 0.1]), hd.Lorentz(c).origin(2)):
        assert result.requires_grad
    assert hd.PoincareBall(c).dist(x.double(), [0.3, 0.1]).dtype == torch.float64
    assert hd.PoincareBall(c).c is c
    assert hd.PoincareBall(c) == hd.PoincareBall(c) != hd.PoincareBall(1.3)
    assert hd.Sphere().origin(2, like=x).dtype == torch.float32


def test_points_off_by_rounding_stand_for_those_of_the_sphere() -> None:
    x, y = np.array([0.6, 0.8 + 1e-7]), np.array([1.0, 0.0])
    got = hd.Sphere().dist(torch.tensor(x), torch.tensor(y))
    np.testing.assert_allclose(got.numpy(), hd.Sphere().dist(x, y), rtol=1e-15)


@pytest.mark.parametrize("kind", KINDS)
def test_pairwise_in_blocks(kind: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of two rows give what one block gives, gradients of both orders too."""
    (method,) = (m for m in METHODS if (m.kind, m.name) == (kind, "pairwise"))
    free = tensors(method.free(rng))
    leaves = [value.requires_grad_() for value in free.values()]

    def results() -> list[Any]:
        first = method.call(free)
        weights = torch.linspace(0.5, 1.5, first.numel(), dtype=torch.float64).reshape(first.shape)
        gradients = torch.autograd.grad((first * weights).sum(), leaves, create_graph=True)
        second = torch.autograd.grad(sum((g * g).sum() for g in gradients), leaves)
        return [first, *gradients, *second]

    whole = results()
    monkeypatch.setattr("hyperdist.spaces.pairs._BLOCK", 2 * 4 * (3 + (kind in ("lorentz", "sphere", "product"))))
    for got, want in zip(results(), whole, strict=True):
        torch.testing.assert_close(got, want, rtol=GENERIC, atol=GENERIC)
    given = {name: value.detach().numpy() for name, value in free.items()}
    np.testing.assert_allclose(method.call(given), whole[0].detach().numpy(), rtol=GENERIC)
