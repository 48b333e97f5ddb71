"""Laws and spaces own their parameters: no later change of an array, nor an assignment, reaches them; they travel."""

from __future__ import annotations

import copy
import inspect
import multiprocessing
import pickle

import numpy as np
import pytest

import hyperdist as hd
from hyperdist._frozen import Frozen, owned
from tests.support.cases import CASES

LAWS = [*CASES, pytest.param(None, id="mixture")]


def build(case):
    if case is None:
        return hd.Mixture([0.4, 0.6], hd.RiemannianNormal([[0.1, 0.2], [0.5, 0.3]], [0.3, 0.8]))
    return case.build(np.float64)


def arrays(law):
    """The arrays that a law and what it is made of were given."""
    for name, value in vars(law).items():
        if law._is_cache(name):
            continue
        if isinstance(value, np.ndarray):
            yield value
        elif isinstance(value, Frozen):
            yield from arrays(value)


def used(law):
    """The law, with all that it works out once."""
    law.sample((3,), rng=0)
    law.sample((3,), rng=0, method="inverse")
    law.log_normalizer()
    return law


@pytest.mark.parametrize("case", LAWS, ids=str)
def test_parameters_are_read_only(case):
    law = build(case)
    assert all(not array.flags.writeable for array in arrays(law))
    for name in [name for name in vars(law) if not name.startswith("_")]:
        with pytest.raises(AttributeError, match=f"{name} of a {type(law).__name__} cannot be set"):
            setattr(law, name, getattr(law, name))
        with pytest.raises(AttributeError, match=f"{name} of a {type(law).__name__} cannot be deleted"):
            delattr(law, name)
    with pytest.raises(AttributeError):
        law.another = 1.0


@pytest.mark.parametrize("case", LAWS, ids=str)
@pytest.mark.parametrize("travel", [copy.copy, copy.deepcopy, lambda law: pickle.loads(pickle.dumps(law))])
def test_a_used_law_travels(case, travel):
    law = used(build(case))
    other = travel(law)
    assert type(other) is type(law)
    assert all(not array.flags.writeable for array in arrays(other))
    for method in ("rejection", "inverse"):
        pair = [q.sample_and_log_prob((4,), rng=3, method=method) for q in (law, other)]
        assert all(np.array_equal(a, b) for a, b in zip(*pair, strict=True))
    with pytest.raises(AttributeError):
        other.dtype = np.dtype(np.float32)


def normaliser_and_draw(law):
    return law.log_normalizer(), law.sample((2,), rng=5)


def test_laws_go_to_another_process():
    laws = [used(build(case.values[0] if hasattr(case, "values") else case)) for case in LAWS[::6]]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        there = pool.map(normaliser_and_draw, laws)
    for law, (normaliser, draw) in zip(laws, there, strict=True):
        np.testing.assert_array_equal(normaliser, law.log_normalizer())
        np.testing.assert_array_equal(draw, law.sample((2,), rng=5))


GIVEN = [
    (lambda a, b, c: hd.WrappedNormal(a, b, c), ([0.1, 0.2], [0.1, 0.5], 1.0)),
    (lambda a, b, c: hd.RiemannianNormal(a, b, c), ([0.1, 0.2], [0.1, 0.5], [0.5, 1.0])),
    (lambda a, b: hd.VonMisesFisher(a, b), ([0.6, 0.8], [2.0, 3.0])),
    (lambda a, b: hd.SphericalRiemannianNormal(a, b), ([0.6, 0.8], [2.0, 3.0])),
    (lambda a, b: hd.ToroidalWrappedNormal(a, b), ([0.6, 0.8], [2.0, 3.0])),
    (lambda a, b: hd.ToroidalWrappedNormal(a, scale_tril=b), ([0.6, 0.8], [[2.0, 0.0], [1.0, 3.0]])),
    (lambda a, b: hd.WrappedNormal(a, covariance_matrix=b), ([0.1, 0.2], [[0.5, 0.1], [0.1, 0.3]])),
    (lambda a: hd.Mixture(a, hd.VonMisesFisher(np.eye(2), 3.0)), ([0.25, 0.75],)),
]


@pytest.mark.parametrize(("make", "given"), GIVEN, ids=[type(make(*given)).__name__ for make, given in GIVEN])
def test_what_a_law_was_made_of_may_change(make, given):
    own = [np.array(value, dtype=np.float64) for value in given]
    law, same = make(*own), make(*given)
    before = law.sample_and_log_prob((3,), rng=1)
    for array in own:
        array[...] = 0.123
    for q in (law, same):
        for a, b in zip(q.sample_and_log_prob((3,), rng=1), before, strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(law.log_normalizer(), same.log_normalizer())


def test_a_space_owns_its_curvature():
    c = np.array([1.0, 2.0])
    space = hd.PoincareBall(c)
    c[0] = 3.0
    assert space.c.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        space.c[0] = 3.0


def test_an_owned_broadcast_is_copied_once():
    wide = np.broadcast_to(np.arange(3.0), (10**6, 3))
    copied = owned(wide)
    assert copied.shape == wide.shape
    assert copied.strides == wide.strides
    assert not copied.flags.writeable
    assert not np.shares_memory(copied, wide)
    for array in (np.zeros(()), np.zeros((0, 3)), np.arange(6.0).reshape(2, 3).T):
        np.testing.assert_array_equal(owned(array), array)


@pytest.mark.parametrize("kind", [hd.RiemannianNormal, hd.VonMisesFisher, hd.Mixture])
def test_a_class_tells_its_arguments(kind):
    names = [*inspect.signature(kind).parameters]
    assert names == [*inspect.signature(kind.__init__).parameters][1:]
    assert names[0] in ("mu", "weights")
