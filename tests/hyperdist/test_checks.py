"""What ``hyperdist.checks`` accepts and the words of what it refuses: the argument's name, its value, the bound."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperdist import checks

REFUSED: list[tuple[Any, tuple[Any, ...], type[Exception], str]] = [
    (checks.as_float, (1j, "sigma"), TypeError, "sigma must hold real numbers, got dtype complex128"),
    (checks.as_float, ("1", "sigma"), TypeError, "sigma must hold real numbers, got dtype <U1: .*1"),
    (checks.as_float, (None, "sigma"), TypeError, "sigma must hold real numbers, got dtype object: None"),
    (checks.as_float, (True, "sigma"), TypeError, "sigma must hold real numbers, got dtype bool"),
    (checks.as_float, ([[1], [2, 3]], "sigma"), ValueError, "sigma must be rectangular"),
    (checks.finite, (np.array([1.0, np.nan]), "mu"), ValueError, r"mu must be finite, got .*nan.* at index \(1,\)"),
    (checks.finite, (np.array([np.inf, np.nan]), "mu"), ValueError, r"mu must be finite, got .*inf.* \(and 1 more\)"),
    (checks.positive, (0.0, "sigma"), ValueError, "sigma must be > 0, got .*0.0"),
    (checks.positive, ([1.0, -2.0], "sigma"), ValueError, r"sigma must be > 0, got .*-2.0.* at index \(1,\)"),
    (checks.positive, (np.nan, "sigma"), ValueError, "sigma must be finite, got .*nan"),
    (checks.positive, (3.0, "sigma", 2.0), ValueError, "sigma must be > 0 and <= 2, got .*3.0"),
    (checks.non_negative, (-1e-300, "c"), ValueError, "c must be >= 0, got .*-1e-300"),
    (checks.curvature, (-1.0,), ValueError, "c must be >= 0, got .*-1.0"),
    (checks.probability, (1.5,), ValueError, r"p must lie in \[0, 1\], got .*1.5"),
    (checks.dimension, (0,), ValueError, "d must be an integer >= 1, got 0"),
    (checks.dimension, (2.0,), TypeError, "d must be an integer >= 1, got 2.0"),
    (checks.dimension, (True,), TypeError, "d must be an integer >= 1, got True"),
    (checks.vector, (1.0, "mu"), ValueError, r"mu must have shape \(\*batch, d\) with d >= 1, got shape \(\)"),
    (checks.vector, (np.ones((2, 1)), "mu", 2), ValueError, r"mu must have shape .* d >= 2, got shape \(2, 1\)"),
    (checks.points, (np.ones((2, 3)), "x", 2), ValueError, r"x must have 2 coordinates .*, got shape \(2, 3\)"),
    (checks.inside_ball, (np.array([0.6, 0.8]), np.array(1.0), "mu"), ValueError, r"mu must lie inside the ball.*1.0"),
    (checks.inside_ball, (np.array([3.0, 4.0]), np.array(4.0), "mu"), ValueError, r"sqrt\(c\) \|mu\| = .*10.0"),
    (checks.on_sphere, (np.array([0.6, 0.7]), "mu"), ValueError, r"mu must lie on the unit sphere to .*0.92"),
    (checks.sample_shape, ((-1,),), ValueError, r"sample_shape must be integers >= 0, got \(-1,\)"),
    (checks.sample_shape, (1.5,), TypeError, "sample_shape must be integers >= 0, got 1.5"),
    (checks.sample_shape, ((2, "3"),), TypeError, "sample_shape must be integers >= 0"),
    (checks.sample_shape, (True,), ValueError, "sample_shape must be integers >= 0, got True"),
    (
        checks.choice,
        ("klein", "model", ("poincare", "tangent")),
        ValueError,
        "model must be one of poincare, tangent, got 'klein'",
    ),
    (checks.choice, (1, "model", ("poincare",)), ValueError, "model must be one of poincare, got 1"),
    (checks.generator, ("seed",), TypeError, "rng must be what numpy.random.default_rng takes, got 'seed'"),
    (checks.generator, (-1,), ValueError, "rng must be what numpy.random.default_rng takes, got -1"),
    (checks.shares, ([1.0], 2), ValueError, r"weights must have length 2, .* got shape \(1,\)"),
    (checks.shares, ([1.0, -1.0], 2), ValueError, "weights must be >= 0, got .*-1.0"),
    (checks.shares, ([0.0, 0.0], 2), ValueError, "weights must have a positive sum, got 0.0"),
    (checks.shares, (None, 0), ValueError, "x must hold at least one observation"),
    (checks.shares, (np.ones((2, 0)), 2), ValueError, r"no axis of length 0, got shape \(2, 0\)"),
    (checks.sample_shape, ((2**32, 2**32),), ValueError, "sample_shape must ask for at most 1.15e.18 numbers, got"),
    (checks.sample_shape, (2**32, (2**32,)), ValueError, "sample_shape must ask for at most"),
    (checks.observations, (np.ones(3),), ValueError, r"x must have shape \(n, d\), .* \(3,\): x\[None\] is one"),
    (
        checks.observations,
        (np.ones((4, 3, 2)),),
        ValueError,
        r"got shape \(4, 3, 2\): fit x\[0\], .* x.reshape\(-1, 2\)",
    ),
    (checks.observations, (np.ones((4, 1)), "x", 2, "m"), ValueError, r"\(n, m\), .* with m >= 2, got shape \(4, 1\)"),
    (checks.observations, (np.ones((0, 3)),), ValueError, r"x must hold at least one observation, .* \(0, 3\)"),
    (checks.as_float, (np.ma.masked_greater([1.0, 3.0], 2), "x"), ValueError, "x must have no masked values, got 1:"),
    (checks.as_float, (np.ma.masked_greater([1.0, 3.0], 2), "weights"), ValueError, "weights .*, got 1: fill them"),
    (checks.as_float, (np.ma.masked_greater([[3.0]], 2), "y"), ValueError, r"leave their rows out \(y\[~y.mask.any"),
    (checks.as_float, ([[1.0, np.ma.masked]], "x"), ValueError, "x must have no masked values, got 1:"),
    (checks.as_float, ([np.ma.array([1, 2], mask=True)], "x"), ValueError, "x must have no masked values, got 2:"),
    (checks.one_positive, ([1.0, 2.0], "min_scale"), ValueError, r"min_scale must be one number, got shape \(2,\)"),
]


@pytest.mark.parametrize(
    ("check", "arguments", "error", "message"), REFUSED, ids=lambda v: getattr(v, "__name__", None)
)
def test_refuses(check: Any, arguments: tuple[Any, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        check(*arguments)


def test_broadcast_lists_every_shape() -> None:
    assert checks.broadcast(mu=(3, 1), sigma=(2,), c=()) == (3, 2)
    with pytest.raises(ValueError, match=r"shapes do not broadcast: mu \(3,\), sigma \(2,\), c \(\)"):
        checks.broadcast(mu=(3,), sigma=(2,), c=())


@given(st.sampled_from([np.int8, np.uint16, np.int64, np.float16, np.float32, np.float64]), st.integers(0, 100))
def test_promotes_without_changing_a_value(dtype: Any, value: int) -> None:
    """float32 and float64 stay; everything else becomes float64."""
    array = checks.as_float(np.asarray(value, dtype), "x")
    assert array.dtype == (np.float32 if dtype is np.float32 else np.float64)
    assert array == value
    assert checks.as_float(value, "x").dtype == np.float64
    assert checks.as_float([value], "x").shape == (1,)


def test_what_passes_comes_back_as_it_is() -> None:
    x = np.array([0.3, 0.4], np.float32)
    assert checks.inside_ball(x, np.array(1.0, np.float32), "x") is x
    y = np.array([0.6, 0.8])
    assert checks.on_sphere(y, "y") is y
    assert checks.on_sphere(y.astype(np.float32), "y").dtype == np.float32
    assert checks.positive([1, 2], "sigma").tolist() == [1.0, 2.0]
    assert checks.positive(np.empty(0), "sigma").shape == (0,)
    assert np.isnan(checks.probability([np.nan, 1.0])[0])
    assert checks.sample_shape(np.int64(3)) == (3,)
    assert checks.sample_shape([2, 0]) == (2, 0)
    assert checks.dimension(np.int32(2)) == 2
    assert isinstance(checks.generator(None), np.random.Generator)
    same = np.random.default_rng(1)
    assert checks.generator(same) is same


@given(st.floats(-3, 3))
def test_ball_and_sphere_bounds_from_both_sides(step: float) -> None:
    """Inside the ball up to the last float below 1; on the sphere up to the stated tolerance."""
    below, above = np.nextafter(1.0, 0.0), 1.0
    assert checks.inside_ball(np.array([below]), np.array(1.0), "x") == below
    with pytest.raises(ValueError, match="inside the ball"):
        checks.inside_ball(np.array([above]), np.array(1.0), "x")
    unit = np.array([0.6, 0.8])
    stretched = unit * (1 + step * checks.sphere_tolerance(unit))
    if abs(step) < 0.99:
        assert checks.on_sphere(stretched, "x") is stretched
    elif abs(step) > 1.01:
        with pytest.raises(ValueError, match="unit sphere"):
            checks.on_sphere(stretched, "x")


def test_a_mask_that_hides_nothing_is_no_mask() -> None:
    array = checks.as_float(np.ma.array([1.0, 2.0], mask=False), "x")
    assert type(array) is np.ndarray
    assert array.tolist() == [1.0, 2.0]


def test_nullable_columns_are_numbers() -> None:
    """pandas' Float64, Int64 and Float32, with NaN for what is missing; words, dates and truth values stay refused."""
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": [1.5, None], "b": [1, 2]}).convert_dtypes()
    np.testing.assert_array_equal(checks.as_float(table, "x"), [[1.5, 1.0], [np.nan, 2.0]])
    np.testing.assert_array_equal(checks.as_float(table["a"], "x"), [1.5, np.nan])
    np.testing.assert_array_equal(checks.as_float(table["a"].array, "x"), [1.5, np.nan])
    np.testing.assert_array_equal(checks.as_float(table.astype({"a": "float64"}), "x"), [[1.5, 1.0], [np.nan, 2.0]])
    for words in (["1", "2"], [True, None], pandas.to_datetime(["2020-01-01", None])):
        column = pandas.Series(words).convert_dtypes()
        for bad in (column, table.assign(c=column)):
            with pytest.raises(TypeError, match="x must hold real numbers"):
                checks.as_float(bad, "x")


