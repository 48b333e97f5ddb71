"""Laws as values: picked from a batch, compared, and through JSON and back, every law of the contract."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

import hyperdist as hd
from tests.support.cases import CASES


def repr_of(law):
    return f"{type(law).__name__}{list(law.batch_shape)}{law.event_shape[0]}-{law.dtype}"


UNIFORM = [hd.SphericalUniform(3), hd.ToroidalUniform(2)]
POLES = [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
MIXTURES = [
    hd.Mixture([0.3, 0.7], hd.VonMisesFisher(POLES, [20.0, 5.0])),
    hd.Mixture([[0.3, 0.7], [0.5, 0.5]], hd.RiemannianNormal(np.zeros((2, 2, 3)), 0.5, 1.2)),
    hd.Mixture([0.2, 0.5, 0.3], [hd.SphericalUniform(2), hd.VonMisesFisher(POLES, [20.0, 5.0])]),
    hd.Mixture([0.5, 0.5], hd.ToroidalWrappedNormal([[0.0, 1.0], [2.0, 2.0]], 0.5)),
]
LAWS = [
    *(case.build(dtype) for case in CASES for dtype in (np.float64, np.float32)),
    *UNIFORM,
    *MIXTURES,
    hd.WrappedNormal([9.0, 1.0], 2.0, model="tangent"),
    hd.ToroidalWrappedNormal([[3.0, 1.0]], [0.5, 2.0]),
    hd.ToroidalWrappedNormal([3.0, 1.0], scale_tril=[[[0.5, 0.0], [0.3, 0.2]], [[2.0, 0.0], [1.0, 3.0]]]),
    hd.WrappedNormal([3.0, 1.0], covariance_matrix=[[1.0, 0.9], [0.9, 1.0]], model="tangent"),
    hd.VonMisesFisher(np.empty((0, 3)), np.empty(0)),
]


@pytest.mark.parametrize("law", LAWS, ids=repr_of)
def test_json_loses_nothing(law):
    back = hd.Distribution.from_dict(json.loads(json.dumps(law.to_dict())))
    assert type(back) is type(law)
    assert back == law
    assert hash(back) == hash(law)
    assert (back.batch_shape, back.event_shape, back.dtype) == (law.batch_shape, law.event_shape, law.dtype)
    assert type(law).from_dict(law.to_dict()) == law
    assert copy.deepcopy(law) == pickle.loads(pickle.dumps(law)) == law


@pytest.mark.parametrize("law", [law for law in LAWS if law.batch_shape and 0 not in law.batch_shape], ids=repr_of)
def test_an_element_has_the_density_and_the_draws_that_it_has_in_the_batch(law, seed):
    """To rounding: an element is worked out without the others."""
    x = law.sample(5, seed)
    whole = law.log_prob(x)
    tolerance = {"rtol": 64 * np.finfo(law.dtype).eps, "atol": 64 * np.finfo(law.dtype).eps}
    for index in np.ndindex(*law.batch_shape):
        one = law[index]
        assert (one.batch_shape, one.event_shape, one.dtype) == ((), law.event_shape, law.dtype)
        np.testing.assert_allclose(one.log_prob(x[:, *index]), whole[:, *index], **tolerance)
        np.testing.assert_allclose(one.log_normalizer(), law.log_normalizer()[index], **tolerance)
    assert [part.batch_shape for part in law] == [law.batch_shape[1:]] * law.batch_shape[0]
    assert law[...] == law[:] == law
    flipped = law[::-1]
    np.testing.assert_allclose(flipped.log_prob(x[:, ::-1]), whole[:, ::-1], **tolerance)
    assert flipped[::-1].sample(2, 0).shape == law.sample(2, 0).shape


def test_whatever_indexes_an_array_indexes_a_law():
    kappa = np.arange(1.0, 13.0).reshape(3, 4)
    law = hd.VonMisesFisher([0.6, 0.8], kappa)
    mask = kappa > 7.5
    for index in (1, (2, -1), np.s_[1:], np.s_[..., 0], np.s_[:, None, 2:], [2, 0], mask, (np.array([0, 1]), 2)):
        np.testing.assert_array_equal(law[index].kappa, kappa[index])
        assert law[index].mu.shape == (*kappa[index].shape, 2)


def test_what_a_batch_does_not_have_is_said():
    with pytest.raises(IndexError, match=r"VonMisesFisher of batch shape \(\): too many indices"):
        hd.VonMisesFisher([0.6, 0.8], 3.0)[0]
    with pytest.raises(IndexError, match=r"batch shape \(2,\): index 2 is out of bounds"):
        MIXTURES[0].component[2]
    with pytest.raises(TypeError, match="without batch cannot be iterated over"):
        list(hd.SphericalUniform(2))
    assert hd.SphericalUniform(2)[()] == hd.SphericalUniform(2)


def test_components_of_several_families_are_picked():
    component = MIXTURES[2].component
    assert component[0] == hd.SphericalUniform(2)
    assert component[2] == hd.VonMisesFisher(POLES[1], 5.0)
    assert component[1:][0] == hd.VonMisesFisher(POLES[0], 20.0)
    assert [type(law) for law in component] == [hd.SphericalUniform, hd.VonMisesFisher, hd.VonMisesFisher]


def test_equality_is_of_class_dtype_and_parameters():
    law = hd.RiemannianNormal([0.1, 0.0], 0.5)
    assert law == hd.RiemannianNormal(np.array([0.1, -0.0]), 0.5, 1.0)
    assert hash(law) == hash(hd.RiemannianNormal(np.array([0.1, -0.0]), 0.5, 1.0))
    different = [
        hd.WrappedNormal([0.1, 0.0], 0.5), hd.RiemannianNormal([0.1, 0.0], np.nextafter(0.5, 1)),
        hd.RiemannianNormal([0.1, 0.0], 0.5, 2.0), hd.RiemannianNormal([0.1, 0.0], 0.5, model="tangent"),
        hd.RiemannianNormal(np.array([0.1, 0.0], np.float32), 0.5), hd.RiemannianNormal([[0.1, 0.0]], 0.5), "law", None,
    ]  # fmt: skip
    for other in different:
        assert law != other
    assert len({law, *different[:-2]}) == 7


def test_what_is_no_law_is_refused():
    with pytest.raises(ValueError, match="values must be what to_dict of a Distribution gives, got law 'Normal'"):
        hd.Distribution.from_dict({"law": "Normal", "mu": [0.0]})
    with pytest.raises(ValueError, match="to_dict of a VonMisesFisher gives, got law 'SphericalUniform'"):
        hd.VonMisesFisher.from_dict(hd.SphericalUniform(2).to_dict())
    with pytest.raises(ValueError, match="got law None"):
        hd.Distribution.from_dict([1.0])
    with pytest.raises(ValueError, match="kappa must be >= 0"):
        hd.Distribution.from_dict({"law": "VonMisesFisher", "mu": [0.0, 1.0], "kappa": -1.0})


def test_axes_are_added_to_laws_without_a_batch():
    """law[None] is what indexing an array of the batch's shape makes of it, of every kind of law."""
    one, two = hd.VonMisesFisher([0.0, 0.0, 1.0], 2.0), hd.VonMisesFisher([[0.0, 0.0, 1.0]] * 2, 3.0)
    uniform = hd.SphericalUniform(2)
    laws = [one, hd.Product(one, one), hd.Product(one, uniform), hd.Mixture([0.5, 0.5], two)]
    laws += [hd.Mixture([0.1, 0.9], [uniform, one]), hd.Mixture([0.1, 0.4, 0.5], [uniform, two])]
    for law in laws:
        x = law.sample(rng=0)
        for index, shape in ((None, (1,)), ((None, None), (1, 1)), (Ellipsis, ()), ((None, Ellipsis), (1,))):
            assert law[index].batch_shape == shape
            np.testing.assert_allclose(law[index].log_prob(x), np.broadcast_to(law.log_prob(x), shape), rtol=1e-14)
    assert hd.Product(one, two)[None].batch_shape == (1, 2)


def test_what_is_no_law_is_named():
    for values, match in (
        ({"law": "Distribution"}, "must name a law that there is, got 'Distribution'"),
        ({"law": "VonMisesFisher", "mu": [0.0, 0.0, 1.0]}, r"what to_dict of a VonMisesFisher gives, got \['mu'\]"),
        ({"law": "Product"}, "what to_dict of a Product gives"),
    ):
        with pytest.raises(ValueError, match=match):
            hd.Distribution.from_dict(values)