def test_shares_of_weights_of_any_size() -> None:
    """Sums that no double holds, and those of the smallest numbers there are."""
    for size in (1.7e308, 1.0, 5e-324):
        np.testing.assert_array_equal(checks.shares(np.full((4, 2), size), 4), np.full((4, 2), 0.25))
    np.testing.assert_array_equal(checks.shares([1.5e308, 1.5e308, 5e-324], 3), [0.5, 0.5, 0.0])


def test_shares_and_weighted_mean() -> None:
    np.testing.assert_array_equal(checks.shares(None, 4), np.full(4, 0.25))
    w = np.array([[1, 0], [3, 2]])
    np.testing.assert_array_equal(checks.shares(w, 2), [[0.25, 0.0], [0.75, 1.0]])
    np.testing.assert_array_equal(checks.weighted_mean(np.array([[4.0, 1.0], [8.0, 5.0]]), w), [7.0, 5.0])
    np.testing.assert_array_equal(checks.weighted_mean(np.array([[4.0, 1.0], [8.0, 5.0]]), [1, 3]), [7.0, 4.0])


def test_values_in_messages_are_plain_numbers() -> None:
    """As a user would write them, in the precision they were given in."""
    for value, shown in ((-1.0, "-1.0"), (np.float32([1.0, -0.1]), r"-0.1 at index \(1,\)"), (-2, "-2.0")):
        with pytest.raises(ValueError, match=f"^sigma must be > 0, got {shown}$"):
            checks.positive(value, "sigma")
    with pytest.raises(TypeError, match=r"^mu must hold real numbers, got dtype <U1: 'a'$"):
        checks.as_float(["a", "b"], "mu")
